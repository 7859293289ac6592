"""Transactions that meet are run again until each has done its work exactly once."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cockroach_pipelines.config import PoolConfig
from cockroach_pipelines.database import CockroachDBConnection, LockNotAvailableError, SerializationError
from cockroach_pipelines.execution import (
    Command,
    Event,
    Isolation,
    RetryScheduled,
    Transaction,
    TransactionalExecutor,
)
from tests.faults.conftest import Connect
from tests.peers.postgres import PostgresServer

WRITERS, COUNTERS, INCREMENTS = 16, 4, 2000
SERIALIZABLE = Transaction(isolation=Isolation.SERIALIZABLE)


@pytest.fixture
def counters(faulty_server: PostgresServer) -> None:
    faulty_server.psql(
        "DROP TABLE IF EXISTS counters; CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL);"
        f"INSERT INTO counters SELECT i, 0 FROM generate_series(0, {COUNTERS - 1}) AS i; GRANT ALL ON counters TO PUBLIC"
    )


@pytest.mark.usefixtures("counters")
def test_sixteen_writers_on_four_counters_lose_no_increment_and_make_none_twice(
    connections: Connect, faulty_server: PostgresServer
) -> None:
    events: list[Event] = []
    manager = connections(
        through=faulty_server.port,
        pool=PoolConfig(size=WRITERS),
        retry={"retries": 100, "first_wait": 0.002, "longest_wait": 0.1, "total_time": 60},
    )
    executor = TransactionalExecutor(manager, observe=events.append)

    def increment(writer: int) -> None:
        chance = random.Random(writer)  # noqa: S311 - the same order at each run
        with executor.session("main") as session:
            for _ in range(INCREMENTS // WRITERS):
                counter = chance.randrange(COUNTERS)

                def work(connection: CockroachDBConnection, _: object, counter: int = counter) -> None:
                    ((n,),) = connection.query("SELECT n FROM counters WHERE id = ?", [counter])
                    connection.execute("UPDATE counters SET n = ? WHERE id = ?", [n + 1, counter])

                session.run(work, SERIALIZABLE)

    began = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(increment, range(WRITERS)))
    seconds = time.monotonic() - began
    retries = [event for event in events if isinstance(event, RetryScheduled)]
    print(
        f"{INCREMENTS} increments in {seconds:.1f} s, {len(retries)} attempts run again, "
        f"at most {max(event.attempt for event in retries) + 1} for one"
    )
    assert faulty_server.psql("SELECT sum(n) FROM counters") == str(INCREMENTS)
    assert len(retries) > INCREMENTS / 20, "hardly any transactions met: nothing was shown"
    assert {event.failure.sqlstate for event in retries} == {"40001"}
    assert not any(event.reconnects for event in retries)


@pytest.mark.usefixtures("counters")
def test_one_of_two_that_wait_for_each_other_runs_again(connections: Connect, faulty_server: PostgresServer) -> None:
    events: list[Event] = []
    executor = TransactionalExecutor(connections(through=faulty_server.port), observe=events.append)
    both_hold_one = threading.Barrier(2)

    def cross(first: int, second: int) -> None:
        met = threading.Event()

        def work(connection: CockroachDBConnection) -> None:
            connection.execute("UPDATE counters SET n = n + 1 WHERE id = ?", [first])
            if not met.is_set():
                met.set()
                both_hold_one.wait(10)
            connection.execute("UPDATE counters SET n = n + 1 WHERE id = ?", [second])

        executor.run("main", work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(cross, (0, 1), (1, 0)))
    assert faulty_server.psql("SELECT sum(n) FROM counters") == "4"
    assert [event.failure.sqlstate for event in events if isinstance(event, RetryScheduled)] == ["40P01"]


@pytest.mark.usefixtures("counters")
def test_conflict_that_lasts_ends_with_the_limit_of_attempts(
    connections: Connect, faulty_server: PostgresServer
) -> None:
    executor = TransactionalExecutor(connections(through=faulty_server.port))

    def lose(connection: CockroachDBConnection) -> None:
        connection.query("SELECT sum(n) FROM counters")
        faulty_server.psql("UPDATE counters SET n = n + 1")
        connection.execute("UPDATE counters SET n = 0")

    with pytest.raises(SerializationError, match=r"It was tried 3 times within"):
        executor.run("main", lose, SERIALIZABLE, retries=2)
    assert faulty_server.psql("SELECT sum(n) FROM counters") == str(3 * COUNTERS)


@pytest.mark.usefixtures("counters")
def test_lock_that_others_hold_is_asked_for_a_few_times(connections: Connect, faulty_server: PostgresServer) -> None:
    events: list[Event] = []
    manager = connections(through=faulty_server.port, lock_timeout=0.05)
    executor = TransactionalExecutor(manager, observe=events.append)
    add = [Command("UPDATE counters SET n = n + 1 WHERE id = 0")]
    with manager.lend() as holder:
        holder.execute("UPDATE counters SET n = 7 WHERE id = 0")
        with pytest.raises(LockNotAvailableError, match="55P03"):
            executor.run_statements("main", add)
        assert sum(isinstance(event, RetryScheduled) for event in events) == 3
        threading.Timer(0.1, holder.rollback).start()
        executor.run_statements("main", add)
    assert faulty_server.psql("SELECT n FROM counters WHERE id = 0") == "1"
