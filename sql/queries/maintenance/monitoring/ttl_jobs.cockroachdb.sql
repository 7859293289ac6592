/* @asset
description: Jobs of row-level TTL within the last twelve hours; one that fails leaves rows that should be gone.
owner: team:data-platform
error: {column: status, equals: [pending, running, succeeded]}
*/
SELECT job_id, description, status, created, finished, fraction_completed, error
FROM [SHOW JOBS]
WHERE job_type = 'ROW LEVEL TTL'
ORDER BY created DESC;
