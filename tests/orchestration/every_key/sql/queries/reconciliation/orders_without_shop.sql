/* @asset
expect: {warn: 0, error: 100}
*/
SELECT o.id FROM sales.orders AS o LEFT JOIN sales.shops AS s ON s.id = o.shop WHERE s.id IS NULL;
