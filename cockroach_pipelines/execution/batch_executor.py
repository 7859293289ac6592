"""Many rows into one statement, batch by batch."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from dataclasses import dataclass

from cockroach_pipelines.database import (
    Activity,
    AmbiguousCommitError,
    CancelledError,
    CockroachDBConnection,
    ConnectionManager,
    DatabaseError,
    StatementError,
    Transaction,
)
from cockroach_pipelines.execution.batch_rows import BatchStatement, Rows, row_count, shape
from cockroach_pipelines.execution.events import BatchFinished, Observer, everyone, ignore
from cockroach_pipelines.execution.narrator import Narrator
from cockroach_pipelines.execution.redaction import redacted
from cockroach_pipelines.execution.write_session import WriteSession
from cockroach_pipelines.queries.parsing import Statement

_logger = logging.getLogger(__name__)

BATCH_ROWS = 128
"""Rows of a batch: as many as pgjdbc joins into one INSERT."""


class BatchError(DatabaseError):
    """A batch could not be written; every batch before it is committed.

    Attributes:
        batch: Number of the batch, from 0: where to resume.
        row: Number of the failing row among all, from 0; None where no single one is to blame.
        rows_committed: Rows of the batches before it.
        reason: What went wrong, without values.
    """

    def __init__(
        self, message: str, *, batch: int, row: int | None, rows_committed: int, reason: DatabaseError, advice: str
    ) -> None:
        super().__init__(message, advice=advice)
        self.batch = batch
        self.row = row
        self.rows_committed = rows_committed
        self.reason = reason


@dataclass(frozen=True)
class BatchesRun:
    """What many rows came to: batches and rows written by this call, rows affected (-1 where the server does not say)."""

    batches: int
    rows: int
    affected: int
    seconds: float


class BatchExecutor:
    """Writes many rows by one INSERT, UPSERT, UPDATE, DELETE or MERGE, a transaction for each batch.

    What can pass is tried again batch by batch, as `TransactionalExecutor` does; what cannot names the row and where to
    resume. Its batches are sent by JDBC's addBatch, and pgjdbc joins INSERTs into one of many rows.

    Args:
        connections: Where the connection is lent.
        activity: On whose behalf.
        observe: Told of every batch.
    """

    def __init__(
        self, connections: ConnectionManager, activity: Activity | None = None, observe: Observer = ignore
    ) -> None:
        self._connections = connections
        self._activity = activity or Activity()
        self._observe = everyone(observe)
        self._stop = threading.Event()

    def run(
        self,
        connection: str,
        statement: str | Statement,
        rows: Rows,
        transaction: Transaction | None = None,
        *,
        batch_rows: int = BATCH_ROWS,
        start_at: int = 0,
        idempotent: bool = False,
        retries: int | None = None,
        name: str = "",
    ) -> BatchesRun:
        """Write rows.

        Args:
            connection: Name of the connection.
            statement: With `?` or `:name` for the values of a row.
            rows: Read once, and no further ahead than a batch.
            transaction: What each batch's transaction may do.
            batch_rows: Rows of a batch.
            start_at: Number of the first batch to write; the rows of those before are passed over.
            idempotent: Whether a batch does no harm when it runs again although it may have been committed, as UPSERT.
            retries: Further attempts at each batch; as the connection's `retry` says when None.
            name: What events call the statement.

        Raises:
            BatchError: A batch failed for good; those before it are committed.
        """
        if batch_rows < 1 or start_at < 0:
            raise ValueError("batch_rows counts from 1, and start_at from 0")
        count = row_count(rows)
        batches = None if count is None else -(-count // batch_rows)
        work = BatchStatement.of(statement, name)
        remaining = itertools.islice(work.arranged(rows), start_at * batch_rows, None)
        began, number, written, affected = time.perf_counter(), start_at, 0, 0
        with WriteSession(self._connections, connection, self._activity, self._observe, self._stop) as session:
            writer = _BatchWriter(session, work, transaction or Transaction(), idempotent, retries)
            try:
                while rows_of_batch := list(itertools.islice(remaining, batch_rows)):
                    clock = time.perf_counter()
                    batch = _Batch(number, number * batch_rows, rows_of_batch, written)
                    done = writer.write(batch)
                    affected = -1 if done < 0 or affected < 0 else affected + done
                    written += len(rows_of_batch)
                    seconds = time.perf_counter() - clock
                    self._observe(
                        BatchFinished(
                            self._activity, connection, work.name, number, batches, len(rows_of_batch), written, seconds
                        )
                    )
                    number += 1
            except BatchError:
                raise
            except BaseException:
                _logger.warning("%s: %s batches are committed; resume with start_at=%s", work.name, number, number)
                raise
        return BatchesRun(number - start_at, written, affected, time.perf_counter() - began)

    def cancel(self) -> None:
        """End what this executor runs, from any thread, with a `BatchError` there."""
        self._stop.set()


@dataclass(frozen=True)
class _Batch:
    number: int
    first_row: int
    rows: list[list[object]]
    rows_committed: int
    """Of the batches before it."""


@dataclass(frozen=True)
class _BatchWriter:
    session: WriteSession
    work: BatchStatement
    transaction: Transaction
    idempotent: bool
    retries: int | None

    def write(self, batch: _Batch) -> int:
        """Write a batch and give the rows affected, -1 where the server does not say."""

        def send(lent: CockroachDBConnection, narrator: Narrator) -> int:
            with lent.cursor() as cursor:
                return int(cursor.executemany(self.work.sql, batch.rows).rowcount)

        try:
            return self.session.run(send, self.transaction, idempotent=self.idempotent, retries=self.retries)
        except DatabaseError as error:
            row = None if _is_no_rows_fault(error) else self._failing_row(batch)
            shown = redacted(error) if isinstance(error, StatementError) else error
        raise _batch_error(shown, batch, row) from shown

    def _failing_row(self, batch: _Batch) -> int | None:
        """Run the rows one by one until one fails, and roll all of it back; give its number within the batch."""
        position: list[int] = []

        def search(lent: CockroachDBConnection, narrator: Narrator) -> None:
            for index, values in enumerate(batch.rows):
                position[:] = [index]
                lent.execute(self.work.sql, values)
            raise _NoRowFailsError

        try:
            self.session.run(search, self.transaction, retries=0)
        except _NoRowFailsError:
            return None
        except DatabaseError as error:
            return position[0] if position and not _is_no_rows_fault(error) else None
        return None


class _NoRowFailsError(Exception):
    """Leads out of a transaction that is to be rolled back."""


def _is_no_rows_fault(error: DatabaseError) -> bool:
    return error.retryable or isinstance(error, (AmbiguousCommitError, CancelledError))


def _batch_error(reason: DatabaseError, batch: _Batch, row: int | None) -> BatchError:
    number, first = batch.number, batch.first_row
    where = f"batch {number} (rows {first:,} to {first + len(batch.rows) - 1:,})"
    if isinstance(reason, AmbiguousCommitError):
        message = f"{where} may have been committed: {reason.message}"
        advice = f"Look for its rows in the table, then resume with start_at={number} or {number + 1}."
    elif row is None:
        message = f"{where} failed: {reason.message}"
        advice = f"{reason.advice} What came before is committed: resume with start_at={number}."
    else:
        message = f"{where} failed at row {first + row:,} ({shape(batch.rows[row])}): {reason.message}"
        advice = f"{reason.advice} What came before is committed: mend the row, and resume with start_at={number}."
    return BatchError(
        message,
        batch=number,
        row=None if row is None else first + row,
        rows_committed=batch.rows_committed,
        reason=reason,
        advice=advice.strip(),
    )
