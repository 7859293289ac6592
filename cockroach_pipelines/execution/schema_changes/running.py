"""Running one migration: in a transaction where the database can, else statement by statement with its progress kept."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from cockroach_pipelines.database import (
    AmbiguousCommitError,
    CancelledError,
    CockroachDBConnection,
    ConnectionManager,
    DatabaseError,
    Dialect,
    LockNotAvailableError,
    Recovery,
    SerializationError,
    StatementError,
    Transaction,
)
from cockroach_pipelines.database.notices import execute_with_notices
from cockroach_pipelines.execution.command import Command
from cockroach_pipelines.execution.events import Failure
from cockroach_pipelines.execution.kept_lease import KeptLease
from cockroach_pipelines.execution.narrator import Narrator
from cockroach_pipelines.execution.retry import Attempts, RetryPolicy
from cockroach_pipelines.execution.schema_changes.errors import SchemaChangeJobError, StatementInDoubtError
from cockroach_pipelines.execution.schema_changes.jobs import SUCCEEDED, job_numbers, jobs_since, wait_for
from cockroach_pipelines.execution.schema_changes.ledger import LedgerWriter, StatementRecord, StatementState
from cockroach_pipelines.execution.schema_changes.tables import HistoryTables
from cockroach_pipelines.execution.session import locate
from cockroach_pipelines.execution.transactional_executor import TransactionalExecutor
from cockroach_pipelines.execution.write_session import WriteSession
from cockroach_pipelines.queries.migrations import MigrationFile, MigrationStatement


@dataclass(frozen=True)
class AppliedFile:
    """A migration that was applied just now: `began_at` is the first statement that ran, from 1."""

    file: MigrationFile
    rank: int
    began_at: int
    seconds: float


@dataclass(frozen=True)
class FileRunner:
    """Runs migrations of one connection, one after the other.

    Args:
        connections: Where connections are lent.
        connection: Name of the connection.
        executor: Runs their transactions.
        tables: Where it is remembered.
        dialect: Of the server.
        lease: Held by whoever calls.
    """

    connections: ConnectionManager
    connection: str
    executor: TransactionalExecutor
    tables: HistoryTables
    dialect: Dialect
    lease: KeptLease

    def run(self, file: MigrationFile, rank: int, progress: Mapping[int, StatementRecord]) -> AppliedFile:
        """Run a migration, from where it ended before.

        Args:
            file: The migration.
            rank: Of its row in the history.
            progress: What is known of its statements.

        Raises:
            StatementError: The server refused a statement; its place is that in the file.
            StatementInDoubtError: Nobody knows whether a statement ran.
            SchemaChangeJobError: The job of a lost connection failed.
            LeaseLostError: Somebody else may have begun.
        """
        clock = time.perf_counter()
        if file.in_transaction and self.dialect is Dialect.POSTGRESQL:
            self._whole(file, rank, clock)
            return AppliedFile(file, rank, 1, time.perf_counter() - clock)
        with self.executor.session(self.connection) as session, self.executor.session(self.connection) as notebook:
            run = _OneByOne(self, file, rank, session, notebook)
            began_at = run.run(progress, clock)
        return AppliedFile(file, rank, began_at, time.perf_counter() - clock)

    def _whole(self, file: MigrationFile, rank: int, clock: float) -> None:
        def work(connection: CockroachDBConnection, narrator: Narrator) -> None:
            for statement in file.statements:
                self.lease.require()
                execute(connection, narrator, file, statement)
            if file.changes_role:
                connection.execute("RESET SESSION AUTHORIZATION")
                connection.execute("RESET ROLE")
            self.lease.require()
            writer = LedgerWriter(self.tables, connection)
            writer.add_file(file, rank, milliseconds=_milliseconds(clock), success=True)

        verify = Command(
            f"SELECT count(*) FROM {self.tables.history} WHERE installed_rank = ? AND script = ? AND success",
            [rank, file.script],
        )
        with self.executor.session(self.connection) as session:
            try:
                session.run(work, Transaction(), verify=verify)
            except StatementError as error:
                error.advice = f"{error.advice} Nothing of {file.script} was kept.".strip()
                raise


@dataclass(frozen=True)
class _OneByOne:
    """A file whose statements are kept one by one: `session` runs them, `notebook` writes down how far it is."""

    runner: FileRunner
    file: MigrationFile
    rank: int
    session: WriteSession
    notebook: WriteSession

    def run(self, progress: Mapping[int, StatementRecord], clock: float) -> int:
        began_at = 0
        settings: list[MigrationStatement] = []
        for statement in self.file.statements:
            if statement.is_setting:
                settings.append(statement)
                continue
            record = progress.get(statement.number)
            if record and record.state is StatementState.DONE:
                continue
            self.runner.lease.require()
            began_at = began_at or statement.number
            try:
                if statement.changes_rows and not self.file.changes_role:
                    self._in_its_transaction(statement, settings)
                else:
                    self._alone(statement, settings, record)
            except DatabaseError as error:
                self._tell_failure(statement, error, clock)
                raise
        self._write_down(clock, success=True)
        return began_at or len(self.file.statements) + 1

    def _in_its_transaction(self, statement: MigrationStatement, settings: list[MigrationStatement]) -> None:
        """Run a statement that changes rows, and note it in the same transaction: it runs exactly once."""

        def work(connection: CockroachDBConnection, narrator: Narrator) -> None:
            self._prepare(connection, narrator, settings)
            execute(connection, narrator, self.file, statement)
            self._writer(connection).note(self.file.script, statement, StatementState.DONE)

        verify = Command(
            f"SELECT count(*) FROM {self.runner.tables.statements} WHERE script = ? AND statement = ? AND state = ?",
            [self.file.script, statement.number, StatementState.DONE],
        )
        self.session.run(work, Transaction(), verify=verify)

    def _alone(
        self, statement: MigrationStatement, settings: list[MigrationStatement], record: StatementRecord | None
    ) -> None:
        """Run a statement outside any transaction; after a lost connection wait for its job, or find out otherwise."""
        attempts = self._attempts()
        if record and record.state is StatementState.RUNNING:  # its process ended, and nobody wrote down how it went on
            if self._ended_in_a_job(statement, record.jobs, record.started_on):
                return
            if not statement.may_run_twice:
                raise self._in_doubt(statement)
        while True:
            self.runner.lease.require()
            started = self._start(statement)
            notices: list[str] = []
            try:
                self.session.run_autocommit(
                    partial(self._execute_alone, statement=statement, settings=settings, notices=notices),
                    timeout=None,
                    timezone="UTC",
                    idempotent=False,
                    retries=None,
                )
            except (SerializationError, LockNotAvailableError) as error:
                # A statement by itself that the server took back has left nothing.
                attempts.sleep(attempts.next_wait(error, type(error).recovery))
            except (AmbiguousCommitError, CancelledError) as error:
                if isinstance(error, CancelledError) and not job_numbers(notices):
                    raise
                if self._ended_in_a_job(statement, job_numbers(notices), started):
                    return
                if not statement.may_run_twice:
                    raise self._in_doubt(statement) from error
                attempts.sleep(attempts.next_wait(error, Recovery.RECONNECT))
            else:
                self._done(statement, job_numbers(notices))
                return

    def _execute_alone(
        self,
        connection: CockroachDBConnection,
        narrator: Narrator,
        *,
        statement: MigrationStatement,
        settings: list[MigrationStatement],
        notices: list[str],
    ) -> None:
        self._prepare(connection, narrator, settings)
        execute(connection, narrator, self.file, statement, notices)

    def _prepare(
        self, connection: CockroachDBConnection, narrator: Narrator, settings: list[MigrationStatement]
    ) -> None:
        # The connection may be a new one, or its transaction may have taken the settings back.
        for setting in settings:
            execute(connection, narrator, self.file, setting)

    def _ended_in_a_job(self, statement: MigrationStatement, jobs: tuple[int, ...], since: dt.datetime) -> bool:
        """Whether jobs have finished what a lost connection began.

        Raises:
            SchemaChangeJobError: One of them has not.
        """
        if self.runner.dialect is not Dialect.COCKROACHDB:
            return False
        self.session.release()  # what is left of it may be in any state

        def wait(connection: CockroachDBConnection, narrator: Narrator) -> tuple[tuple[int, ...], list[str]]:
            found = jobs or jobs_since(connection, since, statement.first_word)
            with narrator.statement(f"{self.file.script}: jobs {', '.join(map(str, found))}"):
                ends = wait_for(connection, found)
            return found, [
                f"job {end.job} {end.status}{f': {end.error}' if end.error else ''}"
                for end in ends
                if end.status != SUCCEEDED
            ]

        found, failed = self.session.run_autocommit(wait, timeout=None, timezone="UTC", idempotent=True, retries=None)
        if failed:
            raise SchemaChangeJobError(
                f"The connection was lost, and the schema change went on and failed: {'; '.join(failed)}.",
                place=statement.place,
                advice="Mend what the job says.",
            )
        if found:
            self._done(statement, found)
        return bool(found)

    def _in_doubt(self, statement: MigrationStatement) -> StatementInDoubtError:
        return StatementInDoubtError(
            f"Nobody knows whether statement {statement.number} ran: the connection was lost, or its process ended, while it did.",
            place=statement.place,
            advice="Look at the database, then say it: `migrate repair --in-doubt ran`, or `again` when it has not run.",
        )

    def _start(self, statement: MigrationStatement) -> dt.datetime:
        def note(connection: CockroachDBConnection, narrator: Narrator) -> dt.datetime:
            self._writer(connection).note(self.file.script, statement, StatementState.RUNNING)
            ((started,),) = connection.query("SELECT now()::timestamptz")
            assert isinstance(started, dt.datetime)  # noqa: S101 - what the server's now() is
            return started

        return self.notebook.run(note, Transaction(), idempotent=True)

    def _done(self, statement: MigrationStatement, jobs: tuple[int, ...]) -> None:
        self.notebook.run(
            lambda connection, _: self._writer(connection).note(
                self.file.script, statement, StatementState.DONE, jobs=jobs
            ),
            Transaction(),
            idempotent=True,
        )

    def _tell_failure(self, statement: MigrationStatement, error: DatabaseError, clock: float) -> None:
        """Write a failure down where Flyway looks for it, and beside it how far the file came."""
        state = StatementState.IN_DOUBT if isinstance(error, StatementInDoubtError) else StatementState.FAILED
        kept = statement.number - 1
        before = f"The {kept} statements before it are kept. " if kept > 1 else "The statement before it is kept. "
        error.place = error.place or statement.place
        error.advice = (
            f"{error.advice} {before if kept else ''}Then run `migrate repair`; "
            f"`migrate apply` goes on at statement {statement.number} of {len(self.file.statements)}."
        ).strip()

        try:
            self._write_down(clock, success=False, note=(statement, state, Failure.of(error).message))
        except DatabaseError as failure:
            error.advice += f" This could not be written down: {failure.message}"

    def _write_down(
        self, clock: float, *, success: bool, note: tuple[MigrationStatement, StatementState, str] | None = None
    ) -> None:
        def write(connection: CockroachDBConnection, narrator: Narrator) -> None:
            writer = self._writer(connection)
            if note:
                statement, state, error = note
                writer.note(self.file.script, statement, state, error=error)
            writer.add_file(self.file, self.rank, milliseconds=_milliseconds(clock), success=success)

        verify = Command(
            f"SELECT count(*) FROM {self.runner.tables.history} WHERE installed_rank = ? AND script = ?",
            [self.rank, self.file.script],
        )
        self.notebook.run(write, Transaction(), verify=verify)

    def _writer(self, connection: CockroachDBConnection) -> LedgerWriter:
        return LedgerWriter(self.runner.tables, connection)

    def _attempts(self) -> Attempts:
        return Attempts(RetryPolicy.of(self.runner.connections.retry_settings(self.runner.connection)))


def execute(
    connection: CockroachDBConnection,
    narrator: Narrator,
    file: MigrationFile,
    statement: MigrationStatement,
    notices: list[str] | None = None,
) -> None:
    """Run a statement of a file; an error has the place in the file."""
    tell = notices.append if notices is not None else _ignore
    with narrator.statement(f"{file.script}:{statement.place.line}") as tally:
        try:
            tally.rows = execute_with_notices(connection, statement.bound.text, tell)
        except StatementError as error:
            locate(error, statement.bound, numbered=True)
            raise


def _ignore(notice: str) -> None:
    pass


def _milliseconds(since: float) -> int:
    return round((time.perf_counter() - since) * 1000)
