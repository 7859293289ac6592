/* @asset
description: Orders of a region; a new region is reported at once.
partition: {query: SELECT DISTINCT region FROM sales.shops, every: 10m, gone: remove}
on: [new_key, code_change]
*/
SELECT count(*) AS orders FROM sales.orders WHERE region = :partition_key;
