SELECT
    usage.schemaname AS schema_name,
    usage.relname AS table_name,
    usage.indexrelname AS index_name,
    usage.idx_scan AS total_reads,
    pg_relation_size(usage.indexrelid) AS bytes
FROM pg_stat_user_indexes AS usage
JOIN pg_index AS definition ON definition.indexrelid = usage.indexrelid
WHERE usage.idx_scan = 0
    AND NOT definition.indisunique -- those keep a rule, read or not
    AND NOT definition.indisreplident
ORDER BY bytes DESC;
