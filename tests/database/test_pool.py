"""Connections are lent within bounds, kept while they serve, and thrown away when they do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from cockroach_pipelines.config import ConfigurationError, DatabaseConfig, PoolConfig
from cockroach_pipelines.database import ConnectionLostError, ConnectionManager, PoolTimeoutError
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")


def _pooled(server: PostgresServer, **pool: float) -> dict[str, DatabaseConfig]:
    return {"main": server.config.model_copy(update={"pool": PoolConfig.model_validate(pool)})}


@pytest.fixture
def manager(server: PostgresServer) -> Iterator[ConnectionManager]:
    with ConnectionManager(_pooled(server, size=2, acquire_timeout=0.3)) as manager:
        yield manager


def _backend(connection: object) -> int:
    return int(connection.query("SELECT pg_backend_pid()")[0][0])  # type: ignore[attr-defined]


def test_a_returned_connection_is_lent_again(manager: ConnectionManager) -> None:
    with manager.lend() as first:
        backend = _backend(first)
    with manager.lend() as second:
        assert _backend(second) == backend
    assert manager.pool().open_connections == 1


def test_what_was_not_committed_is_rolled_back_on_return(manager: ConnectionManager) -> None:
    with manager.lend() as connection:
        connection.execute("CREATE TABLE left_open (x int)")
    with manager.lend() as connection:
        assert connection.query("SELECT to_regclass('left_open')") == [(None,)]


def test_borrower_waits_no_longer_than_it_should(manager: ConnectionManager) -> None:
    with (
        manager.lend(),
        manager.lend(),
        pytest.raises(PoolTimeoutError, match=r"All 2 connections 'main' stayed in use for 0.3 s"),
        manager.lend(),
    ):
        pass
    with manager.lend():
        assert manager.pool().open_connections == 2


def test_broken_connection_is_thrown_away(manager: ConnectionManager, server: PostgresServer) -> None:
    with manager.lend() as connection:
        backend = _backend(connection)
        server.psql(f"SELECT pg_terminate_backend({backend})")
        with pytest.raises(ConnectionLostError):
            connection.query("SELECT 1")
    with manager.lend() as connection:
        assert _backend(connection) != backend


def test_connection_that_died_at_rest_is_replaced(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockroach_pipelines.database.pool._TRUSTED_IDLE_SECONDS", 0.0)
    with ConnectionManager(_pooled(server)) as manager:
        with manager.lend() as connection:
            backend = _backend(connection)
        server.psql(f"SELECT pg_terminate_backend({backend})")
        with manager.lend() as connection:
            assert _backend(connection) != backend
        assert manager.pool().open_connections == 1


def test_connection_past_its_lifetime_is_replaced(server: PostgresServer) -> None:
    with ConnectionManager(_pooled(server, lifetime=0.001)) as manager:
        with manager.lend() as connection:
            backend = _backend(connection)
            time.sleep(0.01)
        with manager.lend() as connection:
            assert _backend(connection) != backend
            time.sleep(0.01)
        assert manager.pool().open_connections == 0


def test_many_threads_share_few_connections(server: PostgresServer) -> None:
    with ConnectionManager(_pooled(server, size=3)) as manager:
        seen: set[int] = set()

        def work() -> None:
            for _ in range(10):
                with manager.lend() as connection:
                    seen.add(_backend(connection))

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 1 <= len(seen) <= 3
        assert manager.pool().open_connections <= 3


def test_closing_ends_the_sessions_on_the_server(server: PostgresServer) -> None:
    with ConnectionManager(_pooled(server)) as manager, manager.lend() as connection:
        backend = _backend(connection)
    assert server.psql(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {backend}") == "0"


def test_unknown_name_is_proposed(manager: ConnectionManager) -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'main'"):
        manager.pool("mian")
