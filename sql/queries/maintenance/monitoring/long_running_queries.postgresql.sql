SELECT
    pid,
    usename AS user_name,
    application_name,
    extract(epoch FROM clock_timestamp() - query_start) AS seconds,
    left(query, 200) AS query
FROM pg_stat_activity
WHERE state = 'active'
    AND backend_type = 'client backend'
    AND pid <> pg_backend_pid()
    AND query_start < clock_timestamp() - INTERVAL '1 minute'
ORDER BY seconds DESC;
