/* @asset
description: Flights that the replica lacks, has in excess, or has with other values.
owner: team:network
*/
SELECT
    coalesce(f.time_hour, r.time_hour) AS time_hour,
    coalesce(f.carrier, r.carrier) AS carrier,
    coalesce(f.flight, r.flight) AS flight,
    CASE
        WHEN r.flight IS NULL THEN 'missing in the replica'
        WHEN f.flight IS NULL THEN 'extra in the replica'
        ELSE 'changed'
    END AS difference,
    CASE WHEN f.flight IS NOT NULL AND r.flight IS NOT NULL THEN concat_ws(
        ', ',
        CASE WHEN f.dep_delay IS DISTINCT FROM r.dep_delay THEN 'dep_delay' END,
        CASE WHEN f.arr_delay IS DISTINCT FROM r.arr_delay THEN 'arr_delay' END,
        CASE WHEN f.air_time IS DISTINCT FROM r.air_time THEN 'air_time' END,
        CASE WHEN f.tailnum IS DISTINCT FROM r.tailnum THEN 'tailnum' END,
        CASE WHEN f.origin IS DISTINCT FROM r.origin THEN 'origin' END,
        CASE WHEN f.dest IS DISTINCT FROM r.dest THEN 'dest' END,
        CASE WHEN f.distance IS DISTINCT FROM r.distance THEN 'distance' END,
        CASE WHEN f.dep_time IS DISTINCT FROM r.dep_time THEN 'dep_time' END,
        CASE WHEN f.arr_time IS DISTINCT FROM r.arr_time THEN 'arr_time' END,
        CASE WHEN f.sched_dep_time IS DISTINCT FROM r.sched_dep_time THEN 'sched_dep_time' END,
        CASE WHEN f.sched_arr_time IS DISTINCT FROM r.sched_arr_time THEN 'sched_arr_time' END
    ) END AS columns
FROM flights AS f
FULL JOIN flights_replica AS r
    ON r.time_hour = f.time_hour AND r.carrier = f.carrier AND r.flight = f.flight
WHERE
    f.flight IS NULL
    OR r.flight IS NULL
    OR (f.dep_delay, f.arr_delay, f.air_time, f.tailnum, f.origin, f.dest, f.distance, f.dep_time, f.arr_time,
        f.sched_dep_time, f.sched_arr_time)
    IS DISTINCT FROM
    (r.dep_delay, r.arr_delay, r.air_time, r.tailnum, r.origin, r.dest, r.distance, r.dep_time, r.arr_time,
        r.sched_dep_time, r.sched_arr_time)
ORDER BY time_hour, carrier, flight;
