"""What only CockroachDB says, in its exact words: each is classified, worded, and run again or not."""

from __future__ import annotations

import pytest

from cockroach_pipelines.database import (
    AmbiguousCommitError,
    AsOf,
    CancelledError,
    CockroachDBConnection,
    ConnectionManager,
    PartlyCommittedError,
    PermissionDeniedError,
    SerializationError,
    StatementError,
)
from cockroach_pipelines.execution import (
    Activity,
    Command,
    CommitInDoubt,
    Doubt,
    Event,
    Priority,
    QualityOfService,
    QueryExecutor,
    RetryScheduled,
    Transaction,
    TransactionalExecutor,
)
from tests.faults.conftest import Connect
from tests.peers.postgres import PostgresServer
from tests.peers.scripted import Script, scripted, server_error

RETRY = (
    "restart transaction: TransactionRetryWithProtoRefreshError: TransactionRetryError: retry txn "
    '(RETRY_SERIALIZABLE - failed preemptive refresh due to encountered recently written committed value /Table/106/1/1/0): "sql txn" '
)
DEADLINE = (
    "restart transaction: TransactionRetryWithProtoRefreshError: TransactionRetryError: retry txn "
    '(RETRY_COMMIT_DEADLINE_EXCEEDED - txn timestamp pushed too much; deadline exceeded by 250ms): "sql txn" '
)
WRITE_TOO_OLD = (
    "restart transaction: TransactionRetryWithProtoRefreshError: WriteTooOldError: write for key /Table/106/1/1/0 "
    "at timestamp 1700000000.000000000,0 too old; must write at or above 1700000000.000000001,1"
)
AMBIGUOUS = "result is ambiguous: error=ba: Put, EndTxn(parallel commit) RPC error: grpc: connection error [code 14/Unavailable]"
PARTLY = (
    "transaction committed but schema change aborted with error: (23505): failed to ingest index entries during backfill: "
    'duplicate key value violates unique constraint "written_id_key"'
)
PORTALS = (
    "unimplemented: multiple active portals is in preview, please set session variable multiple_active_portals_enabled "
    "to true to enable them"
)
INTERNALS = "Access to crdb_internal and system is restricted."
DRAINING = "server is shutting down"
CACHED_PLAN = "cached plan must not change result type"
TIMEOUT = "query execution canceled due to statement timeout"

INSERT = [Command("INSERT INTO written VALUES (1, 'once')")]


@pytest.fixture
def manager(connections: Connect, faulty_server: PostgresServer, table: str) -> ConnectionManager:
    return connections(through=faulty_server.port)


@pytest.mark.parametrize(
    ("sqlstate", "message", "where"),
    [
        ("40001", RETRY, "INSERT"),
        ("40001", WRITE_TOO_OLD, "INSERT"),
        ("40001", RETRY, "COMMIT"),
        ("40001", DEADLINE, "COMMIT"),
        ("57P01", DRAINING, "INSERT"),
        ("0A000", CACHED_PLAN, "INSERT"),
    ],
    ids=["retry", "write_too_old", "retry_at_commit", "deadline", "draining", "cached_plan"],
)
def test_what_can_pass_is_run_again_and_done_once(
    manager: ConnectionManager,
    faulty_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    sqlstate: str,
    message: str,
    where: str,
) -> None:
    events: list[Event] = []
    # A commit of the session's own beginning comes before that of the transaction.
    script = Script([(where, server_error(sqlstate, message))])
    with scripted(manager, monkeypatch, script):
        executor = TransactionalExecutor(manager, observe=events.append)
        with executor.session() as session:
            session.run(lambda connection, _: _arm(connection, script, where), Transaction())
            session.run(lambda connection, _: connection.execute(INSERT[0].statement), Transaction())  # type: ignore[arg-type]
    (retry,) = [event for event in events if isinstance(event, RetryScheduled)]
    assert (retry.failure.sqlstate, retry.failure.message) == (sqlstate, f"[{sqlstate}] {message}")
    assert faulty_server.psql("SELECT count(*) FROM written") == "1"


def _arm(connection: CockroachDBConnection, script: Script, where: str) -> None:
    """Let the version be asked, whose commit is none of the test's."""
    assert connection.version
    if where == "COMMIT":  # the transaction that runs this has a commit, too
        script.errors.insert(0, ("COMMIT", None))


