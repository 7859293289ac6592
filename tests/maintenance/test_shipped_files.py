"""The files that people need from the first day: for both databases, read-only, each column named, nothing restricted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.database import ConnectionManager, Dialect, StatementError
from cockroach_pipelines.embedded.sample_tables import FLIGHT_EVENTS
from cockroach_pipelines.execution import Order, Outcome, QueryExecutor, TransactionalExecutor
from cockroach_pipelines.maintenance import run_maintenance
from cockroach_pipelines.queries import Query, SQLRepository, Statement
from tests.maintenance.conftest import Jobs
from tests.peers.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
REPOSITORY = SQLRepository(ROOT / "sql")
MONITORS = {name: query for name, query in REPOSITORY.queries.items() if query.watches}

# What stays readable since v26.1, where allow_unsafe_internals is off.
ALLOWED = frozenset(
    ["cluster_contended_indexes", "cluster_contended_keys", "cluster_contended_tables", "cluster_contention_events", "cluster_locks",
     "cluster_queries", "cluster_sessions", "cluster_transactions", "index_usage_statistics", "statement_statistics",
     "transaction_contention_events", "transaction_statistics"]
)  # fmt: skip

NEEDS = {
    "jobs failed or paused": {"maintenance/unsuccessful_jobs": {"cockroachdb"}},
    "schedules": {"maintenance/monitoring/schedules": {"cockroachdb"}},
    "changefeed lag": {
        "maintenance/monitoring/changefeed_lag": {"cockroachdb"},
        "maintenance/monitoring/replication_slot_lag": {"postgresql"},
    },
    "long-running queries": {"maintenance/monitoring/long_running_queries": {"cockroachdb", "postgresql"}},
    "long-running transactions": {"maintenance/monitoring/long_running_transactions": {"cockroachdb", "postgresql"}},
    "contention": {"maintenance/monitoring/contention": {"cockroachdb", "postgresql"}},
    "unused indexes": {"maintenance/monitoring/unused_indexes": {"cockroachdb", "postgresql"}},
    "statistics' age": {"maintenance/monitoring/statistics_age": {"cockroachdb", "postgresql"}},
    "statistics' refresh": {"maintenance/refresh_statistics": {"cockroachdb", "postgresql"}},
    "costly statements": {"maintenance/monitoring/costly_statements": {"cockroachdb", "postgresql"}},
    "full scans": {"maintenance/monitoring/full_scans": {"cockroachdb", "postgresql"}},
    "ranges and sizes": {"maintenance/monitoring/table_sizes": {"cockroachdb", "postgresql"}},
    "sessions idle in transaction": {"maintenance/monitoring/idle_in_transaction": {"cockroachdb", "postgresql"}},
    "TTL jobs": {"maintenance/monitoring/ttl_jobs": {"cockroachdb"}},
}


def statements() -> Iterator[tuple[str, Statement]]:
    for query in REPOSITORY.queries.values():
        if query.name.startswith("maintenance/"):
            yield from ((statement.path.name, statement) for statement in query.statements.values())


@pytest.mark.parametrize("need", NEEDS)
def test_every_need_has_its_file(need: str) -> None:
    for name, dialects in NEEDS[need].items():
        assert {str(dialect) for dialect in REPOSITORY.get(name).dialects} == dialects


def test_everything_below_monitoring_is_a_monitor_with_an_owner_and_a_description() -> None:
    folder = {name: query for name, query in REPOSITORY.queries.items() if name.startswith("maintenance/monitoring/")}
    assert len(folder) == 13
    assert folder.keys() <= MONITORS.keys()
    assert all(query.header.owners and query.description for query in folder.values())
    assert not any(query.header.cron_schedule for query in folder.values())


@pytest.mark.parametrize(
    ("name", "statement"), list(statements()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_file_reads_what_is_restricted_and_each_names_its_columns(name: str, statement: Statement) -> None:
    code = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", statement.sql)
    assert set(re.findall(r"\bcrdb_internal\.(\w+)", code)) <= ALLOWED
    assert not re.findall(r"\bsystem\.\w+", code)
    if statement.parsed.returns_rows:
        assert not re.search(r"(SELECT|,)\s*(\w+\.)?\*", code)


def test_rules_name_columns_that_the_cockroachdb_file_gives() -> None:
    for query in MONITORS.values():
        statement = query.statements.get(Dialect.COCKROACHDB)
        for watch in query.watches:
            if statement and watch.column:
                selected = statement.sql.partition("FROM")[0] if "(epoch FROM" not in statement.sql else statement.sql
                assert re.search(rf"\b{watch.column}\b", selected), (query.name, watch.column)


@pytest.fixture(scope="module")
def connections(server: PostgresServer, jvm: object) -> Iterator[ConnectionManager]:
    server.psql(
        "CREATE TABLE IF NOT EXISTS watched_table AS SELECT n AS id FROM generate_series(1, 20000) AS n; "
        "CREATE INDEX IF NOT EXISTS watched_unused ON watched_table (id); ANALYZE watched_table; SELECT count(*) FROM watched_table"
    )
    with ConnectionManager({"main": server.config}) as connections:
        yield connections


ON_POSTGRESQL = {name: query for name, query in MONITORS.items() if Dialect.POSTGRESQL in query.dialects}


def run(connections: ConnectionManager, query: Query) -> Outcome:
    return run_maintenance(TransactionalExecutor(connections), QueryExecutor(connections), Order(query))


def test_missing_extension_is_said_with_what_brings_it(connections: ConnectionManager, server: PostgresServer) -> None:
    server.psql("DROP EXTENSION IF EXISTS pg_stat_statements")
    with pytest.raises(StatementError) as caught:
        run(connections, REPOSITORY.get("costly_statements"))
    assert "missing? preload it, then CREATE EXTENSION pg_stat_statements" in caught.value.excerpt


@pytest.mark.parametrize("query", ON_POSTGRESQL.values(), ids=ON_POSTGRESQL.keys())
def test_file_for_postgresql_runs_and_its_rules_fit_its_columns(
    query: Query, connections: ConnectionManager, server: PostgresServer
) -> None:
    server.psql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    outcome = run(connections, query)
    assert outcome.measured is not None
    assert not any(check.error for check in outcome.checks)
    if query.name.endswith("unused_indexes"):
        assert outcome.preview is not None
        assert "watched_unused" in outcome.preview["index_name"].to_pylist()


def test_batch_file_looks_first_and_moves_its_rows_into_files_when_it_is_armed(jobs: Jobs) -> None:
    rows = (
        "INSERT INTO flight_events SELECT timestamptz '2013-01-01Z' + n * interval '3 h', "
        "CASE WHEN n % 4 = 0 THEN 'cancelled' ELSE 'late' END, now(), 'UA', n, n FROM generate_series(1, 2900) AS n"
    )
    jobs.make(";".join(["DROP TABLE IF EXISTS flight_events", *FLIGHT_EVENTS.create(), rows, *FLIGHT_EVENTS.finish()]))
    query = REPOSITORY.get("archive_late_flights")
    looked = jobs.engine().run(Order(query))
    assert looked.dry_run
    assert looked.dry_run.sample.num_rows == 10
    done = jobs.engine().run(Order(query), arm=True)
    assert (done.reason, done.rows, jobs.server.psql("SELECT count(*) FROM flight_events")) == ("done", 1086, "1814")
    assert done.archive
    kept = pq.read_table(done.archive)
    assert (kept.num_rows, set(kept["kind"].to_pylist())) == (1086, {"late"})
    jobs.server.psql("DROP TABLE flight_events")
