/* @asset
description: The routes with the most flights of the year.
owner: team:network
params:
  routes: {type: integer, default: 20, description: How many routes to list.}
checks:
  unique: [origin, dest]
  row_count: ">= 1"
*/
SELECT origin, dest, count(*) AS flights, round(avg(distance), 0) AS miles
FROM flights
GROUP BY origin, dest
ORDER BY flights DESC, origin, dest
LIMIT :routes;
