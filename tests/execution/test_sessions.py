"""Sessions carry the name of what runs in them, obey the file's timeout, and see one moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from cockroach_pipelines.database import (
    CancelledError,
    CockroachDBConnection,
    ConnectionManager,
    ReadOnlyError,
    StatementError,
)
from cockroach_pipelines.execution import Activity, QueryExecutor, TransactionalExecutor
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")

ACTIVITY = Activity(asset="reporting/daily", run="0123456789abcdef")


@pytest.fixture
def connections(server: PostgresServer) -> Iterator[ConnectionManager]:
    with ConnectionManager({"main": server.config}) as connections:
        yield connections


def test_session_list_of_the_server_shows_project_asset_and_run(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    with QueryExecutor(connections, ACTIVITY).snapshot() as snapshot:
        snapshot.read_text("SELECT 1").read_all()
        names = server.psql("SELECT application_name FROM pg_stat_activity WHERE usename = 'tester'").splitlines()
    assert "cockroach_pipelines/reporting/daily/01234567" in names


def test_name_of_a_session_fits_the_server_whatever_the_asset_is_called() -> None:
    assert len(str(Activity(asset="reporting/" + "x" * 100, run="0123456789"))) == 63


def test_timeout_is_enforced_by_the_server(connections: ConnectionManager) -> None:
    with pytest.raises(CancelledError, match="57014"), QueryExecutor(connections).snapshot(timeout=0.2) as snapshot:
        snapshot.read_text("SELECT pg_sleep(30)").read_all()
    writer = TransactionalExecutor(connections)
    with pytest.raises(CancelledError):
        writer.run("main", lambda connection: connection.query("SELECT pg_sleep(30)"), timeout=0.2)
    with pytest.raises(CancelledError):
        writer.run_autocommit("main", lambda connection: connection.query("SELECT pg_sleep(30)"), timeout=0.2)


def test_timeout_of_one_statement_does_not_outlive_it(connections: ConnectionManager) -> None:
    writer = TransactionalExecutor(connections)
    for run in (writer.run, writer.run_autocommit):
        run("main", lambda connection: connection.query("SELECT 1"), timeout=0.2)
    with connections.lend() as connection:
        assert connection.query("SHOW statement_timeout") == [("0",)]


def test_snapshot_sees_one_moment(connections: ConnectionManager, server: PostgresServer) -> None:
    server.psql("CREATE TABLE IF NOT EXISTS moments (x int); TRUNCATE moments; GRANT ALL ON moments TO PUBLIC")
    with QueryExecutor(connections).snapshot() as snapshot:
        assert snapshot.read_text("SELECT count(*) AS n FROM moments").read_all()["n"].to_pylist() == [0]
        server.psql("INSERT INTO moments VALUES (1)")
        assert snapshot.read_text("SELECT count(*) AS n FROM moments").read_all()["n"].to_pylist() == [0]


def test_snapshot_refuses_to_write_and_goes_on_after_the_savepoint(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    server.psql("CREATE TABLE IF NOT EXISTS moments (x int); GRANT ALL ON moments TO PUBLIC")
    with QueryExecutor(connections).snapshot() as snapshot:
        with pytest.raises(ReadOnlyError), snapshot.savepoint():
            snapshot.read_text("WITH w AS (INSERT INTO moments VALUES (7) RETURNING x) SELECT x FROM w").read_all()
        assert snapshot.read_text("SELECT 1 AS one").read_all()["one"].to_pylist() == [1]


def test_transaction_is_rolled_back_when_its_work_raises(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    server.psql("CREATE TABLE IF NOT EXISTS moments (x int); TRUNCATE moments; GRANT ALL ON moments TO PUBLIC")

    def work(connection: CockroachDBConnection) -> None:
        connection.execute("INSERT INTO moments VALUES (1)")
        raise RuntimeError("after the insert")

    with pytest.raises(RuntimeError):
        TransactionalExecutor(connections).run("main", work)
    assert server.psql("SELECT count(*) FROM moments") == "0"


def test_connection_that_is_cut_is_replaced_and_the_error_may_be_retried(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    def cut() -> None:
        time.sleep(0.3)
        server.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(29)%' AND usename = 'tester'"
        )

    threading.Thread(target=cut).start()
    with pytest.raises(StatementError) as caught, QueryExecutor(connections).snapshot() as snapshot:
        snapshot.read_text("SELECT pg_sleep(29)").read_all()
    assert caught.value.retryable
    with QueryExecutor(connections).snapshot() as snapshot:
        assert snapshot.read_text("SELECT 1 AS one").read_all().num_rows == 1
