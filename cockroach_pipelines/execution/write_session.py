"""A connection for transactions that write, replaced when it is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from cockroach_pipelines.database import (
    Activity,
    AmbiguousCommitError,
    CockroachDBConnection,
    ConnectionLostError,
    ConnectionManager,
    DatabaseError,
    Recovery,
    Transaction,
)
from cockroach_pipelines.execution.command import Command
from cockroach_pipelines.execution.commit import Commit, ServerSession, ambiguous
from cockroach_pipelines.execution.events import (
    CommitInDoubt,
    Doubt,
    Failure,
    Observer,
    RetryScheduled,
    TransactionCommitted,
)
from cockroach_pipelines.execution.interruptible import refuse_when_stopped, run_interruptibly
from cockroach_pipelines.execution.narrator import Narrator
from cockroach_pipelines.execution.retry import Attempts, RetryPolicy, recovery_of

T = TypeVar("T")

Work = Callable[[CockroachDBConnection, Narrator], T]


class WriteSession:
    """Runs transactions one after the other on one connection, which is replaced when it is lost.

    Used by one thread, and as a context manager; `stop` may be set from any. Afterwards the connection is closed:
    what was written may have changed its session (a role, a search path, a temporary table, a lock).

    Args:
        connections: Where the connection is lent.
        name: Which one.
        activity: On whose behalf.
        observe: Told what happens.
        stop: Set to end what runs here: the statement on the server, and every further attempt.
    """

    def __init__(
        self,
        connections: ConnectionManager,
        name: str,
        activity: Activity,
        observe: Observer,
        stop: threading.Event | None = None,
    ) -> None:
        self._connections = connections
        self._name = name
        self._activity = activity
        self._observe = observe
        self._stop = stop or threading.Event()
        self._lease = ExitStack()
        self._lent: CockroachDBConnection | None = None

    def run(
        self,
        work: Work[T],
        transaction: Transaction,
        *,
        idempotent: bool = False,
        verify: Command | None = None,
        retries: int | None = None,
    ) -> T:
        """Run work in one transaction; see `TransactionalExecutor.run`."""
        attempts = self._attempts(retries)
        while True:
            commit: Commit[T] = Commit()
            session: list[ServerSession] = []
            try:
                result = self._attempt(work, transaction, commit, session if verify else None, attempts.number)
            except DatabaseError as error:
                recovery = recovery_of(error, reached=self._connections.reached(self._name))
                if recovery is Recovery.UNKNOWN:
                    doubt = self._resolve(error, verify, session, idempotent=idempotent or transaction.read_only)
                    self._observe(CommitInDoubt(self._activity, self._name, attempts.number, doubt, Failure.of(error)))
                    if doubt is Doubt.UNKNOWN:
                        raise
                    if doubt is Doubt.COMMITTED and commit.result:
                        return self._committed(commit.result[0], attempts)
                    recovery = Recovery.RECONNECT
                self._wait(attempts, error, recovery)
            else:
                return self._committed(result, attempts)

    def run_autocommit(
        self, work: Work[T], *, timeout: float | None, timezone: str, idempotent: bool, retries: int | None
    ) -> T:
        """Run work outside any transaction; see `TransactionalExecutor.run_autocommit`."""
        attempts = self._attempts(retries)
        while True:
            begun = False
            try:
                lent = self._connection()
                begun = True
                return self._alone(lent, work, timeout, timezone, attempts.number)
            except DatabaseError as error:
                self.release()
                recovery = recovery_of(error, reached=self._connections.reached(self._name))
                if begun and idempotent and recovery is not Recovery.NONE:
                    recovery = Recovery.RECONNECT
                elif begun and recovery is not Recovery.UNKNOWN:
                    error.recovery = recovery = Recovery.NONE  # what ran before the error was kept
                self._wait(attempts, error, recovery)

    def release(self) -> None:
        """Close the connection; the next transaction gets another one."""
        if self._lent is not None:
            self._lent.broken = True
        self._lent = None
        self._lease.close()

    def __enter__(self) -> WriteSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _attempts(self, retries: int | None) -> Attempts:
        return Attempts(RetryPolicy.of(self._connections.retry_settings(self._name), retries), self._stop)

    def _attempt(
        self,
        work: Work[T],
        transaction: Transaction,
        commit: Commit[T],
        session: list[ServerSession] | None,
        number: int,
    ) -> T:
        lent = self._connection()
        narrator = Narrator(self._observe, self._activity, self._name, number)

        def run_and_commit() -> T:
            transaction.begin(lent, self._activity)
            if session is not None:
                session.append(ServerSession.of(lent))
            result = work(lent, narrator)
            commit.run(lent, result)
            return result

        try:
            return run_interruptibly(lent, run_and_commit, self._stop)
        except DatabaseError:
            self._roll_back(lent)
            raise
        except BaseException:
            commit.tell()
            self._roll_back(lent)
            raise

    def _alone(
        self, lent: CockroachDBConnection, work: Work[T], timeout: float | None, timezone: str, number: int
    ) -> T:
        narrator = Narrator(self._observe, self._activity, self._name, number)

        def run_alone() -> T:
            lent.set_application_name(str(self._activity))
            lent.commit()
            with lent.autocommit(timeout=timeout, timezone=timezone):
                try:
                    return work(lent, narrator)
                except ConnectionLostError as error:
                    raise ambiguous(error) from error

        return run_interruptibly(lent, run_alone, self._stop)

    def _connection(self) -> CockroachDBConnection:
        refuse_when_stopped(self._stop)
        if self._lent is not None and (self._lent.broken or self._lent.jdbc.isClosed()):
            self.release()
        if self._lent is None:
            self._lent = self._lease.enter_context(self._connections.lend(self._name))
        return self._lent

    def _roll_back(self, lent: CockroachDBConnection) -> None:
        """Leave no transaction open, for the next one would commit it; a connection that cannot is not used again."""
        if lent.broken or lent.jdbc.isClosed():
            self.release()
            return
        try:
            run_interruptibly(lent, lent.rollback)
        except DatabaseError:
            self.release()

    def _wait(self, attempts: Attempts, error: DatabaseError, recovery: Recovery) -> None:
        number = attempts.number
        wait = attempts.next_wait(error, recovery)
        reconnects = recovery in (Recovery.RECONNECT, Recovery.PREPARE)
        if reconnects:
            self.release()
        self._observe(RetryScheduled(self._activity, self._name, number, wait, reconnects, Failure.of(error)))
        attempts.sleep(wait)

    def _committed(self, result: T, attempts: Attempts) -> T:
        self._observe(TransactionCommitted(self._activity, self._name, attempts.number, attempts.seconds))
        return result

    def _resolve(
        self, error: DatabaseError, verify: Command | None, session: list[ServerSession], *, idempotent: bool
    ) -> Doubt:
        if verify is None:
            return Doubt.IDEMPOTENT if idempotent else Doubt.UNKNOWN
        self.release()
        try:
            return Doubt.COMMITTED if self._verified(verify, session) else Doubt.NOT_COMMITTED
        except DatabaseError as failure:
            if idempotent:
                return Doubt.IDEMPOTENT
            error.advice += f" The verification query could not decide: {failure.message}"
            return Doubt.UNKNOWN

    def _verified(self, verify: Command, session: list[ServerSession]) -> bool:
        attempts = self._attempts(None)
        while True:
            try:
                lent = self._connection()
                return run_interruptibly(lent, partial(self._verdict, lent, verify, session), self._stop)
            except AmbiguousCommitError:
                raise
            except DatabaseError as error:
                self._wait(attempts, error, error.recovery)

    def _verdict(self, lent: CockroachDBConnection, verify: Command, session: list[ServerSession]) -> bool:
        if not session or not session[0].end(lent):
            raise DatabaseError("the session that was lost could not be ended, and may still commit.")
        Transaction(read_only=True).begin(lent, self._activity)
        rows = lent.query(*verify.arranged())
        lent.rollback()
        return bool(rows and rows[0][0])
