/* @asset
description: How the day went at New York's three airports, beside the same weekday a week before.
owner: team:network
cron: "15 6 * * *"
timezone: America/New_York
partition: {every: day, from: 2013-01-01, to: 2014-01-01}
checks:
  one_row_per_airline: SELECT airline FROM result GROUP BY airline HAVING count(*) > 1
report:
  title: Daily operations
  formats: [html, xlsx]
  compare: 7 days
  kpis:
    flights: sum(scheduled)
    on_time: {value: sum(on_time) / sum(arrived), format: percent(1), good: up, label: Arrived on time, alert: {below: 70%}}
    mean_delay: {value: sum(delay_minutes) / sum(departed), format: number(1), unit: min, good: down, label: Mean departure delay}
    cancelled: {value: sum(cancelled), good: down, alert: {above: 40}}
  columns:
    scheduled: {label: Flights, format: integer, change: true}
    cancelled: {format: integer, good: down}
    departed: {hide: true}
    arrived: {hide: true}
    on_time: {hide: true}
    delay_minutes: {hide: true}
    on_time_share: {label: On time, format: percent(0), bar: true, good: up}
    mean_delay: {label: Mean delay, format: number(1), unit: min, good: down, alert: {above: 30}}
    delay_by_hour: {label: Delay through the day, format: sparkline}
    flights: {format: integer}
    hour: {label: Hour of departure}
    mean_delay_minutes: {label: Mean delay in minutes}
  chart:
    - {type: bar, x: hour, y: flights, color: airport, of: hours, title: Departures by hour}
    - {type: line, x: hour, y: mean_delay_minutes, color: airport, of: hours, title: Mean departure delay by hour}
  sections:
    hours: {title: Through the day, table: false}
    airlines: Airlines
*/
-- name: airlines
WITH day AS (
    SELECT carrier, time_hour, dep_time, dep_delay, arr_delay
    FROM flights
    WHERE time_hour >= :partition_start AND time_hour < :partition_end
), hours AS (
    SELECT carrier, time_hour, round(avg(dep_delay))::int8 AS delay
    FROM day
    GROUP BY carrier, time_hour
), curves AS (
    SELECT carrier, array_agg(delay ORDER BY time_hour) AS delay_by_hour
    FROM hours
    GROUP BY carrier
)
SELECT
    a.name AS airline,
    count(*) AS scheduled,
    count(*) - count(d.dep_time) AS cancelled,
    count(d.dep_delay) AS departed,
    count(d.arr_delay) AS arrived,
    count(CASE WHEN d.arr_delay <= 15 THEN 1 END) AS on_time,
    coalesce(sum(d.dep_delay), 0)::int8 AS delay_minutes,
    round(count(CASE WHEN d.arr_delay <= 15 THEN 1 END)::numeric / nullif(count(d.arr_delay), 0), 4) AS on_time_share,
    round(avg(d.dep_delay), 1) AS mean_delay,
    c.delay_by_hour AS delay_by_hour
FROM day AS d
JOIN airlines AS a ON a.carrier = d.carrier
JOIN curves AS c ON c.carrier = d.carrier
GROUP BY a.name, c.delay_by_hour
ORDER BY scheduled DESC, airline;

-- name: hours
SELECT
    extract(HOUR FROM f.time_hour)::int8 AS hour,
    f.origin AS airport,
    count(*) AS flights,
    round(avg(f.dep_delay), 1) AS mean_delay_minutes
FROM flights AS f
WHERE f.time_hour >= :partition_start AND f.time_hour < :partition_end
GROUP BY extract(HOUR FROM f.time_hour)::int8, f.origin
ORDER BY hour, airport;
