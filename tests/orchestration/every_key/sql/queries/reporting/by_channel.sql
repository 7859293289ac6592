/* @asset
description: Orders of an hour and channel, many hours in one statement.
partition:
  hour: {every: hour, from: 2024-01-01, to: 2024-02-01, offset: 15m, timezone: Europe/Berlin, column: sold_at}
  channel: {keys: [shop, web]}
backfill: one_statement
fresh: {by: "0 9 * * MON-FRI", within: 3h}
*/
SELECT id, sold_at FROM sales.orders
WHERE sold_at >= :partition_start AND sold_at < :partition_end AND channel = :partition_key;
