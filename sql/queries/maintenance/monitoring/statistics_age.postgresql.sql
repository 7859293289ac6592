SELECT
    schemaname || '.' || relname AS table_name,
    extract(epoch FROM now() - greatest(last_analyze, last_autoanalyze)) / 86400 AS age_days,
    n_live_tup AS row_count,
    n_mod_since_analyze AS changed_since
FROM pg_stat_user_tables
WHERE n_live_tup + n_mod_since_analyze > 0
ORDER BY age_days DESC NULLS FIRST;
