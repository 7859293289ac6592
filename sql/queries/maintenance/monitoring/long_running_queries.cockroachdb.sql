/* @asset
description: Statements that run for more than a minute, the longest first; CANCEL QUERY or pg_cancel_backend ends one.
owner: team:data-platform
warn: {column: seconds, below: 10m}
error: {column: seconds, below: 2h}
*/
SELECT
    query_id,
    user_name,
    application_name,
    extract(epoch FROM now() - start::TIMESTAMPTZ) AS seconds,
    substring(query, 1, 200) AS query
FROM [SHOW CLUSTER STATEMENTS]
WHERE start::TIMESTAMPTZ < now() - INTERVAL '1 minute'
ORDER BY seconds DESC;