def test_commit_that_is_too_late_says_to_make_it_smaller(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script([("INSERT", server_error("40001", DEADLINE)) for _ in range(3)])
    with (
        scripted(manager, monkeypatch, script),
        pytest.raises(SerializationError, match=r"make it smaller(.|\n)*tried 2 times"),
    ):
        TransactionalExecutor(manager).run_statements("main", INSERT, retries=1)


@pytest.mark.parametrize(
    ("sqlstate", "message", "kind", "advice"),
    [
        ("XXA00", PARTLY, PartlyCommittedError, "The data was committed and the schema change was not"),
        ("0A000", PORTALS, StatementError, "one open result per connection"),
        ("42501", INTERNALS, PermissionDeniedError, "use SHOW statements or information_schema"),
        ("57014", TIMEOUT, CancelledError, "raise statement_timeout"),
        ("40003", AMBIGUOUS, AmbiguousCommitError, "look into the table before running it again"),
    ],
    ids=["partly_committed", "portals", "internals", "timeout", "ambiguous"],
)
def test_what_would_fail_again_or_do_harm_is_raised_at_once(
    manager: ConnectionManager,
    monkeypatch: pytest.MonkeyPatch,
    sqlstate: str,
    message: str,
    kind: type[StatementError],
    advice: str,
) -> None:
    events: list[Event] = []
    script = Script([("INSERT", server_error(sqlstate, message))])
    with scripted(manager, monkeypatch, script), pytest.raises(kind) as caught:
        TransactionalExecutor(manager, observe=events.append).run_statements("main", INSERT)
    assert type(caught.value) is kind
    assert message in caught.value.message
    assert advice in caught.value.advice
    assert not any(isinstance(event, RetryScheduled) for event in events)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not_kept"])
def test_ambiguous_result_of_a_commit_is_decided_by_a_query(
    manager: ConnectionManager, faulty_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    events: list[Event] = []
    script = Script(after=kept)
    with scripted(manager, monkeypatch, script):
        executor = TransactionalExecutor(manager, observe=events.append)

        def work(connection: CockroachDBConnection) -> None:
            connection.execute("INSERT INTO written VALUES (1, 'once')")
            if not any(isinstance(event, CommitInDoubt) for event in events):
                script.errors.append(("COMMIT", server_error("40003", AMBIGUOUS)))

        executor.run("main", work, verify=Command("SELECT count(*) FROM written WHERE id = ?", [1]))
    (doubt,) = [event for event in events if isinstance(event, CommitInDoubt)]
    assert doubt.outcome is (Doubt.COMMITTED if kept else Doubt.NOT_COMMITTED)
    assert faulty_server.psql("SELECT count(*) FROM written") == "1"


def test_second_stale_plan_is_no_accident(manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script([("INSERT", server_error("0A000", CACHED_PLAN)) for _ in range(2)])
    with scripted(manager, monkeypatch, script), pytest.raises(StatementError, match=r"tried 2 times"):
        TransactionalExecutor(manager).run_statements("main", INSERT)


def _as_postgresql(sql: str) -> str:
    """Leave out what only CockroachDB knows."""
    kept = [
        part.replace("PRIORITY LOW, ", "").replace(", PRIORITY LOW", "").partition(", AS OF SYSTEM TIME")[0]
        for part in sql.split(";")
        if "quality_of_service" not in part
    ]
    return ";".join(kept) or "SELECT 1"


def test_transaction_says_to_cockroachdb_as_of_when_it_reads_and_how_it_stands_in_its_queues(
    manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(version="CockroachDB CCL v25.2.1 (x86_64)", instead=_as_postgresql)
    transaction = Transaction(
        read_only=True,
        as_of=AsOf.parse("-10s"),
        priority=Priority.LOW,
        quality_of_service=QualityOfService.BACKGROUND,
    )
    with scripted(manager, monkeypatch, script):
        reader = QueryExecutor(manager, Activity(asset="it's"))
        seen = reader.run("main", lambda snapshot: (str(snapshot.server), snapshot.seen), transaction)
    assert seen == ("CockroachDB 25.2.1", "-10s")
    assert "SET default_transaction_quality_of_service = background" in script.seen
    assert (
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, PRIORITY LOW, AS OF SYSTEM TIME '-10s';"
        "SET application_name = 'cockroach_pipelines/it''s';SET LOCAL TIME ZONE 'UTC'"
    ) in script.seen
