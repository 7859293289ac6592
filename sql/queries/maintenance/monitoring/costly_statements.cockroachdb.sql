/* @asset
description: The 50 statements that took most time in all; on PostgreSQL this needs the extension pg_stat_statements.
owner: team:data-platform
tags: {needs: pg_stat_statements}
warn: {column: mean_seconds, below: 1m, null: ok}
*/
SELECT
    metadata->>'query' AS query,
    metadata->>'db' AS database_name,
    (statistics->'statistics'->>'cnt')::INT AS executions,
    (statistics->'statistics'->'svcLat'->>'mean')::FLOAT AS mean_seconds,
    (statistics->'statistics'->>'cnt')::INT * (statistics->'statistics'->'svcLat'->>'mean')::FLOAT AS total_seconds,
    (statistics->'statistics'->'rowsRead'->>'mean')::FLOAT AS mean_rows_read
FROM crdb_internal.statement_statistics
WHERE aggregated_ts > now() - INTERVAL '1 day'
ORDER BY total_seconds DESC
LIMIT 50;
