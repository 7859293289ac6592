"""Deleting and updating rows batch by batch."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import (
    AmbiguousCommitError,
    CancelledError,
    CockroachDBConnection,
    ConnectionManager,
    call_interruptibly,
)
from cockroach_pipelines.execution import (
    Activity,
    BatchFinished,
    Event,
    Failure,
    Observer,
    Order,
    RetryScheduled,
    Transaction,
    TransactionalExecutor,
    WriteSession,
    everyone,
    ignore,
)
from cockroach_pipelines.maintenance.archive import Archive
from cockroach_pipelines.maintenance.batches import Touched
from cockroach_pipelines.maintenance.clock import Clock
from cockroach_pipelines.maintenance.cursor import CommittedBatch, Cursor, CursorRow, question
from cockroach_pipelines.maintenance.errors import JobHeldError, LeaseLostError
from cockroach_pipelines.maintenance.lease import Lease, owner_name
from cockroach_pipelines.maintenance.outcome import BatchedRun, EndReason
from cockroach_pipelines.maintenance.own_tables import ensure_tables
from cockroach_pipelines.maintenance.preparation import look, looks_by_writing, prepare
from cockroach_pipelines.maintenance.progress import BatchProgress, Progress
from cockroach_pipelines.maintenance.runs import RunBook
from cockroach_pipelines.maintenance.sizing import AdaptiveSize
from cockroach_pipelines.maintenance.throttle import reason_to_wait
from cockroach_pipelines.queries import Batch

_logger = logging.getLogger(__name__)
T = TypeVar("T")

# What a smaller batch does not meet, or meets less often: another transaction, a lock, a COMMIT that comes too late.
_TOO_LARGE = frozenset({"40001", "40P01", "55P03"})
_SIGNS_SECONDS = 1.0
_TIMEOUTS_A_LEASE = 2
_BATCHES_A_TIMEOUT = 2
_FAREWELL_SECONDS = 1.5


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
            JobHeldError: Another process runs it.
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
        self.run_name = self.activity.run if len(self.activity.run) >= 32 else uuid.uuid4().hex
        self.observe = everyone(engine._observe, self._learn_from)
        self.tell = engine._progress
        timeout = self.header.timeout or self.rules.lease / _TIMEOUTS_A_LEASE
        self.transaction = Transaction(timeout=timeout, timezone=order.timezone)
        self.lease_seconds = max(self.rules.lease, timeout * _TIMEOUTS_A_LEASE)
        self.archive = (
            Archive(engine._archives / self.rules.archive, self.name) if self.rules.archive is not None else None
        )
        self.longest = timeout / _BATCHES_A_TIMEOUT
        self.size = AdaptiveSize(self.rules.size, longest=self.longest)
        self.cursor = Cursor("")
        self.rows = self.batches = self.number = self.retries = 0
        self.began = self.clock.seconds()
        self.signs_seen = float("-inf")
        self.detail = ""

    def run(self, *, arm: bool, dry_run: bool) -> BatchedRun:
        with self._session() as session:
            self.session = session
            self.prepared = self._read(lambda connection: prepare(connection, self.order, self.batch))
            self.server = self._read(lambda connection: connection.version)
            self.tables = ensure_tables(session)
            self.book = RunBook(self.tables)
            self.owner = owner_name(self.run_name)
            if self.rules.dry_run or dry_run or not self._may_write(arm):
                return self._dry_run()
            return self._run()

    def _may_write(self, arm: bool) -> bool:
        name, version = self.order.query.name, self.order.query.code_version
        if arm:
            self._write(lambda connection: self.book.arm(connection, name, version, self.owner))
            return True
        return self._read(lambda connection: self.book.is_armed(connection, name, version))

    def _dry_run(self) -> BatchedRun:
        def find(connection: CockroachDBConnection) -> BatchedRun:
            found = look(connection, self.prepared)
            return replace(self._outcome(EndReason.DONE), dry_run=found, estimated=found.estimated)

        outcome = self._write(find) if looks_by_writing(self.prepared) else self._read(find)

        def note(connection: CockroachDBConnection) -> None:
            self._begin(connection, dry=True)
            self.book.end(connection, self.name, self.run_name, EndReason.DONE, outcome.headline)

        self._write(note)
        return outcome

    def _run(self) -> BatchedRun:
        self.lease = Lease(self.tables, self.name, self.owner, self.lease_seconds, self.clock.seconds)
        self.row = CursorRow(self.tables, self.name, self.run_name, self.lease.token)
        try:
            self._take()
            self._settle()
            reason = self._end_before_the_first() or self._work()
        except JobHeldError:
            raise
        except BaseException as error:
            self._say_goodbye(error)
            raise
        outcome = self._outcome(reason)
        self._write(lambda connection: self._end(connection, reason, self.detail))
        return outcome

    # Taking the job, and giving it up

    def _take(self) -> None:
        def take(connection: CockroachDBConnection) -> Cursor | None:
            if holder := self.lease.take(connection):
                raise JobHeldError(self.name, holder.owner, holder.until)
            self.row.fence(connection)
            self._begin(connection, dry=False)
            self.number = self.book.batches_of(connection, self.name, self.run_name)
            return self.row.read(connection)

        before = self._write(take)
        asked = question(self.order)
        if before and before.question == asked and not before.finished:
            self.cursor = replace(before, resumes=before.resumes + 1)
            self.size = AdaptiveSize(self.rules.size, before.size or None, self.longest)
        else:
            self.cursor = Cursor(asked, size=self.size.rows, estimated=self.prepared.estimated)

    def _begin(self, connection: CockroachDBConnection, *, dry: bool) -> None:
        version = self.order.query.code_version
        self.book.begin(connection, self.name, self.run_name, version, self.owner, dry=dry)

    def _settle(self) -> None:
        """Bring the archive to what is committed, now that nobody but this process can commit a batch."""
        if self.archive:
            self.archive.settle(
                lambda run, batch: self._read(
                    lambda connection: self.book.is_committed(connection, self.name, run, batch)
                )
            )

        def go_on(connection: CockroachDBConnection) -> None:
            if not self.row.write(connection, self.cursor):
                raise LeaseLostError(self.name)

        self._write(go_on)

    def _end(self, connection: CockroachDBConnection, reason: str, message: str) -> None:
        self.book.end(connection, self.name, self.run_name, reason, message)
        self.lease.release(connection)

    def _say_goodbye(self, error: BaseException) -> None:
        """Write down how it ended, and give the job up; a server that does not answer leaves that to the lease's end."""
        cancelled = not isinstance(error, Exception) or (isinstance(error, CancelledError) and self.clock.stop.is_set())
        reason = EndReason.CANCELLED if cancelled else EndReason.ERROR
        message = "" if cancelled else Failure.of(error).message
        if isinstance(error, AmbiguousCommitError):
            error.advice = "Run the job again: it reads from its cursor what was committed, and goes on from there."
        self.session.release()
        writer = TransactionalExecutor(self.connections, self.activity)

        def end() -> None:
            writer.run(
                self.header.connection,
                lambda connection: self._end(connection, reason, message),
                Transaction(timeout=_FAREWELL_SECONDS),
                idempotent=True,
                retries=0 if cancelled else None,
            )

        try:
            call_interruptibly(end, name="farewell", timeout=_FAREWELL_SECONDS if cancelled else None)
        except (PipelinesError, TimeoutError) as failure:
            _logger.warning("%s: its lease could not be given up and ends by itself: %s", self.name, failure)

    # Batches

    def _end_before_the_first(self) -> EndReason | None:
        """Say why not even one batch may run."""
        return self._held() or self._limit()

    def _work(self) -> EndReason:
        while True:
            if reason := self._wait_while_throttled():
                return reason
            touched, seconds = self._batch()
            self._committed(touched, seconds)
            if touched.finishes:
                return EndReason.DONE
            if reason := self._held() or self._limit():
                return reason
            self._rest(float(self.rules.pause.ratio) * seconds)

    def _batch(self) -> tuple[Touched, float]:
        """Touch the next rows in a transaction, smaller ones when the server ends it for the time it takes."""
        while True:
            self._renew_if_due()
            try:
                touched = self.session.run(
                    lambda connection, _: self._touch(connection),
                    self.transaction,
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
        self.asked = rows = self._rows_of_batch()
        number = self.number + 1
        archive = self.archive
        keep = None if archive is None else (lambda table: archive.write(self.run_name, number, table))
        touched = self.prepared.batches.touch(connection, self.cursor.last_key, rows, keep)
        seconds = self.clock.seconds() - began
        batch = CommittedBatch(
            number, self.cursor.last_key, touched.last, touched.rows, rows, seconds, touched.archive, touched.finishes
        )
        if not self.row.move(connection, batch):
            raise LeaseLostError(self.name)
        return touched

    def _rows_of_batch(self) -> int:
        return max(1, min([self.size.rows, *self._rows_left()]))

    def _rows_left(self) -> list[int]:
        limits = [(self.rules.limits.rows, self.rows), (self.prepared.most_rows, self.cursor.rows)]
        return [most - so_far for most, so_far in limits if most is not None]

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
        self.observe(
            BatchFinished(
                self.activity,
                self.header.connection,
                self.name,
                self.batches - 1,
                None,
                touched.rows,
                self.rows,
                seconds,
            )
        )
        self._tell("")

    def _learn_from(self, event: Event) -> None:
        if isinstance(event, RetryScheduled):
            self.retries += 1
            if event.failure.sqlstate in _TOO_LARGE and self.size.halve():
                self._tell(f"it met another transaction: half as many rows at a time, {self.size.rows:,}")

    # Waiting, and reasons to end

    def _limit(self) -> EndReason | None:
        limits = self.rules.limits
        if self.rules.window is not None:
            zone = ZoneInfo(self.order.timezone)
            if not self.rules.window.holds(self.clock.now().astimezone(zone)):
                self.detail = f"it may run {self.rules.window}, {self.order.timezone}"
                return EndReason.WINDOW
        if limits.runtime is not None and self.clock.seconds() - self.began >= limits.runtime:
            return EndReason.TIME
        if limits.rows is not None and self.rows >= limits.rows:
            return EndReason.ROWS
        if self.prepared.most_rows is not None and self.cursor.rows >= self.prepared.most_rows:
            self.detail = f"share_of_table allows {self.prepared.most_rows:,} rows"
            return EndReason.SHARE
        return None

    def _held(self) -> EndReason | None:
        """Say whether somebody has paused the job; asked about once a second."""
        if self.clock.seconds() - self.signs_seen < _SIGNS_SECONDS:
            return None
        self.signs_seen = self.clock.seconds()
        pausing = self._read(lambda connection: self.book.pausing(connection, self.order.query.name))
        if pausing is None:
            return None
        self.detail = str(pausing)
        return EndReason.PAUSED

    def _wait_while_throttled(self) -> EndReason | None:
        throttle = self.batch.throttle
        if throttle is None or not self._is_time_to_ask():
            return None
        began = self.clock.seconds()
        while why := self._read(lambda connection: reason_to_wait(connection, throttle)):
            self.detail = why
            if self.clock.seconds() - began >= self.rules.pause.longest:
                return EndReason.THROTTLED
            if reason := self._held() or self._limit():
                return EndReason.THROTTLED if reason is EndReason.TIME else reason
            self._tell(f"throttled: {why}")
            self._rest(self.rules.pause.every)
        self.detail = ""
        self.asked_throttle = self.clock.seconds()
        return None

    asked_throttle = float("-inf")

    def _is_time_to_ask(self) -> bool:
        return self.clock.seconds() - self.asked_throttle >= self.rules.pause.every

    def _rest(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while (left := end - self.clock.seconds()) > 0 and not self.clock.stop.is_set():
            self._renew_if_due()
            self.clock.sleep(min(left, self.lease_seconds / 8))

    def _renew_if_due(self) -> None:
        if self.lease.is_due and not self._write(self.lease.renew):
            raise LeaseLostError(self.name)

    def _tell(self, waiting: str) -> None:
        self.tell(
            BatchProgress(
                self.name,
                self.cursor.rows,
                self.rows,
                self.batches,
                self.cursor.estimated,
                self.clock.seconds() - self.began,
                self.size.rows,
                waiting,
            )
        )

    # The connection

    def _session(self) -> WriteSession:
        return WriteSession(self.connections, self.header.connection, self.activity, self.observe, self.clock.stop)

    def _read(self, work: Callable[[CockroachDBConnection], T]) -> T:
        reading = replace(self.transaction, read_only=True)
        return self.session.run(lambda connection, _: work(connection), reading, retries=self.header.retries)

    def _write(self, work: Callable[[CockroachDBConnection], T]) -> T:
        """Write to this package's own tables; nothing of it does harm when it runs twice."""
        return self.session.run(
            lambda connection, _: work(connection), self.transaction, idempotent=True, retries=self.header.retries
        )

    def _outcome(self, reason: EndReason) -> BatchedRun:
        return BatchedRun(
            order=self.order,
            connection=self.header.connection,
            server=self.server,
            run=self.run_name,
            reason=reason,
            detail=self.detail,
            rows=self.rows,
            batches=self.batches,
            pass_rows=self.cursor.rows,
            resumes=self.cursor.resumes,
            seconds=self.clock.seconds() - self.began,
            estimated=self.cursor.estimated,
            archive=self.archive.folder if self.archive else None,
            retries=self.retries,
        )
