/* @asset
target: {connection: warehouse}
columns: [shop, amount]
group_by: shop
measures: [count, {sum(amount): 1%}]
drill: 3
mend: upsert
key: id
*/
-- name: source
SELECT id, shop, amount FROM sales.orders;
-- name: target
SELECT id, shop, amount FROM copies.orders;
