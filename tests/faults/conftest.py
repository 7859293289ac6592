"""A server of these tests' own, which they stop and kill, behind a proxy that cuts, delays and swallows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from cockroach_pipelines.config import DatabaseConfig, RetryConfig
from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.database.jvm import JVMManager
from tests.peers.kdc import Kdc
from tests.peers.postgres import PostgresServer
from tests.peers.processes import readable_folder
from tests.peers.proxy import Proxy
from tests.peers.waiting import wait_until

Connect = Callable[..., ConnectionManager]


@pytest.fixture(scope="session")
def _faulty_server(jvm: JVMManager, kdc: Kdc) -> Iterator[PostgresServer]:
    with readable_folder("faulty") as folder:
        server = PostgresServer(folder, kdc)
        try:
            server.create()
            server.start()
            server.create_roles()
            # What was committed has to survive a crash here; the other tests' server need not take the time.
            server.psql("ALTER SYSTEM SET synchronous_commit = on")
            server.psql("SELECT pg_reload_conf()")
            yield server
        finally:
            server.stop()


@pytest.fixture
def faulty_server(_faulty_server: PostgresServer) -> PostgresServer:
    """A PostgreSQL that a test may end as it likes; it runs again when the next test begins."""
    wait_until(_faulty_server.ready, 90, lambda: "the server that a test stopped did not come back")
    return _faulty_server


@pytest.fixture
def proxy(faulty_server: PostgresServer) -> Iterator[Proxy]:
    with Proxy(faulty_server.port) as proxy:
        yield proxy


@pytest.fixture
def connections(faulty_server: PostgresServer, proxy: Proxy) -> Iterator[Connect]:
    """Make a manager of connections through the proxy: `main`, with settings of a test's own."""
    with ExitStack() as stack:

        def connect(*, through: int | None = None, **settings: Any) -> ConnectionManager:
            return stack.enter_context(
                ConnectionManager({"main": quick(faulty_server, through or proxy.port, **settings)})
            )

        yield connect


def quick(server: PostgresServer, port: int, **settings: Any) -> DatabaseConfig:
    """Give settings that retry fast and often, so that tests are quick."""
    retry = settings.pop("retry", {})
    config = server.config_of(port=port, **settings)
    return config.model_copy(
        update={"retry": RetryConfig.model_validate({"retries": 60, "first_wait": 0.005, "longest_wait": 0.2} | retry)}
    )


@pytest.fixture
def table(faulty_server: PostgresServer) -> str:
    """An empty table without any key, so that a row written twice is there twice."""
    faulty_server.psql(
        "DROP TABLE IF EXISTS written; CREATE TABLE written (id int, note text); GRANT ALL ON written TO PUBLIC"
    )
    return "written"
