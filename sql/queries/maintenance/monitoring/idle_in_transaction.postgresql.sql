SELECT
    pid,
    usename AS user_name,
    application_name,
    extract(epoch FROM clock_timestamp() - state_change) AS idle_seconds,
    left(query, 200) AS last_query
FROM pg_stat_activity
WHERE state LIKE 'idle in transaction%'
ORDER BY idle_seconds DESC;
