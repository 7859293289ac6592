/* @asset
description: "When to fly, and when not: departure delays by weekday and hour over the year."
owner: team:network
timezone: America/New_York
report:
  title: Delay by hour and weekday
  formats: [html, png]
  kpis:
    flights: sum(flights)
    mean_delay: {value: sum(delay_minutes) / sum(departed), format: number(1), unit: min, label: Mean departure delay}
    worst: {value: max(mean_delay), format: number(1), unit: min, label: Worst hour}
    best: {value: min(mean_delay), format: number(1), unit: min, label: Best hour}
  columns:
    weekday_number: {hide: true}
    departed: {hide: true}
    delay_minutes: {hide: true}
    mean_delay: {label: Mean delay, format: number(1), unit: min, bar: true}
    hour: {label: Hour of departure}
    flights: {format: integer}
  chart:
    - {type: heatmap, x: hour, y: weekday, color: mean_delay, title: Mean departure delay in minutes}
    - {type: line, x: hour, y: mean_delay, color: airport, of: airports, title: Mean departure delay by airport}
    - {type: bar, x: hour, y: flights, color: airport, of: airports, title: Departures by airport}
  sections:
    week: {title: The week, table: false}
    airports: {title: The three airports, table: false}
*/
-- name: week
SELECT
    extract(ISODOW FROM time_hour)::int8 AS weekday_number,
    CASE extract(ISODOW FROM time_hour)::int8
        WHEN 1 THEN 'Monday' WHEN 2 THEN 'Tuesday' WHEN 3 THEN 'Wednesday' WHEN 4 THEN 'Thursday'
        WHEN 5 THEN 'Friday' WHEN 6 THEN 'Saturday' ELSE 'Sunday'
    END AS weekday,
    extract(HOUR FROM time_hour)::int8 AS hour,
    count(*) AS flights,
    count(dep_delay) AS departed,
    coalesce(sum(dep_delay), 0)::int8 AS delay_minutes,
    round(avg(dep_delay), 1) AS mean_delay
FROM flights
GROUP BY extract(ISODOW FROM time_hour)::int8, extract(HOUR FROM time_hour)::int8
ORDER BY weekday_number, hour;

-- name: airports
SELECT
    extract(HOUR FROM time_hour)::int8 AS hour,
    origin AS airport,
    count(*) AS flights,
    round(avg(dep_delay), 1) AS mean_delay
FROM flights
GROUP BY extract(HOUR FROM time_hour)::int8, origin
ORDER BY hour, airport;
