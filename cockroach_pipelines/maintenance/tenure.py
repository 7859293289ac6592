"""A runner's time with a job: taken by a lease, kept by renewing it, and given up with a reason."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import (
    AmbiguousCommitError,
    CancelledError,
    CockroachDBConnection,
    ConnectionManager,
    DatabaseError,
    call_interruptibly,
)
from cockroach_pipelines.execution import Activity, Failure, Transaction, TransactionalExecutor, WriteSession
from cockroach_pipelines.execution.lease import Lease
from cockroach_pipelines.maintenance.cursor import Cursor, CursorRow
from cockroach_pipelines.maintenance.outcome import EndReason
from cockroach_pipelines.maintenance.runs import RunBook

_logger = logging.getLogger(__name__)
T = TypeVar("T")

_FAREWELL_SECONDS = 1.5


@dataclass
class Work:
    """A connection and the transactions that a job has on it.

    Attributes:
        connections: Where it is lent.
        connection: Its name.
        session: The connection.
        transaction: What a transaction of the job may do.
        retries: Further attempts at each.
    """

    connections: ConnectionManager
    connection: str
    session: WriteSession
    transaction: Transaction
    retries: int | None

    def read(self, work: Callable[[CockroachDBConnection], T]) -> T:
        """Read in a transaction of its own."""
        reading = Transaction(read_only=True, timeout=self.transaction.timeout, timezone=self.transaction.timezone)
        return self.session.run(lambda connection, _: work(connection), reading, retries=self.retries)

    def write(self, work: Callable[[CockroachDBConnection], T]) -> T:
        """Write to this package's own tables, in a transaction that does no harm when it runs twice."""
        return self.session.run(
            lambda connection, _: work(connection), self.transaction, idempotent=True, retries=self.retries
        )


@dataclass
class Tenure:
    """One runner's time with one job.

    Attributes:
        work: Its transactions.
        lease: What keeps others away.
        row: The job's cursor.
        book: What is written down of runs.
        version: The file's.
    """

    work: Work
    lease: Lease
    row: CursorRow
    book: RunBook
    version: str

    def take(self) -> tuple[Cursor | None, int]:
        """Take the job; give its cursor, and the number of the last batch of this run, 0 before the first.

        From then on no earlier runner can commit a batch.

        Raises:
            LeaseHeldError: Another process has it.
        """

        def take(connection: CockroachDBConnection) -> tuple[Cursor | None, int]:
            self.lease.take(connection)
            self.row.fence(connection)
            self.book.begin(connection, self.lease.name, self.row.run, self.version, self.lease.owner, dry=False)
            number = self.book.batches_of(connection, self.lease.name, self.row.run)
            return self.row.read(connection), number

        return self.work.write(take)

    def go_on_with(self, cursor: Cursor) -> None:
        """Write down where a pass begins, or is gone on with.

        Raises:
            LeaseLostError: Another process has taken the job over.
        """

        def write(connection: CockroachDBConnection) -> None:
            if not self.row.write(connection, cursor):
                raise self.lease.lost(connection)

        self.work.write(write)

    def renew_if_due(self) -> None:
        """Renew the lease when it is time.

        Raises:
            LeaseLostError: Another process has taken the job over.
        """
        if self.lease.is_due:
            self.work.write(self.lease.renew)

    def was_committed(self, run: str, batch: int) -> bool:
        """Whether a batch of any run of the job was committed."""
        return self.work.read(lambda connection: self.book.is_committed(connection, self.lease.name, run, batch))

    def end(self, reason: EndReason, detail: str) -> None:
        """Write down why the run ends, and give the job up."""
        self.work.write(lambda connection: self._end(connection, reason, detail))

    def say_goodbye(self, error: BaseException, *, cancelled: bool) -> None:
        """Give the job up after an error or an interrupt.

        A server that does not answer leaves that to the end of the lease.
        """
        asked = cancelled and isinstance(error, CancelledError)
        interrupted = asked or not isinstance(error, Exception)
        reason = EndReason.CANCELLED if interrupted else EndReason.ERROR
        out_of_reach = isinstance(error, DatabaseError) and error.retryable  # all attempts were in vain
        message = "" if interrupted else Failure.of(error).message
        if isinstance(error, AmbiguousCommitError):
            error.advice = "Run the job again: it reads from its cursor what was committed, and goes on from there."
        self.work.session.release()
        # Of its own, since what asked the job's own session to stop would stop this, too.
        writer = TransactionalExecutor(self.work.connections, Activity(asset=self.lease.name, run=self.row.run))

        def end() -> None:
            writer.run(
                self.work.connection,
                lambda connection: self._end(connection, reason, message),
                Transaction(timeout=_FAREWELL_SECONDS),
                idempotent=True,
                retries=0 if interrupted or out_of_reach else None,
            )

        try:
            call_interruptibly(end, name="farewell", timeout=_FAREWELL_SECONDS if interrupted else None)
        except (PipelinesError, TimeoutError) as failure:
            _logger.warning("%s: its lease could not be given up and ends by itself: %s", self.lease.name, failure)

    def _end(self, connection: CockroachDBConnection, reason: EndReason, message: str) -> None:
        self.book.end(connection, self.lease.name, self.row.run, reason, message)
        self.lease.release(connection)
