"""The KDC goes away and tickets expire while work is under way."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockroach_pipelines.config import DatabaseConfig, RetryConfig
from cockroach_pipelines.database import (
    CockroachDBConnection,
    ConnectionManager,
    KerberosCause,
    KerberosError,
)
from cockroach_pipelines.execution import QueryExecutor, Snapshot, Transaction, TransactionalExecutor
from tests.peers.kdc import Kdc
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")

TICKET_SECONDS = 10
RUN_SECONDS = 13


def who(connection: CockroachDBConnection) -> object:
    connection.broken = True  # a new connection each time
    return connection.query("SELECT current_user")


def read_who(snapshot: Snapshot) -> object:
    return snapshot.read_text("SELECT current_user AS role").to_table()["role"].to_pylist()


@pytest.fixture
def short_lived(kdc: Kdc) -> Iterator[Kdc]:
    """The KDC gives tickets for ten seconds."""
    for principal in ("etl", f"krbtgt/{kdc.realm}"):
        kdc.kadmin(f'modprinc -maxlife "{TICKET_SECONDS} seconds" {principal}')
    yield kdc
    for principal in ("etl", f"krbtgt/{kdc.realm}"):
        kdc.kadmin(f'modprinc -maxlife "1 hour" {principal}')


def quick(config: DatabaseConfig) -> DatabaseConfig:
    retry = RetryConfig(retries=2, first_wait=0.01, longest_wait=0.05)
    return config.model_copy(update={"retry": retry, "connection_timeout": 3})


def test_kdc_away_while_a_connection_is_open_is_not_noticed(server: PostgresServer, kdc: Kdc) -> None:
    with (
        ConnectionManager({"main": quick(server.kerberos_config())}) as manager,
        TransactionalExecutor(manager).session() as session,
    ):
        ask = "SELECT current_user, pg_backend_pid()"
        before = session.run(lambda connection, _: connection.query(ask), Transaction())
        with kdc.stopped():
            assert session.run(lambda connection, _: connection.query(ask), Transaction()) == before


def test_kdc_away_while_connections_are_asked_for_is_bridged_by_the_tickets_at_hand(
    server: PostgresServer, kdc: Kdc
) -> None:
    with ConnectionManager({"main": quick(server.kerberos_config())}) as manager:
        writer = TransactionalExecutor(manager)
        writer.run("main", who)
        with kdc.stopped():
            for _ in range(3):
                assert writer.run("main", who) == [("etl",)]


def test_kdc_that_was_never_there_is_reported_at_once(server: PostgresServer, kdc: Kdc) -> None:
    with (
        kdc.stopped(),
        ConnectionManager({"main": quick(server.kerberos_config())}) as manager,
        pytest.raises(KerberosError) as caught,
    ):
        TransactionalExecutor(manager).run("main", who)
    assert caught.value.cause in (KerberosCause.KDC_REFUSED, KerberosCause.KDC_SILENT)
    assert caught.value.tried == ""


def test_tickets_expire_during_a_run_and_keytab_users_notice_nothing_while_cache_users_get_the_right_error(
    server: PostgresServer, short_lived: Kdc, tmp_path: Path
) -> None:
    cache = short_lived.kinit(tmp_path / "cache", options=("-l", f"{TICKET_SECONDS}s"))
    by_keytab = quick(server.kerberos_config())
    by_cache = quick(server.kerberos_config(ticket_cache=f"FILE:{cache}"))
    with ConnectionManager({"keytab": by_keytab, "cache": by_cache}) as manager:
        writer, reader = TransactionalExecutor(manager), QueryExecutor(manager)
        assert writer.run("cache", who) == [("etl",)]
        expiries: set[dt.datetime] = set()
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            assert writer.run("keytab", who) == [("etl",)]
            assert reader.run("keytab", read_who) == ["etl"]
            authenticator = manager.pool("keytab").connector.authenticator
            assert authenticator is not None
            expiries.add(authenticator.ticket().expiry)
            time.sleep(0.5)
        print(f"{len(expiries)} tickets in {RUN_SECONDS} s")
        assert len(expiries) >= 2
        with pytest.raises(KerberosError) as caught:
            writer.run("cache", who)
    assert caught.value.cause is KerberosCause.CACHE_EXPIRED
    assert "kinit" in caught.value.advice
