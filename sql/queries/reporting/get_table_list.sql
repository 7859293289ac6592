/* @asset
description: Every table and view that this role may see, with the number of its columns.
owner: team:data-platform
checks:
  there_are_tables:
    sql: SELECT 'no table is visible to this role' AS problem WHERE NOT EXISTS (SELECT 1 FROM result)
*/
SELECT t.table_schema, t.table_name, t.table_type, count(c.column_name) AS columns
FROM information_schema.tables AS t
LEFT JOIN information_schema.columns AS c
    ON c.table_schema = t.table_schema AND c.table_name = t.table_name
WHERE t.table_schema NOT IN ('information_schema', 'pg_catalog', 'pg_extension', 'crdb_internal')
GROUP BY t.table_schema, t.table_name, t.table_type
ORDER BY t.table_schema, t.table_name;
