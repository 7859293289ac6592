/* @asset
description: Schedules of the cluster (backups, statistics, TTL) with their next run; one that is paused runs no more.
owner: team:data-platform
warn: {column: schedule_status, equals: ACTIVE}
*/
SELECT id, label, schedule_status, next_run, state
FROM [SHOW SCHEDULES]
ORDER BY label;
