"""Reading, in read-only sessions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cockroach_pipelines.database import CockroachDBConnection, ConnectionManager, DatabaseError, ServerVersion
from cockroach_pipelines.database.arrow import ArrowStream, Special, read
from cockroach_pipelines.execution.interruptible import run_interruptibly
from cockroach_pipelines.execution.session import Activity, Transaction, arranged, located
from cockroach_pipelines.queries import Statement


class Snapshot:
    """A read-only transaction: all that is read through it is read as of one moment, one stream at a time."""

    def __init__(self, connection: CockroachDBConnection) -> None:
        self._connection = connection
        self._streams: list[ArrowStream] = []

    @property
    def server(self) -> ServerVersion:
        """Dialect and version of the server."""
        return self._connection.version

    def read(
        self, statement: Statement, values: Mapping[str, object] | None = None, *, special: Special = "error"
    ) -> ArrowStream:
        """Run a statement of a file and give its rows as a stream; `special` as for `read_text`.

        Raises:
            StatementError: The server refused the statement; its place is the line of the SQL file.
        """
        with located(statement, numbered=False):
            return self.read_text(statement.bound.text, arranged(statement.bound, values or {}), special=special)

    def read_text(self, sql: str, parameters: Sequence[object] = (), *, special: Special = "error") -> ArrowStream:
        """Run SQL with JDBC placeholders `?` and give its rows as a stream.

        Args:
            sql: The statement.
            parameters: Values of its placeholders, in order.
            special: What becomes of values that Arrow's types cannot hold, such as infinity.
        """
        stream = read(self._connection.jdbc, sql, parameters, special=special)
        self._streams.append(stream)
        return stream

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Keep the snapshot usable when a statement in it fails; the error goes on its way."""
        self._connection.execute("SAVEPOINT attempt")
        try:
            yield
        except DatabaseError:
            # Where the connection itself has gone, the first error is the telling one.
            with contextlib.suppress(DatabaseError):
                self._connection.execute("ROLLBACK TO SAVEPOINT attempt")
            raise

    def close(self) -> None:
        """End what still streams; a connection that a late cancellation may strike is not used again."""
        for stream in self._streams:
            stream.close()
        self._connection.broken |= any(stream.tainted for stream in self._streams)


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
        transaction = Transaction(self._activity, read_only=True, timeout=timeout, timezone=timezone)
        with self._connections.lend(connection) as lent:
            run_interruptibly(lent, lambda: transaction.begin(lent))
            snapshot = Snapshot(lent)
            try:
                yield snapshot
            finally:
                snapshot.close()
