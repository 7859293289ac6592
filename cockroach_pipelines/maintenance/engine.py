"""Deleting and updating rows batch by batch."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from pathlib import Path

from cockroach_pipelines.database import CancelledError, CockroachDBConnection, ConnectionManager
from cockroach_pipelines.execution import (
    Activity,
    BatchFinished,
    Event,
    Observer,
    Order,
    RetryScheduled,
    Transaction,
    WriteSession,
    everyone,
    ignore,
)
from cockroach_pipelines.execution.lease import Lease, LeaseHeldError, owner_name
from cockroach_pipelines.maintenance.archive import Archive
from cockroach_pipelines.maintenance.batches import Touched
from cockroach_pipelines.maintenance.clock import Clock
from cockroach_pipelines.maintenance.cursor import CommittedBatch, Cursor, CursorRow, question
from cockroach_pipelines.maintenance.outcome import BatchedRun, EndReason
from cockroach_pipelines.maintenance.own_tables import ensure_tables
from cockroach_pipelines.maintenance.preparation import look, looks_by_writing, prepare
from cockroach_pipelines.maintenance.progress import BatchProgress, Progress
from cockroach_pipelines.maintenance.restraint import Restraint
from cockroach_pipelines.maintenance.runs import Pausing, RunBook
from cockroach_pipelines.maintenance.sizing import AdaptiveSize
from cockroach_pipelines.maintenance.tenure import Tenure, Work
from cockroach_pipelines.queries import Batch

# What a smaller batch does not meet, or meets less often: another transaction, a lock, a COMMIT that comes too late.
_TOO_LARGE = frozenset({"40001", "40P01", "55P03"})

# A batch that takes its time ends well before its timeout, and a timeout before the lease has run out.
_BATCHES_A_TIMEOUT = 2
_TIMEOUTS_A_LEASE = 2
_RESTS_A_LEASE = 8

_WHOLE_RUN = 32
"""Characters of a run's name that no other run has; a shorter one is not taken for the audit's."""


def job_name(order: Order) -> str:
    """Give the name of a job: that of its file, and of its partition where it has some."""
    return f"{order.query.name}@{order.partition.key}" if order.partition else order.query.name


class BatchedMaintenance:
    """Runs batch jobs: a transaction for each batch, which moves the job's cursor with it.

    A job that was killed, cancelled or lost its connection goes on exactly behind its last committed batch. One process at
    a time runs a job; what it does is written down in tables of this package's own, in the same database.

    Args:
        connections: Where connections are lent; a job takes one.
        archives: The folder that relative paths of `batch.archive` begin in.
        activity: On whose behalf; its `run` names the run in the audit.
        observe: Told of retries and batches.
        progress: Told how far it is, after each batch and while nothing runs.
        clock: Time, and how to wait.
    """

    def __init__(
        self,
        connections: ConnectionManager,
        archives: Path,
        activity: Activity | None = None,
        observe: Observer = ignore,
        progress: Progress = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self._connections = connections
        self._archives = archives
        self._activity = activity or Activity()
        self._observe = observe
        self._progress = progress
        self._clock = clock or Clock(threading.Event())

    def run(self, order: Order, *, arm: bool = False, dry_run: bool = False) -> BatchedRun:
        """Run a job until nothing is left, a limit is reached, or somebody holds it.

        The first run of a new or changed file is a dry run, until the file is armed.

        Args:
            order: The file, for one partition or none, with parameters.
            arm: Let this version of the file change data, in this run and later ones.
            dry_run: Say what it would do, and change nothing.

        Raises:
            GuardError: It would do harm, or not what it says; nothing ran.
            LeaseHeldError: Another process runs it.
            LeaseLostError: Another process took it over.
            StatementError: The server refused a batch or ended it; those before it are committed.
            CancelledError: `cancel` was called.
        """
        batch = order.query.batch
        if batch is None:
            raise ValueError(f"{order.query.name} has no `batch`")
        return _Job(self, order, batch).run(arm=arm, dry_run=dry_run)

    def cancel(self) -> None:
        """End what this runs, from any thread: it raises `CancelledError` there."""
        self._clock.stop.set()


class _Job:
    """One run of one job."""

    def __init__(self, engine: BatchedMaintenance, order: Order, batch: Batch) -> None:
        self.order = order
        self.batch = batch
        self.rules = batch.rules
        self.header = order.query.header
        self.name = job_name(order)
        self.connections = engine._connections
        self.clock = engine._clock
        self.activity = engine._activity
        self.run_name = self.activity.run if len(self.activity.run) >= _WHOLE_RUN else uuid.uuid4().hex
        self.observe = everyone(engine._observe, self._learn_from)
        self.tell = engine._progress
        self.timeout = self.header.timeout or self.rules.lease / _TIMEOUTS_A_LEASE
        self.archive = (
            Archive(engine._archives / self.rules.archive, self.name) if self.rules.archive is not None else None
        )
        self.size = self._size()
        self.cursor = Cursor("")
        self.rows = self.batches = self.number = self.retries = 0
        self.began = self.clock.seconds()

    def run(self, *, arm: bool, dry_run: bool) -> BatchedRun:
        connection = self.header.connection
        with WriteSession(self.connections, connection, self.activity, self.observe, self.clock.stop) as session:
            transaction = Transaction(timeout=self.timeout, timezone=self.order.timezone)
            self.work = Work(self.connections, connection, session, transaction, self.header.retries)
            self.prepared = self.work.read(lambda connection: prepare(connection, self.order, self.batch))
            self.server = self.work.read(lambda connection: connection.version)
            self.book = RunBook(ensure_tables(self.connections, connection, session))
            self.owner = owner_name(f"run {self.run_name}")
            if self.rules.dry_run or dry_run or not self._may_write(arm):
                return self._dry_run()
            return self._run()

    def _may_write(self, arm: bool) -> bool:
        name, version = self.order.query.name, self.order.query.code_version
        if arm:
            self.work.write(lambda connection: self.book.arm(connection, name, version, self.owner))
            return True
        return self.work.read(lambda connection: self.book.is_armed(connection, name, version))

    def _dry_run(self) -> BatchedRun:
        transaction = self.work.write if looks_by_writing(self.prepared, self.server.dialect) else self.work.read
        found = transaction(lambda connection: look(connection, self.prepared))
        outcome = replace(self._outcome(EndReason.DONE, ""), dry_run=found, estimated=found.estimated)

        def note(connection: CockroachDBConnection) -> None:
            version = self.order.query.code_version
            self.book.begin(connection, self.name, self.run_name, version, self.owner, dry=True)
            self.book.end(connection, self.name, self.run_name, EndReason.DONE, outcome.headline)

        self.work.write(note)
        return outcome

    def _run(self) -> BatchedRun:
        self.began = self.clock.seconds()  # what looking at the table took says nothing of how fast rows go
        seconds = max(self.rules.lease, self.timeout * _TIMEOUTS_A_LEASE)
        lease = Lease(self.book.tables.holders, self.name, self.owner, seconds, self.clock.seconds)
        self.row = CursorRow(self.book.tables, self.name, self.run_name, lease.token)
        self.tenure = Tenure(self.work, lease, self.row, self.book, self.order.query.code_version)
        self.restraint = Restraint(
            self.order, self.batch, self.clock, self.prepared.most_rows, self._pausing, self.work.read
        )
        try:
            self._take()
            reason = self._reason_to_end() or self._batch_by_batch()
        except LeaseHeldError:
            raise
        except BaseException as error:
            self.tenure.say_goodbye(error, cancelled=self.clock.stop.is_set())
            raise
        detail = self.restraint.detail if reason is not EndReason.DONE else ""
        outcome = self._outcome(reason, detail)
        self.tenure.end(reason, detail)
        return outcome

    def _take(self) -> None:
        before, self.number = self.tenure.take()
        if self.archive:  # nobody but this process can commit a batch now
            self.archive.settle(self.tenure.was_committed)
        asked = question(self.order)
        if before and before.question == asked and not before.finished:
            self.cursor = replace(before, resumes=before.resumes + 1)
            self.size = self._size(before.size or None)
        else:
            self.cursor = Cursor(asked, size=self.size.rows, estimated=self.prepared.estimated)
        self.tenure.go_on_with(self.cursor)

    def _batch_by_batch(self) -> EndReason:
        while True:
            if reason := self._wait_while_throttled():
                return reason
            touched, seconds = self._batch()
            self._committed(touched, seconds)
            if touched.finishes:
                return EndReason.DONE
            if reason := self._reason_to_end():
                return reason
            self._rest(float(self.rules.pause.ratio) * seconds)

    def _batch(self) -> tuple[Touched, float]:
        """Touch the next rows in a transaction, fewer of them when the server ends it for the time it takes."""
        while True:
            self.tenure.renew_if_due()
            try:
                touched = self.work.session.run(
                    lambda connection, _: self._touch(connection),
                    self.work.transaction,
                    verify=self.row.was_committed(self.number + 1),
                    retries=self.header.retries,
                )
                return touched, self.clock.seconds() - self.attempt_began
            except CancelledError as error:
                if "timeout" not in error.server.text:
                    raise  # somebody wanted it to end
                if not self.size.halve():
                    error.advice = (
                        f"Even {self.size.rows:,} rows take longer than the timeout: raise `timeout`, lower "
                        "`batch.size.min`, or give the condition an index that begins with the key."
                    )
                    raise
                self._tell(f"a batch took longer than its timeout: half as many rows at a time, {self.size.rows:,}")

    def _touch(self, connection: CockroachDBConnection) -> Touched:
        self.attempt_began = began = self.clock.seconds()
        # Looked up here, since the transaction may run again with smaller batches.
        self.asked = rows = max(1, min([self.size.rows, *self.restraint.rows_left(self.rows, self.cursor.rows)]))
        after, number, archive = self.cursor.last_key, self.number + 1, self.archive
        keep = None if archive is None else (lambda table: archive.write(self.run_name, number, table))
        touched = self.prepared.batches.touch(connection, after, rows, keep)
        seconds = self.clock.seconds() - began
        batch = CommittedBatch(
            number, after, touched.last, touched.rows, rows, seconds, touched.archive, touched.finishes
        )
        if not self.row.move(connection, batch):
            raise self.tenure.lease.lost(connection)
        return touched

    def _committed(self, touched: Touched, seconds: float) -> None:
        if self.archive and touched.archive:
            self.archive.publish(touched.archive)
        self.number += 1
        self.batches += 1
        self.rows += touched.rows
        if touched.rows >= self.asked:  # else it was cut short, and tells nothing about how many rows to take
            self.size.learn(touched.rows, seconds)
        self.cursor = replace(
            self.cursor,
            last_key=touched.last,
            rows=self.cursor.rows + touched.rows,
            batches=self.cursor.batches + 1,
            finished=touched.finishes,
        )
        number, connection = self.batches - 1, self.header.connection
        self.observe(
            BatchFinished(self.activity, connection, self.name, number, None, touched.rows, self.rows, seconds)
        )
        self._tell("")

    def _learn_from(self, event: Event) -> None:
        if isinstance(event, RetryScheduled):
            self.retries += 1
            if event.failure.sqlstate in _TOO_LARGE and self.size.halve():
                self._tell(f"it met another transaction: half as many rows at a time, {self.size.rows:,}")

    def _wait_while_throttled(self) -> EndReason | None:
        began = self.clock.seconds()
        while why := self.restraint.reason_to_wait():
            if self.clock.seconds() - began >= self.rules.pause.longest:
                return EndReason.THROTTLED
            if reason := self._reason_to_end():
                return EndReason.THROTTLED if reason is EndReason.TIME else reason
            self._tell(f"throttled: {why}")
            self._rest(self.rules.pause.every)
        return None

    def _reason_to_end(self) -> EndReason | None:
        return self.restraint.reason_to_end(self.rows, self.cursor.rows)

    def _pausing(self) -> Pausing | None:
        return self.work.read(lambda connection: self.book.pausing(connection, self.order.query.name))

    def _rest(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while (left := end - self.clock.seconds()) > 0 and not self.clock.stop.is_set():
            self.tenure.renew_if_due()
            self.clock.sleep(min(left, self.rules.lease / _RESTS_A_LEASE))

    def _size(self, rows: int | None = None) -> AdaptiveSize:
        return AdaptiveSize(self.rules.size, rows, self.timeout / _BATCHES_A_TIMEOUT)

    def _tell(self, waiting: str) -> None:
        cursor, seconds = self.cursor, self.clock.seconds() - self.began
        self.tell(
            BatchProgress(
                *(self.name, cursor.rows, self.rows, self.batches, cursor.estimated, seconds, self.size.rows, waiting)
            )
        )

    def _outcome(self, reason: EndReason, detail: str) -> BatchedRun:
        return BatchedRun(
            order=self.order,
            connection=self.header.connection,
            server=self.server,
            run=self.run_name,
            reason=reason,
            detail=detail,
            rows=self.rows,
            batches=self.batches,
            pass_rows=self.cursor.rows,
            resumes=self.cursor.resumes,
            seconds=self.clock.seconds() - self.began,
            estimated=self.cursor.estimated,
            archive=self.archive.folder if self.archive else None,
            retries=self.retries,
        )
