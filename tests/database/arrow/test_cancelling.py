"""A stream can be left at any point, and its connection serves on or is dropped."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas  # noqa: F401 - pyarrow would import it in mid-work, and Python may lose an interrupt amid an import
import psycopg
import pyarrow as pa
import pytest

from cockroach_pipelines.database.arrow import StreamClosedError, read, write
from cockroach_pipelines.database.errors import CancelledError, ConnectionLostError, StatementError
from cockroach_pipelines.database.jvm import java
from tests.database.arrow.rows import column, execute, still_works
from tests.peers.postgres import PostgresServer

ENDLESS = "SELECT generate_series(1, 1000000000), repeat('x', 100)"
SILENT = "SELECT pg_sleep(60)"
BOTH_WAYS = pytest.mark.parametrize("copy", [True, False], ids=["copy", "result_set"])


@pytest.fixture
def jdbc(connections: Callable[[], Any]) -> Any:
    """A connection of the test's own, which may come out of it unusable."""
    return connections()


@contextmanager
def interrupted(after: float = 0.2) -> Iterator[None]:
    """Expect a SIGINT to the main thread to end the block within 2 s."""
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    started = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        yield
    assert time.monotonic() - started < after + 2


def running(truth: psycopg.Connection[Any], what: str = "pg_sleep|generate_series") -> int:
    """How many sessions of this user are at work."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ~ %s AND pid <> pg_backend_pid()"
    row = truth.execute(sql, [what]).fetchone()
    assert row is not None
    return int(row[0])


@BOTH_WAYS
def test_closing_in_mid_stream_frees_the_connection(jdbc: Any, truth: psycopg.Connection[Any], copy: bool) -> None:
    stream = read(jdbc, ENDLESS, copy=copy)
    next(iter(stream))
    stream.close()
    assert not stream.tainted
    assert running(truth) == 0
    assert still_works(jdbc)
    with pytest.raises(StreamClosedError):
        next(iter(stream))


@BOTH_WAYS
def test_dropping_the_last_reference_frees_the_connection(
    jdbc: Any, truth: psycopg.Connection[Any], copy: bool
) -> None:
    stream = read(jdbc, ENDLESS, copy=copy)
    next(iter(stream))
    del stream
    assert running(truth) == 0
    assert still_works(jdbc)


def test_a_statement_that_failed_in_mid_stream_is_forgotten_with_all_that_led_to_it(jdbc: Any) -> None:
    class Held:
        pass

    def fail() -> weakref.ref[Held]:
        held = Held()
        with contextlib.suppress(StatementError):
            read(jdbc, "SELECT 1 / (n - 9000) FROM generate_series(1, 10000) AS n").to_table()
        return weakref.ref(held)

    seen = fail()
    execute(jdbc, "ROLLBACK")
    gc.collect()
    assert seen() is None


def test_dropping_a_reader_exported_to_c_frees_the_connection(jdbc: Any, truth: psycopg.Connection[Any]) -> None:
    reader = pa.RecordBatchReader.from_stream(read(jdbc, ENDLESS))
    reader.read_next_batch()
    del reader
    assert running(truth) == 0
    assert still_works(jdbc)


def test_leaving_the_with_block_by_an_error_frees_the_connection(jdbc: Any) -> None:
    with pytest.raises(ZeroDivisionError), read(jdbc, ENDLESS) as stream:
        next(iter(stream))
        raise ZeroDivisionError
    assert not stream.tainted
    assert still_works(jdbc)


@BOTH_WAYS
def test_cancel_from_another_thread_reaches_the_reader_before_the_first_byte(jdbc: Any, copy: bool) -> None:
    stream = read(jdbc, SILENT, copy=copy)
    threading.Timer(0.2, stream.cancel).start()
    started = time.monotonic()
    with pytest.raises(CancelledError):
        stream.to_table()
    assert time.monotonic() - started < 1
    assert not stream.tainted
    assert still_works(jdbc)


def test_cancel_in_mid_stream_reaches_the_reader(jdbc: Any) -> None:
    stream = read(jdbc, ENDLESS)
    batches = iter(stream)
    next(batches)
    stream.cancel()
    with pytest.raises(CancelledError):
        list(batches)
    assert jdbc.isClosed() if stream.tainted else still_works(jdbc)


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.01, 0.03, 0.06])
def test_a_cancelled_stream_is_never_taken_for_a_shorter_result(jdbc: Any, delay: float) -> None:
    rows = 300_000
    stream = read(jdbc, f"SELECT n, repeat('x', 20) FROM generate_series(1, {rows}) AS n")
    timer = threading.Timer(delay, stream.cancel)
    timer.start()
    read_in_all = 0
    with contextlib.suppress(CancelledError):
        read_in_all = stream.to_table().num_rows
        assert read_in_all == rows
    timer.join()


def test_cancel_at_once_never_leaves_a_doubtful_connection_unmarked(connections: Callable[[], Any]) -> None:
    for delay in (0, 0, 0.0002, 0.001, 0.002, 0.005):
        jdbc = connections()
        stream = read(jdbc, "SELECT i FROM generate_series(1, 3000) AS i")
        time.sleep(delay)
        stream.cancel()
        stream.close()
        assert jdbc.isClosed() if stream.tainted else all(still_works(jdbc) for _ in range(5))


@BOTH_WAYS
def test_closing_a_small_result_early_keeps_the_connection(jdbc: Any, copy: bool) -> None:
    for _ in range(50):
        with read(jdbc, "SELECT i FROM generate_series(1, 3000) AS i", copy=copy) as stream:
            pass
        assert not stream.tainted
    assert still_works(jdbc)


def test_cancel_after_the_end_does_nothing(jdbc: Any) -> None:
    stream = read(jdbc, "SELECT 1")
    stream.to_table()
    stream.cancel()
    stream.close()
    assert not stream.tainted
    assert still_works(jdbc)


@BOTH_WAYS
def test_an_interrupt_ends_a_silent_statement_on_the_server(
    jdbc: Any, truth: psycopg.Connection[Any], copy: bool
) -> None:
    stream = read(jdbc, SILENT, copy=copy)
    with interrupted():
        list(stream)
    assert running(truth) == 0
    assert not stream.tainted
    assert still_works(jdbc)


def test_an_interrupt_reaches_a_reader_below_c(jdbc: Any, truth: psycopg.Connection[Any]) -> None:
    stream = read(jdbc, SILENT)
    with interrupted():
        stream.reader.read_all()
    assert running(truth) == 0
    assert still_works(jdbc)


@pytest.fixture
def locked_table(truth: psycopg.Connection[Any]) -> Iterator[str]:
    """A table that another session holds a lock on."""
    truth.execute("DROP TABLE IF EXISTS locked; CREATE TABLE locked (i int)")
    with truth.transaction():
        truth.execute("LOCK TABLE locked")
        yield "locked"


def test_an_interrupt_ends_a_description_that_waits_for_a_lock(jdbc: Any, locked_table: str) -> None:
    with interrupted():
        read(jdbc, f"SELECT * FROM {locked_table}")
    assert still_works(jdbc)


def test_an_interrupt_ends_a_write_that_waits_for_a_lock(
    jdbc: Any, truth: psycopg.Connection[Any], locked_table: str
) -> None:
    with interrupted():
        write(jdbc, locked_table, pa.table({"i": [1]}))
    assert running(truth, "^COPY") == 0
    assert still_works(jdbc)


def test_an_interrupt_in_the_middle_of_a_write_keeps_nothing(jdbc: Any) -> None:
    execute(jdbc, "CREATE TABLE IF NOT EXISTS unwritten (i int)")
    jdbc.commit()
    schema = pa.schema([("i", pa.int32())])
    write(jdbc, "unwritten", schema.empty_table())  # a first use loads classes for longer than the interrupt waits

    def endless() -> Iterator[Any]:
        while True:
            time.sleep(0.01)
            yield pa.record_batch({"i": pa.array(range(1000), pa.int32())})

    with interrupted():
        write(jdbc, "unwritten", pa.RecordBatchReader.from_batches(schema, endless()))
    assert still_works(jdbc)
    assert column(jdbc, "SELECT count(*) FROM unwritten") == [0]


def test_a_server_that_ends_the_session_is_reported_and_the_connection_marked(
    jdbc: Any, truth: psycopg.Connection[Any]
) -> None:
    (pid,) = column(jdbc, "SELECT pg_backend_pid()")
    stream = read(jdbc, SILENT)
    threading.Timer(0.2, truth.execute, ("SELECT pg_terminate_backend(%s)", [pid])).start()
    with pytest.raises(ConnectionLostError):
        stream.to_table()
    assert stream.tainted
    assert jdbc.isClosed()


def test_a_server_that_does_not_answer_at_all_holds_nobody_up(jdbc: Any, server: PostgresServer) -> None:
    (pid,) = column(jdbc, "SELECT pg_backend_pid()")
    stream = read(jdbc, SILENT)
    postmaster = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGSTOP)
    os.kill(postmaster, signal.SIGSTOP)
    try:
        started = time.monotonic()
        stream.close()
        assert time.monotonic() - started < 8
        assert stream.tainted
        assert jdbc.isClosed()
    finally:
        os.kill(postmaster, signal.SIGCONT)
        os.kill(pid, signal.SIGCONT)


def test_no_thread_is_left_behind(jdbc: Any) -> None:
    def threads() -> tuple[set[str], int]:
        python = {thread.name for thread in threading.enumerate() if not thread.name.startswith("arrow-parser")}
        return python, int(java("java.lang.Thread").activeCount())

    def some_reads(count: int) -> None:
        for number in range(count):
            stream = read(jdbc, "SELECT i FROM generate_series(1, 10) AS i", copy=number % 2 == 0)
            if number % 10 == 0:
                stream.close()
            else:
                assert stream.to_table().num_rows == 10
            jdbc.rollback()

    some_reads(20)
    before = threads()
    some_reads(200)
    after = threads()
    assert after[0] == before[0]
    assert after[1] - before[1] <= 4  # the parsers, which all streams share, may be known to Java by now
