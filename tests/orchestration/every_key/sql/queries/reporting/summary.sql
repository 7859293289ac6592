/* @asset
description: What was sold, as soon as that is known.
after: [reporting/finance/daily_revenue, reporting/by_channel]
partition_mapping: {reporting/finance/daily_revenue: last}
fresh: {within: 1d, warn: 12h}
*/
SELECT count(*) AS orders FROM sales.clean_orders;
