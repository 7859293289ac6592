/* @asset
description: Where transactions waited for each other within the last hour, the longest waits first.
owner: team:data-platform
warn: {column: waited_seconds, below: 1m}
*/
SELECT
    schema_name,
    table_name,
    index_name,
    count(*) AS waits,
    extract(epoch FROM sum(contention_duration)) AS waited_seconds
FROM crdb_internal.transaction_contention_events
WHERE collection_ts > now() - INTERVAL '1 hour'
GROUP BY schema_name, table_name, index_name
ORDER BY waited_seconds DESC;
