"""Reading, in read-only sessions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

import pyarrow as pa

from cockroach_pipelines.database import (
    Activity,
    CockroachDBConnection,
    ConnectionManager,
    DatabaseError,
    Recovery,
    ServerVersion,
    Transaction,
)
from cockroach_pipelines.database.arrow import ArrowStream, Special, read
from cockroach_pipelines.execution.events import Failure, Observer, RetryScheduled, everyone, ignore
from cockroach_pipelines.execution.interruptible import refuse_when_stopped, run_interruptibly
from cockroach_pipelines.execution.narrator import Narrator
from cockroach_pipelines.execution.retry import Attempts, RetryPolicy, recovery_of
from cockroach_pipelines.execution.session import arranged, located
from cockroach_pipelines.queries.parsing import Statement

T = TypeVar("T")


class Snapshot:
    """A read-only transaction: all that is read through it is read as of one moment, one stream at a time.

    Attributes:
        narrator: Tells observers of the statements read through it.
        seen: As of when its rows are seen, where a moment was asked for.
    """

    def __init__(
        self, connection: CockroachDBConnection, transaction: Transaction, narrator: Narrator, stop: threading.Event
    ) -> None:
        self._connection = connection
        self._streams: list[ArrowStream] = []
        self._describing = False
        self._stop = stop
        self.narrator = narrator
        self.seen = transaction.seen(connection.version.dialect)

    @property
    def server(self) -> ServerVersion:
        """Dialect and version of the server."""
        return self._connection.version

    @property
    def handed_out(self) -> bool:
        """Whether a reader was given rows."""
        return any(stream.handed_out for stream in self._streams)

    def read(
        self, statement: Statement, values: Mapping[str, object] | None = None, *, special: Special = "error"
    ) -> ArrowStream:
        """Run a statement of a file and give its rows as a stream; `special` as for `read_text`.

        Raises:
            StatementError: The server refused the statement; its place is the line of the SQL file.
        """
        with located(statement, numbered=False):
            return self.read_text(statement.bound.text, arranged(statement.bound, values or {}), special=special)

    def describe(
        self, statement: Statement, values: Mapping[str, object] | None = None, *, special: Special = "error"
    ) -> pa.Schema:
        """Give the columns that a statement of a file would have as a stream; nothing runs.

        Raises:
            StatementError: The server refuses the statement; its place is the line of the SQL file.
        """
        bound = statement.bound
        with located(statement, numbered=False):
            return run_interruptibly(
                self._connection,
                lambda: self._connection.describe(bound.text, arranged(bound, values or {}), special=special),
                self._stop,
            )

    def read_text(self, sql: str, parameters: Sequence[object] = (), *, special: Special = "error") -> ArrowStream:
        """Run SQL with JDBC placeholders `?` and give its rows as a stream.

        Args:
            sql: The statement.
            parameters: Values of its placeholders, in order.
            special: What becomes of values that Arrow's types cannot hold, such as infinity.
        """
        self._describing = True
        try:
            refuse_when_stopped(self._stop)
            stream = read(self._connection.jdbc, sql, parameters, special=special)
            self._streams.append(stream)
        finally:
            self._describing = False
        if self._stop.is_set():  # since `cancel` looked for streams
            stream.cancel()
        return stream

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Keep the snapshot usable when a statement in it fails; the error goes on its way."""
        self._execute("SAVEPOINT attempt")
        try:
            yield
        except DatabaseError:
            # Where the connection itself has gone, the first error is the telling one.
            with contextlib.suppress(DatabaseError):
                self._execute("ROLLBACK TO SAVEPOINT attempt")
            raise

    def cancel(self) -> None:
        """Ask the server to end what streams, from any thread; its reader gets a `CancelledError`."""
        for stream in list(self._streams):
            stream.cancel()
        if self._describing:  # which waits for locks, too
            self._connection.broken = True  # nobody knows what the cancellation strikes
            self._connection.cancel()

    def close(self) -> None:
        """End what still streams; a connection that a late cancellation may strike is not used again."""
        for stream in self._streams:
            stream.close()
        self._connection.broken |= any(stream.tainted for stream in self._streams)

    def _execute(self, sql: str) -> None:
        run_interruptibly(self._connection, lambda: self._connection.execute(sql), self._stop)


