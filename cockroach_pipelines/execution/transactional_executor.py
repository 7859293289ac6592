"""Writing, in transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cockroach_pipelines.database import Activity, CockroachDBConnection, ConnectionManager, ServerVersion, Transaction
from cockroach_pipelines.execution.command import Command, CommandResult, run_command
from cockroach_pipelines.execution.events import Observer, everyone, ignore
from cockroach_pipelines.execution.narrator import Narrator
from cockroach_pipelines.execution.write_session import WriteSession

T = TypeVar("T")

Commands = Sequence[Command] | Callable[[ServerVersion], Sequence[Command]]
"""Statements, or what gives them once the server is known."""


@dataclass(frozen=True)
class CommandsRun:
    """What a list of statements came to: the server, one result each, and the attempt that did it."""

    server: ServerVersion
    results: tuple[CommandResult, ...]
    attempts: int


class TransactionalExecutor:
    """Runs work that writes: in a transaction, or outside any for statements that refuse one.

    A transaction that met another one, a lock, a stale plan or a lost connection is rolled back and run again as a
    whole, within the limits of its connection's `retry`. A connection lost while COMMIT was in flight may have
    committed: only work that is `idempotent`, or a `verify` query, lets it go on; else it is reported.

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

    def session(self, connection: str = "main") -> WriteSession:
        """Give a connection for several transactions in turn, to be used in a `with` block and by one thread."""
        return WriteSession(self._connections, connection, self._activity, self._observe, self._stop)

    def run(
        self,
        connection: str,
        work: Callable[[CockroachDBConnection], T],
        transaction: Transaction | None = None,
        *,
        idempotent: bool = False,
        verify: Command | None = None,
        retries: int | None = None,
    ) -> T:
        """Run work in one transaction: committed when it returns, rolled back when it raises.

        Args:
            connection: Name of the connection.
            work: What to do; it is given the connection, and may be called several times. What it does elsewhere than
                in the database has to bear that.
            transaction: What it may do and see; one that writes, as the server has it, when None.
            idempotent: Whether it does no harm to run it again although it may have been committed.
            verify: A query that says whether it was: the first value of its first row is true, or a number above 0.
            retries: Further attempts after the first; as the connection's `retry` says when None.

        Raises:
            AmbiguousCommitError: The connection was lost while COMMIT was in flight; it may have been kept.
            CancelledError: `cancel` was called, or a statement took longer than its timeout.
            DatabaseError: What else went wrong, after the last attempt.
        """
        with self.session(connection) as session:
            return session.run(
                lambda lent, _: work(lent),
                transaction or Transaction(),
                idempotent=idempotent,
                verify=verify,
                retries=retries,
            )

    def run_statements(
        self,
        connection: str,
        commands: Commands,
        transaction: Transaction | None = None,
        *,
        idempotent: bool = False,
        verify: Command | None = None,
        retries: int | None = None,
    ) -> CommandsRun:
        """Run statements in one transaction; see `run`."""
        with self.session(connection) as session:
            return session.run(
                lambda lent, narrator: _run_all(lent, commands, narrator),
                transaction or Transaction(),
                idempotent=idempotent,
                verify=verify,
                retries=retries,
            )

    def run_autocommit(
        self,
        connection: str,
        work: Callable[[CockroachDBConnection], T],
        *,
        timeout: float | None = None,
        timezone: str = "UTC",
        idempotent: bool = False,
        retries: int | None = None,
    ) -> T:
        """Run work outside any transaction: each of its statements is kept as soon as it has run.

        Nothing is run again once it has begun, unless it is `idempotent`.

        Raises:
            AmbiguousCommitError: The connection was lost while a statement ran; it may have been kept.
        """
        with self.session(connection) as session:
            return session.run_autocommit(
                lambda lent, _: work(lent), timeout=timeout, timezone=timezone, idempotent=idempotent, retries=retries
            )

    def run_statements_autocommit(
        self,
        connection: str,
        commands: Commands,
        *,
        timeout: float | None = None,
        timezone: str = "UTC",
        idempotent: bool = False,
        retries: int | None = None,
    ) -> CommandsRun:
        """Run statements outside any transaction; see `run_autocommit`."""
        with self.session(connection) as session:
            return session.run_autocommit(
                lambda lent, narrator: _run_all(lent, commands, narrator),
                timeout=timeout,
                timezone=timezone,
                idempotent=idempotent,
                retries=retries,
            )

    def cancel(self) -> None:
        """End whatever this executor runs, from any thread: it raises `CancelledError` there, and runs nothing more."""
        self._stop.set()


def _run_all(lent: CockroachDBConnection, commands: Commands, narrator: Narrator) -> CommandsRun:
    chosen = commands(lent.version) if callable(commands) else commands
    results = tuple(run_command(lent, command, narrator) for command in chosen)
    return CommandsRun(lent.version, results, narrator.attempt)
