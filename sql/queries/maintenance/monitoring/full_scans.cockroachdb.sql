/* @asset
description: What reads whole tables; an index may help. On PostgreSQL tables of at least 10,000 rows, by rows read that way.
owner: team:data-platform
warn: {column: rows_read_avg, below: 1000000}
*/
SELECT query, count, rows_read_avg, bytes_read_avg, service_lat_avg
FROM [SHOW FULL TABLE SCANS]
ORDER BY rows_read_avg DESC;
