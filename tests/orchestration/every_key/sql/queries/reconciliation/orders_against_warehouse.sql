/* @asset
description: The warehouse has every order.
source: {connection: main, table: sales.orders, where: NOT deleted}
target: {connection: warehouse, table: copies.orders}
key: id
exclude: [loaded_at]
rename: {shop: store}
where: sold_at >= :partition_start AND sold_at < :partition_end
partition: {every: month, from: 2024-01-01}
tolerance: {amount: 0.01, text: ignore_case}
normalize: {email: "lower({})"}
sample: 5%
expect: {warn: 0, error: {max_share: 0.1%}, blocking: true}
recheck: {after: 30s, times: 2}
stop: 1000
limit: 50
exact: true
care: {workers: 2, throttle: SELECT lag > 5 FROM replication}
*/
