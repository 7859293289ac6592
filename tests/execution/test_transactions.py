"""Work runs in one transaction as it was asked for: isolation, read-only, statements in order, nothing half done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cockroach_pipelines.database import (
    AsOf,
    CockroachDBConnection,
    ConnectionManager,
    ConstraintError,
    Dialect,
    InvalidStatementError,
    ReadOnlyError,
    StatementError,
    TransactionOptionError,
)
from cockroach_pipelines.execution import (
    Command,
    Event,
    Isolation,
    Priority,
    QualityOfService,
    QueryExecutor,
    RetryScheduled,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    Transaction,
    TransactionalExecutor,
    TransactionCommitted,
)
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")


@pytest.fixture
def connections(server: PostgresServer) -> Iterator[ConnectionManager]:
    with ConnectionManager({"main": server.config}) as connections:
        yield connections


@pytest.fixture
def accounts(server: PostgresServer) -> PostgresServer:
    server.psql(
        "DROP TABLE IF EXISTS accounts; CREATE TABLE accounts (id int PRIMARY KEY, balance int CHECK (balance >= 0));"
        "INSERT INTO accounts VALUES (1, 100), (2, 0); GRANT ALL ON accounts TO PUBLIC"
    )
    return server


def move(amount: int) -> list[Command]:
    return [
        Command("UPDATE accounts SET balance = balance + :amount WHERE id = 2", {"amount": amount}, name="take"),
        Command("UPDATE accounts SET balance = balance - ? WHERE id = 1 RETURNING balance", [amount], name="give"),
    ]


def test_statements_run_in_order_and_are_committed_together(
    connections: ConnectionManager, accounts: PostgresServer
) -> None:
    events: list[Event] = []
    run = TransactionalExecutor(connections, observe=events.append).run_statements("main", move(30))
    assert accounts.psql("SELECT string_agg(balance::text, ',' ORDER BY id) FROM accounts") == "70,30"
    assert [result.rows for result in run.results] == [1, 1]
    assert run.results[1].returned is not None
    assert run.results[1].returned.to_pylist() == [{"balance": 70}]
    assert run.attempts == 1
    told = [(type(event), getattr(event, "statement", "")) for event in events]
    assert told == [
        (StatementStarted, "take"),
        (StatementFinished, "take"),
        (StatementStarted, "give"),
        (StatementFinished, "give"),
        (TransactionCommitted, ""),
    ]


def test_statement_that_fails_takes_those_before_it_back(
    connections: ConnectionManager, accounts: PostgresServer
) -> None:
    events: list[Event] = []
    with pytest.raises(ConstraintError, match="accounts_balance_check"):
        TransactionalExecutor(connections, observe=events.append).run_statements("main", move(7654321))
    assert accounts.psql("SELECT string_agg(balance::text, ',' ORDER BY id) FROM accounts") == "100,0"
    assert isinstance(events[-1], StatementFailed)
    assert events[-1].failure.sqlstate == "23514"
    assert "7654321" not in repr(events)


def test_session_leaves_nothing_of_a_failed_transaction_to_the_next(
    connections: ConnectionManager, accounts: PostgresServer
) -> None:
    with TransactionalExecutor(connections).session() as session:

        def spoil(connection: CockroachDBConnection, _: object) -> None:
            connection.execute("UPDATE accounts SET balance = 1 WHERE id = 2")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            session.run(spoil, Transaction())
        session.run(
            lambda connection, _: connection.execute("UPDATE accounts SET balance = 5 WHERE id = 1"), Transaction()
        )
    assert accounts.psql("SELECT string_agg(balance::text, ',' ORDER BY id) FROM accounts") == "5,0"


@pytest.mark.parametrize("isolation", list(Isolation))
def test_isolation_is_what_was_asked_for(connections: ConnectionManager, isolation: Isolation) -> None:
    def ask(connection: CockroachDBConnection) -> object:
        return connection.query("SHOW transaction_isolation")[0][0]

    assert TransactionalExecutor(connections).run("main", ask, Transaction(isolation=isolation)) == isolation


def test_read_only_transaction_is_refused_a_write_by_the_database(
    connections: ConnectionManager, accounts: PostgresServer
) -> None:
    with pytest.raises(ReadOnlyError, match="25006"):
        TransactionalExecutor(connections).run_statements("main", move(1), Transaction(read_only=True))


def test_deferrable_transaction(connections: ConnectionManager) -> None:
    transaction = Transaction(read_only=True, isolation=Isolation.SERIALIZABLE, deferrable=True)

    def ask(connection: CockroachDBConnection) -> object:
        return connection.query("SHOW transaction_deferrable")[0][0]

    assert TransactionalExecutor(connections).run("main", ask, transaction) == "on"


def test_modes_of_each_dialect() -> None:
    hints = Transaction(priority=Priority.HIGH, quality_of_service=QualityOfService.BACKGROUND)
    assert hints.modes(Dialect.COCKROACHDB) == ["READ WRITE", "PRIORITY HIGH"]
    assert hints.modes(Dialect.POSTGRESQL) == ["READ WRITE"]
    past = Transaction(read_only=True, as_of=AsOf.parse("-10s"))
    assert past.modes(Dialect.COCKROACHDB) == [
        "ISOLATION LEVEL SERIALIZABLE",
        "READ ONLY",
        "AS OF SYSTEM TIME '-10s'",
    ]
    assert past.modes(Dialect.POSTGRESQL) == ["ISOLATION LEVEL REPEATABLE READ", "READ ONLY"]
    with pytest.raises(TransactionOptionError, match="CockroachDB has no deferrable transactions"):
        Transaction(read_only=True, isolation=Isolation.SERIALIZABLE, deferrable=True).modes(Dialect.COCKROACHDB)


def test_options_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(TransactionOptionError, match="cannot read as of the past"):
        Transaction(as_of=AsOf.parse("-1s"))
    with pytest.raises(TransactionOptionError, match="can be deferrable"):
        Transaction(deferrable=True, read_only=True)


def test_postgresql_reads_one_snapshot_of_now_where_a_moment_was_asked_for_and_says_so(
    connections: ConnectionManager,
) -> None:
    transaction = Transaction(read_only=True, as_of=AsOf.parse("-10s"))
    seen = QueryExecutor(connections).run("main", lambda snapshot: snapshot.seen, transaction)
    assert seen == "now, in one snapshot: PostgreSQL keeps no history to read as of -10s"


def test_lost_connection_of_a_read_is_read_again_from_a_new_snapshot(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    events: list[Event] = []
    lost: list[int] = []

    def read(snapshot: object) -> int:
        (backend,) = snapshot.read_text("SELECT pg_backend_pid() AS pid").to_table()["pid"].to_pylist()  # type: ignore[attr-defined]
        if not lost:
            lost.append(backend)
            server.psql(f"SELECT pg_terminate_backend({backend}, 5000)")
        snapshot.read_text("SELECT 1").to_table()  # type: ignore[attr-defined]
        return int(backend)

    assert QueryExecutor(connections, observe=events.append).run("main", read, staged=True) not in lost
    (retry,) = [event for event in events if isinstance(event, RetryScheduled)]
    assert retry.reconnects


def test_autocommit_work_is_run_again_only_where_that_is_harmless(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    server.psql("DROP TABLE IF EXISTS alone; CREATE TABLE alone (n int); GRANT ALL ON alone TO PUBLIC")
    writer = TransactionalExecutor(connections)

    def lose_once(connection: CockroachDBConnection) -> None:
        connection.execute("INSERT INTO alone VALUES (1)")
        if server.psql("SELECT count(*) FROM alone") == "1":
            server.psql(f"SELECT pg_terminate_backend({connection.query('SELECT pg_backend_pid()')[0][0]}, 5000)")
            connection.query("SELECT 1")

    with pytest.raises(StatementError, match="look into the table"):
        writer.run_autocommit("main", lose_once)
    assert server.psql("SELECT count(*) FROM alone") == "1"
    server.psql("TRUNCATE alone")
    writer.run_autocommit("main", lose_once, idempotent=True)
    assert server.psql("SELECT count(*) FROM alone") == "2"


def test_no_plan_is_kept_that_a_schema_change_would_make_stale(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    server.psql(
        "DROP TABLE IF EXISTS reshaped; CREATE TABLE reshaped (n int); GRANT ALL ON reshaped TO PUBLIC; ALTER TABLE reshaped OWNER TO tester"
    )
    events: list[Event] = []
    with TransactionalExecutor(connections, observe=events.append).session() as session:

        def ask(connection: CockroachDBConnection, _: object) -> int:
            return len(connection.query("SELECT * FROM reshaped"))

        for _ in range(8):
            session.run(ask, Transaction())
        server.psql("ALTER TABLE reshaped ALTER COLUMN n TYPE text; ALTER TABLE reshaped ADD COLUMN m int")
        assert session.run(ask, Transaction()) == 0
    assert not any(isinstance(event, RetryScheduled) for event in events)


def test_wrong_sql_is_not_tried_again(connections: ConnectionManager) -> None:
    events: list[Event] = []
    with pytest.raises(InvalidStatementError) as caught:
        TransactionalExecutor(connections, observe=events.append).run_statements("main", [Command("SELECT nowhere")])
    assert caught.value.tried == ""
    assert not any(isinstance(event, RetryScheduled) for event in events)


def test_observer_that_fails_disturbs_nothing(
    connections: ConnectionManager, accounts: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: Event) -> None:
        raise OSError("the disk is full")

    TransactionalExecutor(connections, observe=fail).run_statements("main", move(1))
    assert accounts.psql("SELECT balance FROM accounts WHERE id = 2") == "1"
    assert "an observer failed on a StatementStarted" in caplog.text
