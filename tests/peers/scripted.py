"""A JDBC connection that raises what a test says, where a real server can give it.

Everything else goes to the real connection behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from cockroach_pipelines.database import CockroachDBConnection, ConnectionManager
from cockroach_pipelines.database.jvm import java


def server_error(sqlstate: str, message: str, hint: str = "") -> Any:
    """Give pgjdbc's exception for a server's error, made from the bytes of the protocol."""
    fields = f"SERROR\0C{sqlstate}\0M{message}\0" + (f"H{hint}\0" if hint else "") + "\0"
    said = java("org.postgresql.util.ServerErrorMessage")(fields)
    return java("org.postgresql.util.PSQLException")(said)


@dataclass
class Script:
    """What happens on every connection of a manager.

    Attributes:
        errors: Raised when a statement that contains the words runs, each once, in order; `COMMIT` stands for the commit.
        after: Whether the error of a commit comes after the real commit.
        version: What the server says it is, where not the truth.
        instead: SQL that runs in the place of a statement, where a real PostgreSQL has no such statement.
        seen: Every statement, in order.
        notices: Told of a statement that contains the words, each once, in order.
    """

    errors: list[tuple[str, Any]] = field(default_factory=list)
    after: bool = False
    version: str | None = None
    instead: Callable[[str], str] = lambda sql: sql
    seen: list[str] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)

    def take(self, sql: str) -> Any:
        """Give the error for a statement, None for none."""
        if self.errors and self.errors[0][0] in sql:
            return self.errors.pop(0)[1]
        return None


class ScriptedJdbc:
    """A `java.sql.Connection` as this package calls it."""

    def __init__(self, jdbc: Any, script: Script) -> None:
        self._jdbc = jdbc
        self._script = script

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jdbc, name)

    def prepareStatement(self, sql: str, *kind: int) -> Any:
        return _ScriptedStatement(self._jdbc.prepareStatement(self._real(sql), *kind), sql, self._script)

    def createStatement(self) -> Any:
        return _PlainStatement(self, self._jdbc.createStatement())

    def commit(self) -> None:
        error = self._script.take("COMMIT")
        if error is None or self._script.after:
            self._jdbc.commit()
        if error is not None:
            raise error

    def _real(self, sql: str) -> str:
        self._script.seen.append(sql)
        if self._script.version and sql == "SELECT version()":
            return f"SELECT '{self._script.version}'"
        return self._script.instead(sql)


class _PlainStatement:
    def __init__(self, connection: ScriptedJdbc, statement: Any) -> None:
        self._connection = connection
        self._statement = statement

    def __getattr__(self, name: str) -> Any:
        return getattr(self._statement, name)

    def execute(self, sql: str) -> Any:
        return self._statement.execute(self._connection._real(sql))


class _ScriptedStatement:
    def __init__(self, statement: Any, sql: str, script: Script) -> None:
        self._statement = statement
        self._sql = sql
        self._script = script

    def __getattr__(self, name: str) -> Any:
        return getattr(self._statement, name)

    def getWarnings(self) -> Any:
        if self._script.notices and self._script.notices[0][0] in self._sql:
            return java("java.sql.SQLWarning")(self._script.notices.pop(0)[1])
        return self._statement.getWarnings()

    def execute(self) -> Any:
        if error := self._script.take(self._sql):
            raise error
        return self._statement.execute()


@contextmanager
def scripted(manager: ConnectionManager, monkeypatch: pytest.MonkeyPatch, script: Script) -> Iterator[Script]:
    """Let every connection that a manager opens follow a script."""
    connector = manager.pool().connector
    open_really = connector.open

    def open_scripted() -> CockroachDBConnection:
        connection = open_really()
        return CockroachDBConnection(connection.config, connection.name, ScriptedJdbc(connection.jdbc, script))

    with monkeypatch.context() as patch:
        patch.setattr(connector, "open", open_scripted)
        yield script
