"""Reading, in read-only sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from cockroach_pipelines.database import (
    CockroachDBConnection,
    ConnectionManager,
    Dialect,
    ServerVersion,
    StatementError,
)
from cockroach_pipelines.database.arrow import ArrowStream, read
from cockroach_pipelines.execution.interruptible import run_interruptibly
from cockroach_pipelines.queries import BoundSQL, Statement, StatementKind

T = TypeVar("T")

_CHANGES_ROWS = frozenset(
    {StatementKind.INSERT, StatementKind.UPSERT, StatementKind.UPDATE, StatementKind.DELETE, StatementKind.MERGE}
)

# What makes every statement of a transaction see the same rows: CockroachDB's own default does, PostgreSQL's does not.
_SNAPSHOT_ISOLATION = {Dialect.COCKROACHDB: None, Dialect.POSTGRESQL: "repeatable read"}


@dataclass(frozen=True)
class Activity:
    """On whose behalf statements run: the database's own session list shows `project/asset/run`."""

    project: str = "cockroach_pipelines"
    asset: str = ""
    run: str = ""

    def __str__(self) -> str:
        # PostgreSQL keeps 63 bytes of a session's name; the run's first eight characters identify it.
        return "/".join(part for part in (self.project, self.asset, self.run[:8]) if part)[:63]


class Snapshot:
    """A read-only transaction: all that is read through it is read as of one moment."""

    def __init__(self, connection: CockroachDBConnection) -> None:
        self._connection = connection
        self.opened_at = time.time()

    @property
    def server(self) -> ServerVersion:
        """Dialect and version of the server."""
        return self._connection.version

    @property
    def connection_name(self) -> str:
        """Name of the connection in the configuration."""
        return self._connection.name

    def read(self, statement: Statement, values: Mapping[str, object] | None = None) -> ArrowStream:
        """Run a statement of a file and give its rows as a stream; a snapshot has one open stream at a time.

        Raises:
            StatementError: The server refused the statement; its place is the line of the SQL file.
        """
        parameters = arranged(statement.bound, values or {})
        with located(statement):
            return read(self._connection.jdbc, statement.bound.text, parameters)

    def read_text(self, sql: str, parameters: Sequence[object] = ()) -> ArrowStream:
        """Run SQL with JDBC placeholders `?` and give its rows as a stream."""
        return read(self._connection.jdbc, sql, parameters)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Keep the snapshot usable when a statement in it fails; the error goes on its way."""
        self._connection.execute("SAVEPOINT attempt")
        try:
            yield
        except StatementError:
            self._connection.execute("ROLLBACK TO SAVEPOINT attempt")
            raise


class QueryExecutor:
    """Runs statements that read.

    Each `snapshot` is a read-only transaction of one connection: a write in it is refused by the database itself.

    Args:
        connections: Where connections are lent.
        activity: On whose behalf.
    """

    def __init__(self, connections: ConnectionManager, activity: Activity | None = None) -> None:
        self._connections = connections
        self._activity = activity or Activity()

    @contextmanager
    def snapshot(
        self, connection: str = "main", *, timeout: float | None = None, timezone: str = "UTC"
    ) -> Iterator[Snapshot]:
        """Open a read-only transaction.

        Args:
            connection: Name of the connection.
            timeout: Seconds that one statement may take on the server; the connection's own limit when None.
            timezone: What the session takes for its time zone when it turns timestamps into dates and back.
        """
        with self._connections.lend(connection) as lent:
            begin = _Begin(str(self._activity), read_only=True, timeout=timeout, timezone=timezone)
            run_interruptibly(lent, lambda: begin(lent))
            yield Snapshot(lent)


def arranged(bound: BoundSQL, values: Mapping[str, object]) -> list[object]:
    """Give the values of a statement's parameters in order; what it does not bind is left out."""
    return bound.arrange({name: values[name] for name in bound.names if name in values})


@contextmanager
def located(statement: Statement) -> Iterator[None]:
    """Give errors of the server their place in the SQL file."""
    try:
        yield
    except StatementError as error:
        if error.place is None:
            error.place = statement.place(error.server.position)
        raise


@dataclass(frozen=True)
class _Begin:
    activity: str
    read_only: bool
    timeout: float | None
    timezone: str

    def __call__(self, connection: CockroachDBConnection) -> None:
        isolation = _SNAPSHOT_ISOLATION[connection.version.dialect] if self.read_only else None
        connection.set_application_name(self.activity)
        connection.commit()
        connection.begin(read_only=self.read_only, isolation=isolation)
        connection.set_time_zone(self.timezone)
        connection.set_statement_timeout(self.timeout)


class TransactionalExecutor:
    """Runs statements that write, each in a transaction of its own."""

    def __init__(self, connections: ConnectionManager, activity: Activity | None = None) -> None:
        self._connections = connections
        self._activity = activity or Activity()

    def run(
        self,
        connection: str,
        work: Callable[[CockroachDBConnection], T],
        *,
        timeout: float | None = None,
        timezone: str = "UTC",
    ) -> T:
        """Run work in one transaction: committed when it returns, rolled back when it raises."""
        begin = _Begin(str(self._activity), read_only=False, timeout=timeout, timezone=timezone)
        with self._connections.lend(connection) as lent:

            def transaction() -> T:
                begin(lent)
                result = work(lent)
                lent.commit()
                return result

            return run_interruptibly(lent, transaction)


def run_statement(
    connection: CockroachDBConnection, statement: Statement, values: Mapping[str, object]
) -> tuple[int, pa.Table | None]:
    """Run a statement that writes; give the rows affected (-1 where the server does not say) and the rows it returned.

    Raises:
        StatementError: The server refused the statement; its place is the line of the SQL file.
    """
    parameters = arranged(statement.bound, values)
    with located(statement):
        if not statement.parsed.returns_rows:
            affected = connection.execute(statement.bound.text, parameters)
            return affected if statement.parsed.kind in _CHANGES_ROWS else -1, None
        with read(connection.jdbc, statement.bound.text, parameters, copy=False) as stream:
            returned = stream.read_all()
        return returned.num_rows, returned
