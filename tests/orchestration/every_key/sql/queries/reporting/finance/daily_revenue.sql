/* @asset
description: Revenue per shop and day.
owner: [team:finance, ann@example.com]
tags: {domain: sales, tier: ""}
connection: warehouse
cron: "0 6 * * *"
timezone: Europe/Berlin
partition: {every: day, from: 2024-01-01, to: 2025-01-01}
params:
  currency: {type: text, default: EUR, description: ISO 4217.}
  shops: {type: "integer[]", default: null}
  least: decimal
checks:
  not_null: [shop, day]
  unique: {columns: [shop, day], blocking: true}
  accepted_values: {currency: [EUR, CHF]}
  row_count: ">= 1"
  freshness: {column: newest, within: 2h, severity: warn}
  no_change_beyond: {rows: 20%, sum(revenue): 50%, severity: warn}
  no_refunds: {sql: SELECT shop FROM result WHERE revenue < 0, description: Refunds are booked elsewhere.}
timeout: 5m
retries: 2
as_of: -10s
special: clamp
depends_on: [maintenance/clean_orders]
*/
SELECT shop, sold_at::date AS day, :currency AS currency, sum(amount) AS revenue, max(sold_at) AS newest
FROM sales.orders
WHERE sold_at >= :partition_start AND sold_at < :partition_end AND amount > :least
    AND (:shops::int[] IS NULL OR shop = ANY(:shops))
GROUP BY shop, day;
