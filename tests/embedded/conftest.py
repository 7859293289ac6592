"""Embedded servers of the tests: folders that the server's user can reach, other processes, one loaded database."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cockroach_pipelines.config import DatabaseConfig, EmbeddedConfig
from cockroach_pipelines.database.connection import CockroachDBConnection, connect
from cockroach_pipelines.embedded import EmbeddedServer, Endpoint, embedded_config, sharing
from tests.peers.processes import readable_folder
from tests.peers.second_driver import connect_by_psycopg

SAMPLE_ROWS = {
    "airlines": 16,
    "airports": 1_458,
    "planes": 3_322,
    "weather": 26_115,
    "flights": 336_776,
    "flights_replica": 336_776,
    "flight_events": 36_489,
}

_CLIENT = """
import os, sys
from pathlib import Path
from cockroach_pipelines.embedded import EmbeddedServer, EmbeddedServerError
from cockroach_pipelines.embedded.installation import installed_postgresql
installed_postgresql()
if sys.argv[2:]:  # now, because Python itself may lie where that user cannot read
    os.setgroups([])
    os.setresgid(int(sys.argv[3]), int(sys.argv[3]), int(sys.argv[3]))
    os.setresuid(int(sys.argv[2]), int(sys.argv[2]), int(sys.argv[2]))
server = EmbeddedServer(Path(sys.argv[1]))
print("importing done", flush=True)
try:
    print(server.start().port, flush=True)
except EmbeddedServerError as error:
    print(" ".join(str(error).split()), flush=True)
    sys.exit()
if sys.stdin.readline() == "stop\\n":
    print(server.stop(), flush=True)
"""


class Client:
    """Another process that uses the server of a folder; it may run as another user."""

    def __init__(self, folder: Path, user: pwd.struct_passwd | None = None) -> None:
        identity = [str(user.pw_uid), str(user.pw_gid)] if user else []
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CLIENT, str(folder), *identity],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "importing done"

    def port(self) -> int:
        """Port of the server, once it has started or joined it."""
        return int(self._read())

    def error(self) -> str:
        """What it says when it cannot start the server."""
        return self._read()

    def stop(self) -> bool:
        """Let it stop its use and end; whether the server was stopped."""
        stopped = self._ask("stop\n")
        self.process.wait(20)
        return stopped == "True"

    def leave(self) -> None:
        """Let it end without a stop."""
        self._ask("end\n")
        self.process.wait(20)

    def kill(self) -> None:
        """Kill it, so that it can clean up nothing."""
        self.process.kill()
        self.process.wait(20)

    def close(self) -> None:
        """Make sure that it is gone."""
        self.process.kill()
        self.process.communicate()

    def _ask(self, line: str) -> str:
        assert self.process.stdin
        self.process.stdin.write(line)
        self.process.stdin.flush()
        return "" if line == "end\n" else self._read()

    def _read(self) -> str:
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline().strip()
        return line if line else pytest.fail(f"the client ended: {self.process.stderr.read()}")


def log_in(endpoint: Endpoint, password: str | None = None) -> psycopg.Connection[Any]:
    """Connect without Java, within transactions."""
    settings = {"password": password} if password else {}
    return connect_by_psycopg(endpoint, autocommit=False, connect_timeout=5, **settings)


def is_running(home: Path) -> bool:
    """Whether a process of the server in that folder lives."""
    return not sharing.is_free(sharing.server_lock(home))


def stop_whatever_runs(home: Path) -> None:
    """End a server that a test left."""
    if home.is_dir() and is_running(home):
        sharing.stop_server(home)


@pytest.fixture
def new_client() -> Iterator[Callable[..., Client]]:
    """Makes clients that are gone after the test."""
    clients: list[Client] = []

    def make(folder: Path, user: pwd.struct_passwd | None = None) -> Client:
        clients.append(Client(folder, user))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def new_folder() -> Iterator[Path]:
    """A folder that does not exist yet, where any user can reach it."""
    with readable_folder("embedded") as parent:
        yield parent / "embedded"
        stop_whatever_runs(parent / "embedded")


@pytest.fixture(scope="module")
def _made_folder() -> Iterator[Path]:
    with readable_folder("embedded") as parent:
        with EmbeddedServer(parent / "embedded"):
            pass
        yield parent / "embedded"


@pytest.fixture
def made_folder(_made_folder: Path) -> Iterator[Path]:
    """A folder with a cluster that is not running; the tests of a module share it."""
    yield _made_folder
    stop_whatever_runs(_made_folder)


@pytest.fixture(scope="session")
def sample_config() -> Iterator[DatabaseConfig]:
    """The settings that connect to a database with the sample data."""
    with readable_folder("sample") as parent:
        folder = parent / "embedded"
        yield embedded_config(DatabaseConfig(embedded=EmbeddedConfig(folder=folder)))
        stop_whatever_runs(folder)


@pytest.fixture
def sample(sample_config: DatabaseConfig) -> Iterator[CockroachDBConnection]:
    """A connection to the sample data, rolled back after the test."""
    with connect(sample_config) as connection:
        yield connection
        connection.rollback()


def needs_root() -> pytest.MarkDecorator:
    """Marks what only root can try: servers that run as another user than the test."""
    return pytest.mark.skipif(os.geteuid() != 0, reason="root is missing: only root can run a server as another user")
