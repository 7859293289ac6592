SELECT
    pid,
    usename AS user_name,
    application_name,
    state,
    extract(epoch FROM clock_timestamp() - xact_start) AS seconds
FROM pg_stat_activity
WHERE backend_type = 'client backend'
    AND pid <> pg_backend_pid()
    AND xact_start < clock_timestamp() - INTERVAL '5 minutes'
ORDER BY seconds DESC;
