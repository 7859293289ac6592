/* @asset
description: Ranges and size of each table of the database, the largest first.
owner: team:data-platform
warn: {column: megabytes, below: 100000, null: ok}
*/
SELECT
    schema_name,
    table_name,
    count(*) AS ranges,
    sum(range_size_mb) AS megabytes
FROM [SHOW RANGES WITH TABLES, DETAILS]
GROUP BY schema_name, table_name
ORDER BY megabytes DESC;
