/* @template
description: Some columns of some table, newest first, at most so many rows.
identifiers:
  table: [flights, weather, planes, airports, airlines]
  columns: [carrier, origin, dest, time_hour, dep_delay, arr_delay, temp, wind_speed, tailnum, faa, name]
  order_by: [time_hour, tailnum, faa, carrier]
params:
  origin: {type: text, default: null}
  row_limit: {type: integer, default: 100}
*/
SELECT {% for column in columns %}{{ column | identifier }}{% if not loop.last %}, {% endif %}{% endfor %}
FROM {{ table | identifier }}
{% if origin %}WHERE origin = {{ origin }}{% endif %}
ORDER BY {{ order_by | identifier }} DESC
LIMIT {{ row_limit }};
