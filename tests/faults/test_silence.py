"""A server that falls silent, slows down or hangs up holds nobody up, and whoever asks for an end gets one."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest

from cockroach_pipelines.database import CancelledError, CockroachDBConnection, ConnectionLostError
from cockroach_pipelines.database.arrow import write
from cockroach_pipelines.execution import (
    Activity,
    BatchError,
    BatchExecutor,
    QueryExecutor,
    Snapshot,
    TransactionalExecutor,
)
from tests.faults.conftest import Connect
from tests.peers.postgres import PostgresServer
from tests.peers.proxy import End, Fault, Proxy, Side
from tests.peers.waiting import wait_until

GONE_SECONDS = 2.0
FREED_SECONDS = 5.0
ENDLESS = "SELECT generate_series(1, 1000000000) AS n, repeat('x', 100) AS text"


def running(server: PostgresServer, name: str) -> int:
    """How many sessions of that asset are at work."""
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name LIKE '%/{name}/%'"
    return int(server.psql(sql))


def sleep(connection: CockroachDBConnection) -> None:
    connection.query("SELECT pg_sleep(60)")


def drain(snapshot: Snapshot) -> None:
    for _ in snapshot.read_text(ENDLESS):
        pass


@contextmanager
def interrupted(after: float, within: float) -> Iterator[None]:
    """Expect an interrupt of this thread to end the block in time."""
    threading.Timer(after, _thread.interrupt_main).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        yield
    took = time.monotonic() - started - after
    print(f"freed after {took:.2f} s")
    assert took < within


def test_black_holed_server_frees_a_writer_by_an_abort(connections: Connect, proxy: Proxy) -> None:
    writer = TransactionalExecutor(connections())
    threading.Timer(0.3, proxy.open_hole).start()
    with interrupted(0.6, FREED_SECONDS):
        writer.run("main", sleep)


def test_black_holed_server_frees_a_reader_by_an_abort(connections: Connect, proxy: Proxy) -> None:
    reader = QueryExecutor(connections())
    threading.Timer(0.3, proxy.open_hole).start()
    with interrupted(0.6, FREED_SECONDS):
        reader.run("main", drain)


def test_black_holed_server_frees_who_copies_into_it(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, table: str
) -> None:
    schema = pa.schema({"id": pa.int32(), "note": pa.string()})
    batch = pa.record_batch({"id": pa.array(range(20_000), pa.int32()), "note": pa.array(["x" * 200] * 20_000)})

    def endless() -> Iterator[Any]:
        while True:
            yield batch

    def work(connection: CockroachDBConnection) -> None:
        write(connection.jdbc, "written", pa.RecordBatchReader.from_batches(schema, endless()))

    threading.Timer(0.4, proxy.open_hole).start()
    with interrupted(0.8, FREED_SECONDS):
        TransactionalExecutor(connections()).run("main", work)
    proxy.close_hole()
    wait_until(lambda: faulty_server.psql("SELECT count(*) FROM written") == "0", 60, lambda: "rows were kept")


def test_silence_longer_than_the_timeout_of_the_socket_is_a_lost_connection_and_work_goes_on(
    connections: Connect, proxy: Proxy
) -> None:
    proxy.faults.append(None)
    manager = connections(socket_timeout=1, statement_timeout=None)
    with manager.lend() as connection:
        connection.broken = True
    proxy.faults.append(Fault(Side.SERVER, 0, End.HOLE, triggers=(b"pg_backend_pid",)))
    writer = TransactionalExecutor(manager)
    started = time.monotonic()
    assert writer.run("main", lambda connection: connection.query("SELECT pg_backend_pid() > 0")) == [(True,)]
    assert time.monotonic() - started < FREED_SECONDS


def test_slow_network_is_slow_and_nothing_else(connections: Connect, proxy: Proxy) -> None:
    proxy.delay, proxy.rate = 0.005, 2_000_000

    def read(snapshot: Snapshot) -> list[int]:
        return snapshot.read_text("SELECT n FROM generate_series(1, 50000) AS n").to_table()["n"].to_pylist()  # type: ignore[no-any-return]

    assert QueryExecutor(connections()).run("main", read) == list(range(1, 50_001))


def test_answer_that_is_cut_in_mid_stream_is_an_error_and_never_a_shorter_result(
    connections: Connect, proxy: Proxy
) -> None:
    manager = connections()
    with manager.lend() as connection:
        connection.broken = True
    for after in (1, 200, 5_000, 70_000, 1_000_000):
        proxy.faults.append(Fault(Side.SERVER, after, End.CLOSE, triggers=(b"COPY",)))
        with pytest.raises(ConnectionLostError), QueryExecutor(manager).snapshot() as snapshot:
            snapshot.read_text("SELECT n, repeat('x', 50) FROM generate_series(1, 100000) AS n").to_table()


class TestCancelFromAnotherThread:
    """`cancel` ends what runs, on the server too; the worker gets the error of a cancelled statement."""

    def test_of_a_writer(self, connections: Connect, faulty_server: PostgresServer) -> None:
        writer = TransactionalExecutor(connections(), Activity(asset="cancelled_writer", run="r"))
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(writer.run, "main", sleep)
            wait_until(lambda: running(faulty_server, "cancelled_writer") == 1, 60, lambda: "nothing runs")
            writer.cancel()
            wait_until(lambda: running(faulty_server, "cancelled_writer") == 0, GONE_SECONDS, lambda: "it still runs")
            with pytest.raises(CancelledError):
                work.result(30)

    def test_of_a_reader(self, connections: Connect, faulty_server: PostgresServer) -> None:
        reader = QueryExecutor(connections(), Activity(asset="cancelled_reader", run="r"))
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(reader.run, "main", drain)
            wait_until(lambda: running(faulty_server, "cancelled_reader") == 1, 60, lambda: "nothing runs")
            reader.cancel()
            wait_until(lambda: running(faulty_server, "cancelled_reader") == 0, GONE_SECONDS, lambda: "it still runs")
            with pytest.raises(CancelledError):
                work.result(30)

    def test_of_a_reader_at_any_moment(self, connections: Connect, faulty_server: PostgresServer) -> None:
        manager = connections(through=faulty_server.port)
        with manager.lend():
            pass
        for delay in (0, 0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.02) * 3:
            reader = QueryExecutor(manager)
            timer = threading.Timer(delay, reader.cancel)
            timer.start()
            with pytest.raises(CancelledError):
                reader.run("main", lambda snapshot: snapshot.read_text("SELECT pg_sleep(20)").to_table())
            timer.join()
        with QueryExecutor(manager).snapshot() as snapshot:
            assert snapshot.read_text("SELECT 1 AS one").to_table()["one"].to_pylist() == [1]

    def test_of_batches(self, connections: Connect, faulty_server: PostgresServer, table: str) -> None:
        writer = BatchExecutor(connections(), Activity(asset="cancelled_batches", run="r"))
        slow = "INSERT INTO written SELECT ?, pg_sleep(60)::text"
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(writer.run, "main", slow, [[1], [2]])
            wait_until(lambda: running(faulty_server, "cancelled_batches") == 1, 60, lambda: "nothing runs")
            writer.cancel()
            wait_until(lambda: running(faulty_server, "cancelled_batches") == 0, GONE_SECONDS, lambda: "it still runs")
            with pytest.raises(BatchError, match="57014"):
                work.result(30)

    def test_of_a_wait_between_attempts(self, connections: Connect, faulty_server: PostgresServer) -> None:
        manager = connections(through=faulty_server.port, retry={"first_wait": 60, "longest_wait": 60})
        writer = TransactionalExecutor(manager)

        def lose(connection: CockroachDBConnection) -> None:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

        threading.Timer(0.5, writer.cancel).start()
        started = time.monotonic()
        with pytest.raises(CancelledError):
            writer.run("main", lose)
        assert time.monotonic() - started < FREED_SECONDS
