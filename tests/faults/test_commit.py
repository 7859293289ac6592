"""A connection cut at any byte before, during or after COMMIT loses no row and doubles none."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest

from cockroach_pipelines.database import AmbiguousCommitError, ConnectionManager
from cockroach_pipelines.execution import (
    Command,
    CommitInDoubt,
    Doubt,
    Event,
    RetryScheduled,
    TransactionalExecutor,
)
from tests.faults.conftest import Connect
from tests.peers.postgres import PostgresServer
from tests.peers.proxy import End, Fault, Proxy, Side

SEED = 20130101
RUNS = 240
# What the driver sends and gets for one transaction of this test, and around its COMMIT; the test checks that it is so.
WHOLE_CLIENT, WHOLE_SERVER = 1000, 1000
AROUND_CLIENT, AROUND_SERVER = 40, 30

# COMMIT is a prepared statement by then, without its word: it is what follows the INSERT.
AT_COMMIT = (b"INSERT", b"")

INSERT = "INSERT INTO written VALUES (:id, :note)"


def faults(count: int) -> list[Fault]:
    """Give faults at seeded positions: a third anywhere in the life of a connection, the others around COMMIT."""
    chance = random.Random(SEED)  # noqa: S311 - the same faults at each run
    chosen = []
    for number in range(count):
        end = chance.choice([End.CLOSE, End.RESET])
        side = chance.choice(list(Side))
        if number % 3 == 0:
            limit = WHOLE_CLIENT if side is Side.CLIENT else WHOLE_SERVER
            chosen.append(Fault(side, chance.randrange(limit), end))
        else:
            limit = AROUND_CLIENT if side is Side.CLIENT else AROUND_SERVER
            chosen.append(Fault(side, chance.randrange(limit), end, triggers=AT_COMMIT))
    return chosen


def copies(server: PostgresServer) -> Counter[int]:
    """How often each row is there, once every session of the test has ended."""
    server.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'trusted'")
    return Counter(int(line) for line in server.psql("SELECT id FROM written").splitlines())


def test_cut_at_any_byte_loses_no_row_and_doubles_none_unless_it_says_so(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, table: str
) -> None:
    events: list[Event] = []
    manager = connections()
    writer = TransactionalExecutor(manager, observe=events.append)
    ambiguous: set[int] = set()
    _warm_up(manager)
    for number, fault in enumerate(faults(RUNS)):
        proxy.faults.append(fault)
        try:
            writer.run_statements("main", [Command(INSERT, {"id": number, "note": "x" * 50})])
        except AmbiguousCommitError:
            ambiguous.add(number)
        proxy.faults.clear()
    found = copies(faulty_server)
    retried = sum(isinstance(event, RetryScheduled) for event in events)
    kept = sum(found[number] for number in ambiguous)
    print(f"{RUNS} cuts: {retried} run again, {len(ambiguous)} ambiguous, of which {kept} had been kept")
    assert {number: found[number] for number in range(RUNS) if number not in ambiguous and found[number] != 1} == {}
    assert all(found[number] <= 1 for number in ambiguous)
    assert retried > RUNS / 8, "too few faults struck before COMMIT"
    assert RUNS / 8 < len(ambiguous) < RUNS * 3 / 4, "the faults miss the COMMIT"
    assert 0 < kept < len(ambiguous), "a lost COMMIT was kept always or never: nothing was ambiguous"


def test_verification_query_decides_every_doubt(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, table: str
) -> None:
    events: list[Event] = []
    manager = connections()
    writer = TransactionalExecutor(manager, observe=events.append)
    _warm_up(manager)
    runs = [fault for fault in faults(RUNS) if fault.triggers][:80]
    for number, fault in enumerate(runs):
        proxy.faults.append(fault)
        verify = Command("SELECT count(*) FROM written WHERE id = :id", {"id": number})
        writer.run_statements("main", [Command(INSERT, {"id": number, "note": "v"})], verify=verify)
        proxy.faults.clear()
    found = copies(faulty_server)
    assert found == Counter(range(len(runs)))
    doubts = Counter(event.outcome for event in events if isinstance(event, CommitInDoubt))
    print(f"{len(runs)} cuts around COMMIT: {dict(doubts)}")
    assert doubts[Doubt.COMMITTED] > 5
    assert doubts[Doubt.NOT_COMMITTED] > 5
    assert doubts[Doubt.UNKNOWN] == 0


def test_idempotent_work_runs_again_after_a_doubt(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer
) -> None:
    faulty_server.psql(
        "DROP TABLE IF EXISTS upserted; CREATE TABLE upserted (id int PRIMARY KEY, n int); GRANT ALL ON upserted TO PUBLIC"
    )
    manager = connections()
    writer = TransactionalExecutor(manager)
    _warm_up(manager)
    upsert = "INSERT INTO upserted VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET n = 1"
    runs = [fault for fault in faults(RUNS) if fault.triggers][:30]
    for number, fault in enumerate(runs):
        proxy.faults.append(fault)
        writer.run_statements("main", [Command(upsert, {"id": number})], idempotent=True)
        proxy.faults.clear()
    assert faulty_server.psql("SELECT count(*), sum(n) FROM upserted") == f"{len(runs)}|{len(runs)}"


def test_without_a_way_to_decide_the_doubt_is_reported_and_nothing_runs_again(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, table: str
) -> None:
    events: list[Event] = []
    manager = connections()
    _warm_up(manager)
    proxy.faults.append(Fault(Side.SERVER, 0, End.RESET, triggers=AT_COMMIT))
    with pytest.raises(AmbiguousCommitError, match="look into the table before running it again"):
        TransactionalExecutor(manager, observe=events.append).run_statements(
            "main", [Command(INSERT, {"id": 1, "note": None})]
        )
    (doubt,) = [event for event in events if isinstance(event, CommitInDoubt)]
    assert doubt.outcome is Doubt.UNKNOWN
    assert not any(isinstance(event, RetryScheduled) for event in events)
    assert copies(faulty_server)[1] == 1


def test_failing_verification_leaves_the_doubt_and_says_why(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, table: str
) -> None:
    manager = connections()
    _warm_up(manager)
    proxy.faults.append(Fault(Side.SERVER, 0, End.RESET, triggers=AT_COMMIT))
    with pytest.raises(AmbiguousCommitError, match=r"could not decide:.*nowhere"):
        TransactionalExecutor(manager).run_statements(
            "main", [Command(INSERT, {"id": 1, "note": None})], verify=Command("SELECT 1 FROM nowhere")
        )
    assert threading.active_count() < 100


def _warm_up(manager: ConnectionManager) -> None:
    """Let a server be known, so that its loss is one."""
    with manager.lend() as connection:
        connection.broken = True
