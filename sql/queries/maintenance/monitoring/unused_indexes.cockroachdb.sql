/* @asset
description: Indexes that nobody read for 30 days, or since the statistics began; `SHOW INDEXES FROM table` names them.
owner: team:data-platform
warn: {rows: 0}
*/
SELECT
    table_id::OID::REGCLASS::STRING AS table_name,
    index_id,
    total_reads,
    last_read
FROM crdb_internal.index_usage_statistics
WHERE index_id > 1 -- the first one is the table itself
    AND (last_read IS NULL OR last_read < now() - INTERVAL '30 days')
ORDER BY table_name, index_id;
