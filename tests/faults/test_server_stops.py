"""A server that stops, crashes or is killed in the middle of work, and comes back: each executor goes on or says why not."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.database import (
    CockroachDBConnection,
    ConnectionFailedError,
    ConnectionLostError,
    ConnectionManager,
)
from cockroach_pipelines.database.arrow import write
from cockroach_pipelines.execution import (
    BatchExecutor,
    Event,
    Order,
    QueryExecutor,
    ResultProcessor,
    RetryScheduled,
    Snapshot,
    TransactionalExecutor,
    run_reading,
)
from cockroach_pipelines.execution.files.typed import TypedWriter
from cockroach_pipelines.queries import SQLRepository
from tests.faults.conftest import Connect
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

Stop = Callable[[PostgresServer], None]

WAYS: dict[str, Stop] = {
    "fast": lambda server: server.stop(signal.SIGINT),
    "immediate": lambda server: server.stop(signal.SIGQUIT),
    "killed": lambda server: server.kill(),
}
every_way = pytest.mark.parametrize("stop", WAYS.values(), ids=WAYS)

ROWS = 200_000


# A server ends with the thread that started it: this one lives as long as the tests do.
_STARTER = ThreadPoolExecutor(1)


def start_meanwhile(server: PostgresServer) -> Future[None]:
    """Start the server in another thread."""
    return _STARTER.submit(server.start)


class Restart:
    """Stops the server once, when told that the work is under way, and starts it again."""

    def __init__(self, server: PostgresServer, stop: Stop) -> None:
        self._server = server
        self._stop = stop
        self.done = False

    def once(self) -> None:
        if not self.done:
            self.done = True
            self._stop(self._server)
            start_meanwhile(self._server)


def direct(connections: Connect, server: PostgresServer, **settings: Any) -> ConnectionManager:
    return connections(through=server.port, **settings)


@every_way
def test_write_runs_again_as_a_whole(
    connections: Connect, faulty_server: PostgresServer, table: str, stop: Stop
) -> None:
    restart = Restart(faulty_server, stop)
    events: list[Event] = []

    def work(connection: CockroachDBConnection) -> None:
        connection.execute("INSERT INTO written VALUES (1, 'before')")
        restart.once()
        connection.execute("INSERT INTO written VALUES (2, 'after')")

    manager = direct(connections, faulty_server)
    TransactionalExecutor(manager, observe=events.append).run("main", work)
    assert faulty_server.psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM written") == "1,2"
    retries = [event for event in events if isinstance(event, RetryScheduled)]
    assert retries
    assert retries[0].reconnects
    assert retries[0].failure.sqlstate in ("57P01", "57P02", "08006")


@every_way
def test_staged_report_is_read_again_from_its_beginning(
    connections: Connect, faulty_server: PostgresServer, tmp_path: Path, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    restart = Restart(faulty_server, stop)
    files = {"reporting/rows.sql": f"SELECT n, repeat('x', 100) AS text FROM generate_series(1, {ROWS}) AS n"}
    make_project(tmp_path, {"main": faulty_server.config_of()}, files)
    query = SQLRepository(tmp_path / "sql").get("rows")
    write_batch = TypedWriter.write

    def write_and_stop(self: TypedWriter, batch: pa.RecordBatch) -> None:
        write_batch(self, batch)
        restart.once()

    monkeypatch.setattr(TypedWriter, "write", write_and_stop)
    processor = ResultProcessor(tmp_path / "results")
    manager = direct(connections, faulty_server)
    with processor.staging() as folder:
        outcome = run_reading(QueryExecutor(manager), processor, Order(query), folder / "rows.parquet")
        assert outcome.attempts > 1
        assert pq.read_table(folder / "rows.parquet")["n"].to_pylist() == list(range(1, ROWS + 1))


def test_reader_that_was_handed_rows_gets_the_error_and_no_second_beginning(
    connections: Connect, faulty_server: PostgresServer
) -> None:
    restart = Restart(faulty_server, WAYS["immediate"])
    seen: list[int] = []

    def read(snapshot: Snapshot) -> None:
        for batch in snapshot.read_text(f"SELECT n, repeat('x', 100) FROM generate_series(1, {ROWS}) AS n"):
            seen.extend(batch.column(0).to_pylist())
            restart.once()

    with pytest.raises(ConnectionLostError):
        QueryExecutor(direct(connections, faulty_server)).run("main", read)
    assert 0 < len(seen) < ROWS
    assert len(set(seen)) == len(seen)


@every_way
def test_copy_into_a_table_runs_again_and_writes_every_row_once(
    connections: Connect, faulty_server: PostgresServer, table: str, stop: Stop
) -> None:
    restart = Restart(faulty_server, stop)

    def batches() -> Any:
        for start in range(0, ROWS, 20_000):
            if start == ROWS // 2:
                restart.once()
            ids = pa.array(range(start, start + 20_000), pa.int32())
            yield pa.record_batch({"id": ids, "note": pa.array(["x" * 100] * 20_000)})

    schema = pa.schema({"id": pa.int32(), "note": pa.string()})

    def work(connection: CockroachDBConnection) -> int:
        return write(connection.jdbc, "written", pa.RecordBatchReader.from_batches(schema, batches())).rows

    assert TransactionalExecutor(direct(connections, faulty_server)).run("main", work) == ROWS
    assert faulty_server.psql("SELECT count(*), count(DISTINCT id) FROM written") == f"{ROWS}|{ROWS}"


@every_way
def test_batches_go_on_where_they_were(
    connections: Connect, faulty_server: PostgresServer, table: str, stop: Stop
) -> None:
    restart = Restart(faulty_server, stop)

    def rows() -> Any:
        for number in range(3000):
            if number == 1500:
                restart.once()
            yield [number, "x"]

    run = BatchExecutor(direct(connections, faulty_server)).run("main", "INSERT INTO written VALUES (?, ?)", rows())
    assert run.rows == 3000
    assert faulty_server.psql("SELECT count(*), count(DISTINCT id) FROM written") == "3000|3000"


@every_way
def test_pool_recovers_without_a_restart_of_the_process(
    connections: Connect, faulty_server: PostgresServer, stop: Stop
) -> None:
    manager = direct(connections, faulty_server)
    reader = QueryExecutor(manager)

    def ask(snapshot: Snapshot) -> Any:
        return snapshot.read_text("SELECT 1 AS one").to_table()["one"].to_pylist()

    with manager.lend(), manager.lend(), manager.lend():
        pass  # three that rest in the pool when the server stops
    assert manager.pool().open_connections == 3
    stop(faulty_server)
    starting = start_meanwhile(faulty_server)
    assert [reader.run("main", ask) for _ in range(4)] == [[1]] * 4
    starting.result()
    assert manager.pool().open_connections == 1


def test_server_that_was_never_reached_is_reported_at_once(connections: Connect, faulty_server: PostgresServer) -> None:
    events: list[Event] = []
    manager = direct(connections, faulty_server)
    faulty_server.stop()
    try:
        with pytest.raises(ConnectionFailedError, match="08001"):
            TransactionalExecutor(manager, observe=events.append).run("main", lambda connection: None)
    finally:
        faulty_server.start()
    assert events == []


def test_server_that_stays_away_ends_the_attempts_and_says_how_many_there_were(
    connections: Connect, faulty_server: PostgresServer
) -> None:
    manager = direct(connections, faulty_server, retry={"retries": 3})
    with manager.lend() as connection:
        connection.broken = True
    faulty_server.stop()
    try:
        with pytest.raises(ConnectionFailedError, match=r"Nothing answers there.*\n.*tried 4 times"):
            TransactionalExecutor(manager).run("main", lambda connection: None)
    finally:
        faulty_server.start()
