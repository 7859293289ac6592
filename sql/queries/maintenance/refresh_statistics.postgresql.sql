/* @asset
description: Refresh what the planner knows of the flights.
owner: team:data-platform
every: 1d
autocommit: true
*/
ANALYZE flights;
