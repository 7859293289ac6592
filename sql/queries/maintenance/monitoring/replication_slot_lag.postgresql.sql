/* @asset
description: How many bytes of the log each replication slot keeps from being removed; one that nobody reads fills the disk.
owner: team:data-platform
warn: {column: kept_bytes, below: 1000000000, null: ok}
error: {column: kept_bytes, below: 10000000000, null: ok}
*/
SELECT
    slot_name,
    slot_type,
    active,
    pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn) AS kept_bytes
FROM pg_replication_slots
ORDER BY kept_bytes DESC;
