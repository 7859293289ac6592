"""A lease keeps others away for as long as it is renewed, and no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from cockroach_pipelines.database import ConnectionManager, DatabaseError
from cockroach_pipelines.execution import Command, TransactionalExecutor
from cockroach_pipelines.execution.kept_lease import KeptLease
from cockroach_pipelines.execution.lease import Lease, LeaseHeldError, LeaseLostError, owner_name
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")


@pytest.fixture
def connections(server: PostgresServer) -> Iterator[ConnectionManager]:
    server.psql(
        "DROP TABLE IF EXISTS leases; CREATE TABLE leases (name text PRIMARY KEY, owner text, token text, "
        "acquired_on timestamptz, expires_on timestamptz); GRANT ALL ON leases TO PUBLIC"
    )
    # With a pool of one: whoever renews needs a connection of its own.
    pool = server.config.pool.model_copy(update={"size": 1})
    with ConnectionManager({"main": server.config.model_copy(update={"pool": pool})}) as connections:
        yield connections


def lease(connections: ConnectionManager, seconds: float = 30, doing: str = "one") -> KeptLease:
    row = Lease("leases", "purge", owner_name(doing), seconds)
    return KeptLease(row, connections, "main", TransactionalExecutor(connections))


def never() -> None:
    raise AssertionError("the lease was lost")


def test_second_one_is_refused_and_told_who_holds_it(connections: ConnectionManager, server: PostgresServer) -> None:
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    held = rf"purge is held by \S+@\S+, process \d+ \(one\) since {moment}, until {moment} unless renewed; this run did nothing"
    second = lease(connections, doing="two")
    with lease(connections).held(never), pytest.raises(LeaseHeldError, match=held), second.held(never):
        pass
    with lease(connections, doing="two").held(never):
        assert server.psql("SELECT owner LIKE '%(two)' FROM leases") == "t"
    assert server.psql("SELECT count(*) FROM leases") == "0"


def test_lease_is_renewed_while_its_holder_works(connections: ConnectionManager) -> None:
    with lease(connections, seconds=0.4).held(never) as _:
        time.sleep(0.9)
        with pytest.raises(LeaseHeldError), lease(connections, doing="two").held(never):
            pass


def test_holder_that_died_is_followed_when_its_lease_has_expired(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    server.psql(
        "INSERT INTO leases VALUES ('purge', 'the dead', 'x', now() - interval '1 hour', now() - interval '1 ms')"
    )
    with lease(connections).held(never):
        assert server.psql("SELECT owner LIKE '%(one)' FROM leases") == "t"


def test_holder_whose_lease_was_taken_is_ended(connections: ConnectionManager, server: PostgresServer) -> None:
    executor, ended = TransactionalExecutor(connections), threading.Event()

    def lost() -> None:
        ended.set()
        executor.cancel()

    with (
        pytest.raises(LeaseLostError, match=r"not renewed in time\. It is held by another since"),
        lease(connections, seconds=0.4).held(lost),
    ):
        server.psql("UPDATE leases SET token = 'another', owner = 'another'")
        executor.run_statements("main", [Command("SELECT pg_sleep(20)")])
    assert ended.is_set()
    assert server.psql("SELECT token FROM leases") == "another"


def test_error_of_the_work_goes_on_its_way_and_frees_the_lease(
    connections: ConnectionManager, server: PostgresServer
) -> None:
    with pytest.raises(DatabaseError, match="the work failed"), lease(connections).held(never):
        raise DatabaseError("the work failed")
    assert server.psql("SELECT count(*) FROM leases") == "0"
