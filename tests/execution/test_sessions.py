"""Sessions carry the name of what runs in them, obey the file's timeout, and see one moment."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator

import pytest

from cockroach_pipelines.database import (
    AmbiguousCommitError,
    CancelledError,
    CockroachDBConnection,
    ConnectionLostError,
    ConnectionManager,
    ReadOnlyError,
    StatementError,
)
from cockroach_pipelines.execution import Activity, QueryExecutor, Transaction, TransactionalExecutor
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
        snapshot.read_text("SELECT 1").to_table()
        names = server.psql("SELECT application_name FROM pg_stat_activity WHERE usename = 'tester'").splitlines()
    assert "cockroach_pipelines/reporting/daily/01234567" in names


def test_name_of_a_session_fits_the_server_and_keeps_the_run_however_long_the_asset_is_called() -> None:
    name = str(Activity(asset="reporting/" + "x" * 100, run="0123456789"))
    assert len(name) == 63
    assert name.startswith("cockroach_pipelines/reporting/xxx")
    assert name.endswith("x/01234567")


def test_timeout_is_enforced_by_the_server(connections: ConnectionManager) -> None:
    with pytest.raises(CancelledError, match="57014"), QueryExecutor(connections).snapshot(timeout=0.2) as snapshot:
        snapshot.read_text("SELECT pg_sleep(30)").to_table()
    writer = TransactionalExecutor(connections)
    with pytest.raises(CancelledError):
        writer.run("main", lambda connection: connection.query("SELECT pg_sleep(30)"), Transaction(timeout=0.2))
    with pytest.raises(CancelledError):
        writer.run_autocommit("main", lambda connection: connection.query("SELECT pg_sleep(30)"), timeout=0.2)


def test_timeout_of_one_statement_does_not_outlive_it(connections: ConnectionManager) -> None:
    writer = TransactionalExecutor(connections)
    writer.run("main", lambda connection: connection.query("SELECT 1"), Transaction(timeout=0.2))
    writer.run_autocommit("main", lambda connection: connection.query("SELECT 1"), timeout=0.2)
    with connections.lend() as connection:
        assert connection.query("SHOW statement_timeout") == [("1h",)]


def test_snapshot_sees_one_moment(connections: ConnectionManager, server: PostgresServer) -> None:
    server.psql("CREATE TABLE IF NOT EXISTS moments (x int); TRUNCATE moments; GRANT ALL ON moments TO PUBLIC")
    with QueryExecutor(connections).snapshot() as snapshot:
        assert snapshot.read_text("SELECT count(*) AS n FROM moments").to_table()["n"].to_pylist() == [0]
        server.psql("INSERT INTO moments VALUES (1)")
        assert snapshot.read_text("SELECT count(*) AS n FROM moments").to_table()["n"].to_pylist() == [0]


def test_snapshot_refuses_to_write_and_goes_on_after_the_savepoint(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    server.psql("CREATE TABLE IF NOT EXISTS moments (x int); GRANT ALL ON moments TO PUBLIC")
    with QueryExecutor(connections).snapshot() as snapshot:
        with pytest.raises(ReadOnlyError), snapshot.savepoint():
            snapshot.read_text("WITH w AS (INSERT INTO moments VALUES (7) RETURNING x) SELECT x FROM w").to_table()
        assert snapshot.read_text("SELECT 1 AS one").to_table()["one"].to_pylist() == [1]


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
        snapshot.read_text("SELECT pg_sleep(29)").to_table()
    assert caught.value.retryable
    with QueryExecutor(connections).snapshot() as snapshot:
        assert snapshot.read_text("SELECT 1 AS one").to_table().num_rows == 1


def test_failure_before_an_autocommit_statement_leaves_no_connection_that_writes_in_read_only_sessions(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    with pytest.raises(StatementError):
        TransactionalExecutor(connections).run_autocommit("main", lambda connection: None, timeout=1e9)
    with connections.lend() as connection:
        assert not connection.jdbc.getAutoCommit()
    server.psql(
        "CREATE TABLE IF NOT EXISTS moments (x int); GRANT ALL ON moments TO PUBLIC;"
        "CREATE OR REPLACE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO moments VALUES (1) RETURNING x'"
    )
    with pytest.raises(ReadOnlyError), QueryExecutor(connections).snapshot() as snapshot:
        snapshot.read_text("SELECT writes()").to_table()


def test_this_side_waits_longer_than_the_servers_timeout(server: PostgresServer) -> None:
    impatient = server.config.model_copy(update={"socket_timeout": 1.0, "statement_timeout": None})
    with ConnectionManager({"main": impatient}) as connections:
        with pytest.raises(CancelledError), QueryExecutor(connections).snapshot(timeout=1.5) as snapshot:
            snapshot.read_text("SELECT pg_sleep(30)").to_table()
        with QueryExecutor(connections).snapshot() as snapshot, pytest.raises(ConnectionLostError):
            snapshot.read_text("SELECT pg_sleep(28)").to_table()


def test_dates_of_an_autocommit_statement_are_those_of_its_time_zone(connections: ConnectionManager) -> None:
    writer = TransactionalExecutor(connections)
    ask = "SELECT current_setting('TimeZone')"
    assert writer.run_autocommit("main", lambda connection: connection.query(ask), timezone="Asia/Tokyo") == [
        ("Asia/Tokyo",)
    ]
    assert writer.run_autocommit("main", lambda connection: connection.query(ask)) == [("UTC",)]


def _cut_its_own_connection(connection: CockroachDBConnection, server: PostgresServer) -> None:
    server.psql(f"SELECT pg_terminate_backend({connection.query('SELECT pg_backend_pid()')[0][0]})")


def test_connection_lost_at_commit_or_outside_a_transaction_is_reported_as_ambiguous(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    writer = TransactionalExecutor(connections)
    with pytest.raises(AmbiguousCommitError, match="look into the table"):
        writer.run("main", lambda connection: _cut_its_own_connection(connection, server))

    def write_outside(connection: CockroachDBConnection) -> None:
        _cut_its_own_connection(connection, server)
        connection.execute("CREATE TABLE IF NOT EXISTS never_made (x int)")

    with pytest.raises(AmbiguousCommitError):
        writer.run_autocommit("main", write_outside)


def test_interrupt_after_the_commit_says_that_the_changes_are_kept(
    connections: ConnectionManager,
    server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.psql("CREATE TABLE IF NOT EXISTS moments (x int); TRUNCATE moments; GRANT ALL ON moments TO PUBLIC")
    commit = CockroachDBConnection.commit

    def commit_and_be_slow(connection: CockroachDBConnection) -> None:
        commit(connection)
        if committed.is_set():
            _thread.interrupt_main()
            time.sleep(0.5)

    committed = threading.Event()

    def work(connection: CockroachDBConnection) -> None:
        connection.execute("INSERT INTO moments VALUES (1)")
        committed.set()

    monkeypatch.setattr(CockroachDBConnection, "commit", commit_and_be_slow)
    with pytest.raises(KeyboardInterrupt):
        TransactionalExecutor(connections).run("main", work)
    assert "COMMIT" in caplog.text
    assert server.psql("SELECT count(*) FROM moments") == "1"
