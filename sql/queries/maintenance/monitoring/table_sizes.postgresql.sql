SELECT
    schemaname AS schema_name,
    relname AS table_name,
    pg_table_size(relid) / 1e6 AS table_megabytes,
    pg_indexes_size(relid) / 1e6 AS index_megabytes,
    pg_total_relation_size(relid) / 1e6 AS megabytes
FROM pg_stat_user_tables
ORDER BY megabytes DESC;
