/* @asset
description: Sessions that have a transaction open and do nothing in it; others wait for their locks.
owner: team:data-platform
warn: {column: idle_seconds, below: 1m}
error: {column: idle_seconds, below: 15m}
*/
SELECT
    sessions.session_id,
    sessions.user_name,
    sessions.application_name,
    extract(epoch FROM now() - transactions.start::TIMESTAMPTZ) AS idle_seconds,
    substring(sessions.last_active_query, 1, 200) AS last_query
FROM crdb_internal.cluster_sessions AS sessions
JOIN crdb_internal.cluster_transactions AS transactions ON transactions.session_id = sessions.session_id
WHERE sessions.active_queries = ''
ORDER BY idle_seconds DESC;
