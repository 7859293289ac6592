/* @asset
description: Share of flights that arrive within 15 minutes of schedule, per route and month.
owner: team:network
timezone: America/New_York
partition: {every: month, from: 2013-01-01, to: 2014-01-01}
checks:
  shares_are_shares: SELECT * FROM result WHERE on_time_share NOT BETWEEN 0 AND 1
*/
SELECT
    f.origin,
    f.dest,
    p.name AS destination,
    count(f.arr_delay) AS arrived,
    round(avg(CASE WHEN f.arr_delay <= 15 THEN 1 ELSE 0 END), 4) AS on_time_share
FROM flights AS f
LEFT JOIN airports AS p ON p.faa = f.dest
WHERE
    f.time_hour >= :partition_start
    AND f.time_hour < :partition_end
    AND f.arr_delay IS NOT NULL
GROUP BY f.origin, f.dest, p.name
ORDER BY arrived DESC, f.origin, f.dest;
