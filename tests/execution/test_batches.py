"""Many rows are written batch by batch: each once, the failing one named, and the rest later from where it stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from cockroach_pipelines.database import CockroachDBConnection, ConnectionManager, ConstraintError
from cockroach_pipelines.execution import (
    Activity,
    BatchError,
    BatchExecutor,
    BatchFinished,
    Event,
    RetryScheduled,
    TransactionCommitted,
)
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")

INSERT = "INSERT INTO batched (id, note) VALUES (?, ?)"


@pytest.fixture
def server(server: PostgresServer) -> PostgresServer:
    server.psql(
        "DROP TABLE IF EXISTS batched; CREATE TABLE batched (id int PRIMARY KEY, note text, amount numeric(10, 2), at timestamptz);"
        "GRANT ALL ON batched TO PUBLIC"
    )
    return server


@pytest.fixture
def connections(server: PostgresServer) -> Iterator[ConnectionManager]:
    with ConnectionManager({"main": server.config}) as connections:
        yield connections


def count(server: PostgresServer) -> int:
    return int(server.psql("SELECT count(*) FROM batched"))


def rows(number: int) -> list[list[object]]:
    return [[n, f"note {n}"] for n in range(number)]


def test_rows_are_written_in_batches_of_128_each_in_its_transaction(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    events: list[Event] = []
    run = BatchExecutor(connections, observe=events.append).run("main", INSERT, rows(300), name="load")
    assert (run.batches, run.rows) == (3, 300)
    assert count(server) == 300
    told = [event for event in events if isinstance(event, BatchFinished)]
    assert [(event.batch, event.batches, event.rows, event.rows_so_far) for event in told] == [
        (0, 3, 128, 128),
        (1, 3, 128, 256),
        (2, 3, 44, 300),
    ]
    assert sum(isinstance(event, TransactionCommitted) for event in events) == 3


def test_inserts_travel_as_one_statement_of_many_rows(connections: ConnectionManager, server: PostgresServer) -> None:
    server.psql(
        "CREATE OR REPLACE FUNCTION seen_statement() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO statements_seen VALUES (1); RETURN NULL; END $$;"
        "DROP TABLE IF EXISTS statements_seen; CREATE TABLE statements_seen (n int); GRANT ALL ON statements_seen TO PUBLIC;"
        "CREATE TRIGGER seen AFTER INSERT ON batched FOR EACH STATEMENT EXECUTE FUNCTION seen_statement()"
    )
    BatchExecutor(connections).run("main", INSERT, rows(128))
    assert server.psql("SELECT count(*) FROM statements_seen") == "1"


def test_names_mappings_and_arrow_find_their_parameters(connections: ConnectionManager, server: PostgresServer) -> None:
    executor = BatchExecutor(connections)
    named = "INSERT INTO batched VALUES (:id, :note, :amount, :at)"
    moment = dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC)
    first = {"at": moment, "id": 1, "note": None, "amount": Decimal("1.50")}
    executor.run("main", named, [first])
    table = pa.table(
        {
            "amount": pa.array([Decimal("2.25"), None], pa.decimal128(10, 2)),
            "id": pa.array([2, 3], pa.int32()),
            "at": pa.array([moment, None], pa.timestamp("us", "UTC")),
            "note": ["it's", "ünï\\"],
        }
    )
    assert executor.run("main", named, table).rows == 2
    assert executor.run("main", INSERT, pa.table({"x": [4], "y": ["by order"]}).to_reader()).rows == 1
    assert executor.run("main", INSERT, pa.record_batch({"x": [5], "y": ["batch"]})).rows == 1
    found = server.psql("SELECT id, note, amount, at = '2024-01-31 12:00Z' FROM batched ORDER BY id").splitlines()
    assert found == ["1||1.50|t", "2|it's|2.25|t", "3|ünï\\||", "4|by order||", "5|batch||"]


def test_update_and_delete_say_how_many_rows_they_changed(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    executor = BatchExecutor(connections)
    executor.run("main", INSERT, rows(10))
    assert executor.run("main", "UPDATE batched SET note = ? WHERE id < ?", [["a", 3], ["b", 2]]).affected == 5
    assert executor.run("main", "DELETE FROM batched WHERE id = :id", [{"id": n} for n in range(5, 15)]).affected == 5
    assert count(server) == 5


def test_failing_row_is_named_its_values_are_not_and_what_came_before_is_kept(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    wrong = rows(300)
    wrong[200] = [7, "s3cret"]  # there already
    with pytest.raises(BatchError) as caught:
        BatchExecutor(connections).run("main", INSERT, wrong)
    error = caught.value
    assert (error.batch, error.row, error.rows_committed) == (1, 200, 128)
    assert isinstance(error.reason, ConstraintError)
    assert error.message == (
        "batch 1 (rows 128 to 255) failed at row 200 (1: int, 2: text of 6 characters): [23505] duplicate key value "
        'violates unique constraint "batched_pkey"'
    )
    assert "resume with start_at=1" in error.advice
    assert "s3cret" not in f"{error}{error.__cause__}{error!r}"
    assert count(server) == 128


def test_writing_resumes_at_a_batch(connections: ConnectionManager, server: PostgresServer) -> None:
    data = rows(300)
    data[200][0] = "no number"
    executor = BatchExecutor(connections)
    with pytest.raises(BatchError, match=r"row 200 \(1: text of 9 characters") as caught:
        executor.run("main", INSERT, data)
    data[200][0] = 200
    run = executor.run("main", INSERT, iter(data), start_at=caught.value.batch)
    assert (run.batches, run.rows) == (2, 172)
    assert server.psql("SELECT count(*), count(DISTINCT id) FROM batched") == "300|300"


def test_rows_that_fail_only_together_are_told_as_a_batch(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    twice = "INSERT INTO batched (id, note) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET note = excluded.note"
    with pytest.raises(BatchError, match=r"batch 0 \(rows 0 to 1\) failed: \[21000\]") as caught:
        BatchExecutor(connections).run("main", twice, [[1, "a"], [1, "b"]])
    assert caught.value.row is None
    assert count(server) == 0


def test_lost_connection_repeats_its_batch_alone(connections: ConnectionManager, server: PostgresServer) -> None:
    events: list[Event] = []

    def cut_at_half() -> Iterator[list[object]]:
        for row in rows(512):
            if row[0] == 256:
                server.psql(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name LIKE 'cockroach_pipelines/cut_in_half%'"
                )
            yield row

    executor = BatchExecutor(connections, Activity(asset="cut_in_half"), events.append)
    run = executor.run("main", INSERT, cut_at_half())
    assert run.rows == 512
    assert server.psql("SELECT count(*), count(DISTINCT id) FROM batched") == "512|512"
    assert sum(isinstance(event, RetryScheduled) for event in events) >= 1


def test_commit_in_doubt_is_told_with_its_batch_and_repeated_where_that_is_harmless(
    connections: ConnectionManager, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = CockroachDBConnection.commit
    commits: list[int] = []

    def lose_the_answer(connection: CockroachDBConnection) -> None:
        commit(connection)
        ((here,),) = connection.query("SELECT count(*) FROM batched")
        commits.append(here)
        if here == 256 and commits.count(256) == 1:
            server.psql(f"SELECT pg_terminate_backend({connection.query('SELECT pg_backend_pid()')[0][0]}, 5000)")
            connection.query("SELECT 1")

    monkeypatch.setattr(CockroachDBConnection, "commit", lose_the_answer)
    with pytest.raises(BatchError, match=r"batch 1 \(rows 128 to 255\) may have been committed") as caught:
        BatchExecutor(connections).run("main", INSERT, rows(300))
    assert "start_at=1 or 2" in caught.value.advice
    server.psql("TRUNCATE batched")
    commits.clear()
    upsert = f"{INSERT} ON CONFLICT (id) DO NOTHING"
    assert BatchExecutor(connections).run("main", upsert, rows(300), idempotent=True).rows == 300
    assert count(server) == 300


@pytest.mark.parametrize(
    ("statement", "given", "reason"),
    [
        ("SELECT ?", [[1]], "a batch takes one INSERT"),
        ("INSERT INTO batched (id) VALUES (?) RETURNING id", [[1]], "without RETURNING"),
        (INSERT, [[1, "a"], [2]], "row 1 has 1 values"),
        ("INSERT INTO batched (id) VALUES (:id)", [{"di": 1}], "row 0 has no id"),
        (INSERT, [{"id": 1}], "has no :name"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_their_number(
    connections: ConnectionManager, statement: str, given: Any, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        BatchExecutor(connections).run("main", statement, given)
