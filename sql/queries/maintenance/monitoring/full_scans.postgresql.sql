SELECT
    schemaname || '.' || relname AS table_name,
    seq_scan AS full_scans,
    seq_tup_read AS rows_read,
    seq_tup_read / greatest(seq_scan, 1) AS rows_read_avg,
    coalesce(idx_scan, 0) AS index_scans
FROM pg_stat_user_tables
WHERE seq_scan > 0 AND n_live_tup >= 10000
ORDER BY seq_tup_read DESC;
