/* @asset
description: Hours in which flights were scheduled and no weather was observed at their airport.
owner: team:network
*/
SELECT f.origin, f.time_hour, count(*) AS flights
FROM flights AS f
LEFT JOIN weather AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
WHERE w.origin IS NULL
GROUP BY f.origin, f.time_hour
ORDER BY f.time_hour, f.origin;
