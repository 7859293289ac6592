/* @asset
description: How many seconds each changefeed is behind; one that never got anywhere has no lag, which counts as bad.
owner: team:data-platform
warn: {column: lag_seconds, below: 5m}
error: {column: lag_seconds, below: 1h}
*/
SELECT
    job_id,
    status,
    extract(epoch FROM now())::DECIMAL - high_water_timestamp / 1000000000 AS lag_seconds
FROM [SHOW CHANGEFEED JOBS]
WHERE status NOT IN ('succeeded', 'canceled')
ORDER BY lag_seconds DESC;
