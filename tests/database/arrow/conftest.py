"""Connections to the shared PostgreSQL server, through this project and through another driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from cockroach_pipelines.database.connection import connect
from tests.database.arrow.rows import execute
from tests.peers.postgres import PostgresServer
from tests.peers.second_driver import connect_by_psycopg


@pytest.fixture
def connections(server: PostgresServer) -> Iterator[Callable[[], Any]]:
    """Open any number of `java.sql.Connection`s, closed after the test."""
    opened: list[Any] = []

    def another() -> Any:
        opened.append(connect(server.config).jdbc)
        return opened[-1]

    yield another
    for jdbc in opened:
        jdbc.close()


@pytest.fixture(scope="session")
def shared(server: PostgresServer) -> Iterator[Any]:
    """One `java.sql.Connection` for all tests that leave it in order, since a login costs more than most of them."""
    with connect(server.config) as connection:
        yield connection.jdbc


@pytest.fixture
def jdbc(shared: Any) -> Iterator[Any]:
    """A `java.sql.Connection` in a transaction that the test may spoil."""
    yield shared
    shared.rollback()
    execute(shared, "DISCARD TEMP", "RESET ALL")
    shared.commit()


@pytest.fixture
def truth(server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """The same database through psycopg, which shares no code with the project."""
    with connect_by_psycopg(server.config) as connection:
        yield connection
