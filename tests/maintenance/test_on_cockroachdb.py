"""What only CockroachDB says or is told: its texts, its retry errors; a real PostgreSQL answers where it can."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.execution import Event, Order, RetryScheduled
from cockroach_pipelines.maintenance import BatchedMaintenance, EndReason
from cockroach_pipelines.maintenance.catalogue import (
    cockroachdb_columns,
    cockroachdb_index_columns,
    cockroachdb_indexes,
    cockroachdb_statistics,
)
from cockroach_pipelines.queries import parse_table_name
from tests.maintenance.conftest import Jobs
from tests.maintenance.test_batched import DELETE, KEPT, PURGE
from tests.peers.scripted import Script, scripted, server_error

COLUMNS = (
    "SELECT column_name::text, data_type::text, is_nullable::text FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND table_name = ?"
)


def instead(sql: str) -> str:
    """Let PostgreSQL answer what CockroachDB is asked."""
    if "crdb_sql_type" in sql:
        return COLUMNS
    if "SHOW INDEXES" in sql:
        return "SELECT 'events_pkey', 'id', false, false"
    if "SHOW STATISTICS" in sql:
        return "SELECT 1000"
    if sql.startswith("EXPLAIN SELECT 1"):
        values = " AND ".join(["?::text IS NOT NULL"] * sql.count("?")) or "true"
        return f"SELECT '• scan  estimated row count: 1,234 (75% of the table)' WHERE {values}"
    if sql == "SHOW session_id":
        return "SELECT 'abc123'"
    return sql


@pytest.fixture
def script(events: Jobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    version = "CockroachDB CCL v25.2.1 (x86_64-pc-linux-gnu, built 2025/06/01 00:00:00, go1.23.7)"
    with scripted(events.connections, monkeypatch, Script(version=version, instead=instead)) as script:
        yield script


def test_a_job_runs_with_what_cockroachdb_knows(events: Jobs, script: Script) -> None:
    run = events.run(PURGE, DELETE)
    assert (run.reason, run.rows, run.estimated, events.ids()) == (EndReason.DONE, 750, 1234, KEPT)
    (first,) = {sql for sql in script.seen if sql.startswith('SELECT CAST("id" AS text)') and ">" not in sql}
    assert first == (
        """SELECT CAST("id" AS text) AS "text 1" FROM events WHERE (kind = 'old'\n) ORDER BY "id" LIMIT 1 OFFSET ?"""
    )
    deletes = [sql for sql in script.seen if sql.startswith("DELETE FROM events")]
    assert deletes[1] == (
        """DELETE FROM events WHERE (kind = 'old'\n) AND "id" > CAST(? AS bigint) AND "id" <= CAST(? AS bigint)"""
    )


def test_deleted_rows_are_kept_without_copy(events: Jobs, script: Script) -> None:
    run = events.run(f"{PURGE[:-1]}, archive: kept}}", DELETE)
    assert run.archive
    assert sorted(pq.read_table(run.archive)["id"].to_pylist()) == [n for n in range(1, 1001) if n % 4]
    assert not any(sql.startswith("COPY") for sql in script.seen)


def test_a_dry_run_explains_where_it_may_write_since_older_servers_refuse_it_elsewhere(
    events: Jobs, script: Script
) -> None:
    run = events.run(PURGE, DELETE, arm=False)
    assert run.dry_run
    assert (run.dry_run.estimated, run.dry_run.sample.num_rows, len(events.ids())) == (1234, 10, 1000)
    explained = next(number for number, sql in enumerate(script.seen) if sql.startswith("EXPLAIN DELETE FROM events"))
    begun = [sql for sql in script.seen[:explained] if sql.startswith("SET TRANSACTION")]
    assert begun[-1].startswith("SET TRANSACTION READ WRITE")


def test_a_retry_error_halves_the_batch(events: Jobs, script: Script) -> None:
    happened: list[Event] = []
    script.errors = [
        ("DELETE FROM events", server_error("40001", "restart transaction: TransactionRetryWithProtoRefreshError")),
        ("COMMIT", server_error("40001", "restart transaction: RETRY_COMMIT_DEADLINE_EXCEEDED")),
    ]
    run = events.run(PURGE, DELETE, observe=happened.append)
    assert (run.rows, run.retries, events.ids()) == (750, 2, KEPT)
    retries = [event for event in happened if isinstance(event, RetryScheduled)]
    assert [event.failure.sqlstate for event in retries] == ["40001", "40001"]
    sizes = [batch.size for batch in reversed(events.overseer().batches(run.order.query, 100))]
    assert sizes[0] < 100
    assert max(sizes) <= 100


def test_an_ambiguous_commit_is_decided_by_what_was_written_down(events: Jobs, script: Script) -> None:
    script.errors = [("COMMIT", server_error("40003", "result is ambiguous: error=rpc error"))] * 3
    script.after = True
    script.instead = lambda sql: "SELECT 1" if sql.startswith("CANCEL SESSION") else instead(sql)
    run = events.run(PURGE, DELETE)
    assert (run.rows, events.ids()) == (750, KEPT)
    total = events.server.psql("SELECT sum(row_count) FROM cockroach_pipelines.maintenance_batches")
    assert total == "750", "a batch was counted twice, or not at all"


def test_what_cockroachdb_is_asked() -> None:
    table = parse_table_name("shop.events")
    assert cockroachdb_columns(table) == (
        "SELECT column_name, crdb_sql_type, is_nullable FROM information_schema.columns WHERE table_schema = ? AND table_name = ?",
        ["shop", "events"],
    )
    assert cockroachdb_indexes(parse_table_name("events")) == (
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = ?",
        ["events"],
    )
    assert cockroachdb_index_columns("shop.events") == (
        "SELECT index_name, column_name, direction = 'DESC', non_unique FROM [SHOW INDEXES FROM shop.events] "
        "WHERE NOT storing AND NOT implicit ORDER BY index_name, seq_in_index"
    )
    assert cockroachdb_statistics("shop.events") == (
        "SELECT row_count FROM [SHOW STATISTICS FOR TABLE shop.events] ORDER BY created DESC LIMIT 1"
    )


def test_own_tables_are_made_by_a_migration_in_any_schema(events: Jobs) -> None:
    config = events.server.config.model_copy(update={"own_schema": "op's"})
    with ConnectionManager({"main": config}) as connections:
        run = BatchedMaintenance(connections, events.folder).run(Order(events.query(PURGE, DELETE)), arm=True)
    assert run.rows == 750
    assert events.server.psql('SELECT sum(row_count) FROM "op\'s".maintenance_batches') == "750"
    history = events.server.psql('SELECT script, success FROM "op\'s".schema_history')
    assert history.splitlines() == ["V1__batched_maintenance.sql|t", "V2__holders.sql|t"]
    events.server.psql('DROP SCHEMA "op\'s" CASCADE')
