/* @asset
description: Transactions that are open for more than five minutes, the oldest first; each keeps old rows from being removed.
owner: team:data-platform
warn: {column: seconds, below: 10m}
error: {column: seconds, below: 1h}
*/
SELECT
    id,
    session_id,
    application_name,
    extract(epoch FROM now() - start::TIMESTAMPTZ) AS seconds,
    num_stmts AS statements,
    num_retries AS retries
FROM crdb_internal.cluster_transactions
WHERE start::TIMESTAMPTZ < now() - INTERVAL '5 minutes'
ORDER BY seconds DESC;