class QueryExecutor:
    """Runs statements that read.

    Each `snapshot` is a read-only transaction of one connection: a write in it is refused by the database itself. What
    goes wrong before a row was handed out is tried again within the limits of the connection's `retry`.

    Args:
        connections: Where connections are lent.
        activity: On whose behalf.
        observe: Told what happens.
    """

    def __init__(
        self, connections: ConnectionManager, activity: Activity | None = None, observe: Observer = ignore
    ) -> None:
        self._connections = connections
        self._activity = activity or Activity()
        self._observe = everyone(observe)
        self._stop = threading.Event()
        self._open: set[Snapshot] = set()

    @contextmanager
    def snapshot(
        self,
        connection: str = "main",
        *,
        timeout: float | None = None,
        timezone: str = "UTC",
        transaction: Transaction | None = None,
    ) -> Iterator[Snapshot]:
        """Open a read-only transaction; what can pass while it is opened is tried again, and nothing afterwards.

        Args:
            connection: Name of the connection.
            timeout: Seconds that one statement may take on the server; the connection's own limit when None.
            timezone: What the session takes for its time zone when it turns timestamps into dates and back.
            transaction: All that can be asked of a transaction, in the place of `timeout` and `timezone`.
        """
        asked = transaction or Transaction(timeout=timeout, timezone=timezone, read_only=True)
        attempts = self._attempts(connection, None)
        with ExitStack() as stack:
            yield self._opened(stack, connection, asked, attempts)

    def run(
        self,
        connection: str,
        work: Callable[[Snapshot], T],
        transaction: Transaction | None = None,
        *,
        staged: bool = False,
        retries: int | None = None,
    ) -> T:
        """Run work in a snapshot, and the whole of it again in a new one after an error that may pass.

        Args:
            connection: Name of the connection.
            work: What to read; may be called several times.
            transaction: What it may see.
            staged: Whether what the work made of rows is thrown away when it fails. If not, it is not run again once it
                was handed a row.
            retries: Further attempts after the first; as the connection's `retry` says when None.

        Raises:
            DatabaseError: What went wrong, after the last attempt.
        """
        asked = transaction or Transaction(read_only=True)
        attempts = self._attempts(connection, retries)
        while True:
            with ExitStack() as stack:
                snapshot = self._opened(stack, connection, asked, attempts)
                try:
                    return work(snapshot)
                except DatabaseError as error:
                    failure = error
                    kept = snapshot.handed_out and not staged
            self._wait(connection, attempts, failure, Recovery.NONE if kept else failure.recovery)

    def cancel(self) -> None:
        """End whatever this executor reads, from any thread: it raises `CancelledError` there, and reads nothing more."""
        self._stop.set()
        for snapshot in list(self._open):
            snapshot.cancel()

    def _attempts(self, connection: str, retries: int | None) -> Attempts:
        return Attempts(RetryPolicy.of(self._connections.retry_settings(connection), retries), self._stop)

    def _opened(self, stack: ExitStack, connection: str, asked: Transaction, attempts: Attempts) -> Snapshot:
        transaction = replace(asked, read_only=True)
        while True:
            refuse_when_stopped(self._stop)
            with ExitStack() as trial:
                try:
                    lent = trial.enter_context(self._connections.lend(connection))
                    run_interruptibly(lent, partial(transaction.begin, lent, self._activity), self._stop)
                except DatabaseError as error:
                    failure = error
                else:
                    narrator = Narrator(self._observe, self._activity, connection, attempts.number)
                    snapshot = Snapshot(lent, transaction, narrator, self._stop)
                    self._open.add(snapshot)
                    trial.callback(self._open.discard, snapshot)
                    trial.callback(snapshot.close)
                    stack.push(trial.pop_all())
                    return snapshot
            recovery = recovery_of(failure, reached=self._connections.reached(connection))
            self._wait(connection, attempts, failure, recovery)

    def _wait(self, connection: str, attempts: Attempts, error: DatabaseError, recovery: Recovery) -> None:
        number = attempts.number
        wait = attempts.next_wait(error, recovery)
        reconnects = recovery in (Recovery.RECONNECT, Recovery.PREPARE)
        self._observe(RetryScheduled(self._activity, connection, number, wait, reconnects, Failure.of(error)))
        attempts.sleep(wait)
