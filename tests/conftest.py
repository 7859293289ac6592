"""Real peers that the tests share: a virtual machine, a KDC, a PostgreSQL server with GSSAPI."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest
from xdist.remote import Producer

from cockroach_pipelines.database.jvm import JVMManager
from tests.peers.kdc import Kdc
from tests.peers.mail import MailServer, mail_server
from tests.peers.postgres import PostgresServer
from tests.peers.processes import readable_folder
from tests.peers.webhook import WebhookServer, webhook_server
from tests.sharing import Scheduling, longest_first


def pytest_configure() -> None:
    # A shell starts what runs in its background with interrupts ignored; tests here send themselves some.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup ignores, for the commands that the tests start too


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = longest_first(items)


def pytest_collection_finish() -> None:
    gc.freeze()  # thousands of tests stay to the end, and need not be gone through at each collection


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def jvm() -> JVMManager:
    """The process's virtual machine, running."""
    manager = JVMManager()
    manager.start()
    return manager


@pytest.fixture(scope="session")
def kdc() -> Iterator[Kdc]:
    """A KDC that answers; a test that stops it starts it again."""
    with readable_folder("kdc") as folder:
        kdc = Kdc(folder)
        try:
            kdc.start()
            yield kdc
        finally:
            kdc.stop()


@pytest.fixture(scope="session")
def server(kdc: Kdc) -> Iterator[PostgresServer]:
    """A PostgreSQL server reached as `localhost`, by password or by Kerberos."""
    with readable_folder("postgres") as folder:
        server = PostgresServer(folder, kdc)
        try:
            server.create()
            server.start()
            server.create_roles()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def _open_mail_server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def mail(_open_mail_server: MailServer) -> MailServer:
    """A mail server that wants no login, its memory empty."""
    _open_mail_server.clear()
    return _open_mail_server


@pytest.fixture(scope="session")
def _running_webhook() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def webhook(_running_webhook: WebhookServer) -> WebhookServer:
    """A web address that takes messages, its memory empty."""
    _running_webhook.clear()
    return _running_webhook
