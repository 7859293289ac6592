/* @asset
description: Jobs of the cluster that failed or are paused; each needs a person.
owner: team:data-platform
every: 1h
warn: {rows: 0}
*/
SELECT job_id, job_type, status, fraction_completed, error
FROM [SHOW JOBS]
WHERE status IN ('failed', 'paused');
