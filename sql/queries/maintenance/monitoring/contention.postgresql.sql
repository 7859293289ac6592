SELECT
    waiting.pid AS waiting_pid,
    pg_blocking_pids(waiting.pid)::text AS blocking_pids,
    waiting.application_name,
    waiting.wait_event AS waits_for,
    extract(epoch FROM clock_timestamp() - waiting.query_start) AS waited_seconds,
    left(waiting.query, 200) AS query
FROM pg_stat_activity AS waiting
WHERE waiting.wait_event_type = 'Lock'
ORDER BY waited_seconds DESC;
