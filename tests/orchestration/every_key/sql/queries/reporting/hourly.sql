/* @asset
every: 1h
watch: {query: SELECT max(sold_at) FROM sales.orders, every: 60s}
*/
-- Orders of the last hour.
SELECT count(*) AS orders FROM sales.clean_orders;
