/* @asset
description: Jobs of the cluster that failed or are paused.
owner: team:data-platform
every: 1h
checks:
  no_job_needs_a_person:
    severity: warn
    sql: >-
      SELECT job_id, job_type, status, error FROM [SHOW JOBS] WHERE status IN ('failed', 'paused')
*/
SELECT job_id, job_type, status, fraction_completed, error
FROM [SHOW JOBS]
WHERE status IN ('failed', 'paused');
