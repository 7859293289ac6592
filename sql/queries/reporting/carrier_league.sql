/* @asset
description: Airlines by the share of their flights that arrive within 15 minutes of schedule, beside the month before.
owner: team:network
timezone: America/New_York
partition: {every: month, from: 2013-01-01, to: 2014-01-01}
checks:
  shares_are_shares: SELECT * FROM result WHERE on_time_share NOT BETWEEN 0 AND 1
report:
  title: Carrier league table
  formats: [html, xlsx, csv]
  compare: {to: previous partition, by: [airline]}
  kpis:
    flights: sum(flights)
    on_time: {value: sum(on_time) / sum(arrived), format: percent(1), good: up, label: Arrived on time}
    cancelled: {value: sum(cancelled) / sum(flights), format: percent(1), good: down, label: Cancelled, alert: {above: 5%}}
    best: {value: first(airline), label: First place}
  columns:
    place: {width: 5}
    flights: {format: integer, change: true}
    arrived: {hide: true}
    on_time: {hide: true}
    on_time_share: {label: On time, format: percent(1), bar: true, good: up, change: true, alert: {below: 70%}}
    mean_delay: {label: Mean arrival delay, format: number(1), unit: min}
    cancelled: {format: integer}
    by_day: {label: On time by day, format: sparkline}
  chart:
    - {type: bar, x: on_time_share, y: airline, title: Share of flights on time}
    - {type: bar, x: mean_delay, y: airline, title: Mean arrival delay}
*/
WITH days AS (
    SELECT
        carrier,
        time_hour::date AS day,
        round(100.0 * count(CASE WHEN arr_delay <= 15 THEN 1 END) / nullif(count(arr_delay), 0))::int8 AS share
    FROM flights
    WHERE time_hour >= :partition_start AND time_hour < :partition_end
    GROUP BY carrier, time_hour::date
), curves AS (
    SELECT carrier, array_agg(share ORDER BY day) AS by_day
    FROM days
    GROUP BY carrier
), carriers AS (
    SELECT
        carrier,
        count(*) AS flights,
        count(*) - count(dep_time) AS cancelled,
        count(arr_delay) AS arrived,
        count(CASE WHEN arr_delay <= 15 THEN 1 END) AS on_time,
        avg(arr_delay) AS mean_delay
    FROM flights
    WHERE time_hour >= :partition_start AND time_hour < :partition_end
    GROUP BY carrier
)
SELECT
    rank() OVER (ORDER BY c.on_time::numeric / nullif(c.arrived, 0) DESC NULLS LAST) AS place,
    a.name AS airline,
    c.flights,
    c.cancelled,
    c.arrived,
    c.on_time,
    round(c.on_time::numeric / nullif(c.arrived, 0), 4) AS on_time_share,
    round(c.mean_delay, 1) AS mean_delay,
    v.by_day
FROM carriers AS c
JOIN airlines AS a ON a.carrier = c.carrier
JOIN curves AS v ON v.carrier = c.carrier
ORDER BY place, airline;
