/* @asset
description: Delete the events of flights that are older than anybody asks for.
owner: team:data-platform
params:
  keep_from: {type: date, default: 2013-02-01, description: Events before this day are deleted.}
checks:
  nothing_old_is_left: SELECT count(*) AS left_over FROM flight_events WHERE happened_at < :keep_from HAVING count(*) > 0
*/
DELETE FROM flight_events
WHERE happened_at < :keep_from;
