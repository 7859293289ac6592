SELECT
    left(query, 500) AS query,
    calls AS executions,
    mean_exec_time / 1000 AS mean_seconds,
    total_exec_time / 1000 AS total_seconds,
    rows::float8 / greatest(calls, 1) AS mean_rows
FROM pg_stat_statements -- missing? preload it, then CREATE EXTENSION pg_stat_statements
ORDER BY total_exec_time DESC
LIMIT 50;
