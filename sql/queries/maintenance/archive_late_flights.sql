/* @asset
description: Move the late flights of the first half of the year out of flight_events, into Parquet files.
owner: team:data-platform
params:
  keep_from: {type: date, default: 2013-07-01, description: Late flights before this day are moved.}
batch:
  table: flight_events
  key: [happened_at, kind, carrier, flight]                   # the first columns of an index; here the primary key
  size: {start: 1000, min: 100, max: 10000, target: 500ms}    # as many rows as take half a second
  pause: {ratio: 0.5}                                         # half as long as each batch took
  limits: {runtime: 1h, share_of_table: 60%}                  # then the run ends, and the next one goes on
  archive: archive/late_flights                               # below results_folder, before each batch is committed
*/
DELETE FROM flight_events
WHERE kind = 'late' AND happened_at < :keep_from;
