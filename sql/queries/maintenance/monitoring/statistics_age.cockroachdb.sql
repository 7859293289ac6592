/* @asset
description: How old the planner's statistics are; copy the file for each table that matters. `refresh_statistics` renews them.
owner: team:data-platform
warn: {column: age_days, below: 7}
*/
SELECT
    'flights' AS table_name,
    extract(epoch FROM now() - max(created)::TIMESTAMPTZ) / 86400 AS age_days,
    max(row_count) AS row_count
FROM [SHOW STATISTICS FOR TABLE flights];
