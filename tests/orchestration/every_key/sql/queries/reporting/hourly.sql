/* @asset
every: 1h
*/
-- Orders of the last hour.
SELECT count(*) AS orders FROM sales.clean_orders;
