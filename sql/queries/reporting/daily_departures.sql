/* @asset
description: Departures, cancellations and mean delay per carrier and day.
owner: team:network
cron: "0 6 * * *"
timezone: America/New_York
partition: {every: day, from: 2013-01-01, to: 2014-01-01}
checks:
  one_row_per_carrier: SELECT carrier FROM result GROUP BY carrier HAVING count(*) > 1
  carriers_are_known: SELECT carrier FROM result WHERE carrier NOT IN (SELECT carrier FROM airlines)
*/
SELECT
    f.carrier,
    a.name AS airline,
    count(*) AS scheduled,
    count(*) FILTER (WHERE f.dep_time IS NULL) AS cancelled,
    round(avg(f.dep_delay), 2) AS mean_dep_delay_minutes,
    max(f.dep_delay) AS worst_dep_delay_minutes
FROM flights AS f
JOIN airlines AS a ON a.carrier = f.carrier
WHERE f.time_hour >= :partition_start AND f.time_hour < :partition_end
GROUP BY f.carrier, a.name
ORDER BY scheduled DESC, f.carrier;
