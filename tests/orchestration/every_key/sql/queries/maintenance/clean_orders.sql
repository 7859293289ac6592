/* @asset
owner: team:data-platform
every: 15m
idempotent: true
partition: {every: week, from: 2024-01-01}
*/
INSERT INTO sales.clean_orders SELECT * FROM sales.orders
WHERE sold_at >= :partition_start AND sold_at < :partition_end ON CONFLICT DO NOTHING;
