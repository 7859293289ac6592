"""What can be asked of migrations: info, validate, apply, baseline, repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config import Settings
from cockroach_pipelines.database import ConnectionManager, ServerVersion
from cockroach_pipelines.execution import Activity, Observer, ignore
from cockroach_pipelines.execution.schema_changes import (
    AppliedFile,
    AppliedMigration,
    HistoryTables,
    Ledger,
    MigrationType,
    SchemaChanges,
    StatementState,
)
from cockroach_pipelines.execution.schema_changes.ledger import BASELINE_DESCRIPTION, LedgerWriter
from cockroach_pipelines.migrations.errors import MigrationStateError
from cockroach_pipelines.migrations.survey import Entry, State, Survey, survey
from cockroach_pipelines.queries import QueryFileError, combine
from cockroach_pipelines.queries.headers import Severity
from cockroach_pipelines.queries.migrations import (
    Finding,
    MigrationFile,
    MigrationFolder,
    MigrationSet,
    MigrationVersion,
    findings,
)


@dataclass(frozen=True)
class Validation:
    """What is wrong with files, and with how they fit the history."""

    server: ServerVersion
    survey: Survey
    files: tuple[QueryFileError, ...]
    """Files that cannot be used."""
    findings: tuple[Finding, ...]
    """In the files that are pending."""

    @property
    def errors(self) -> tuple[QueryFileError, ...]:
        """Everything in files that keeps them from being applied."""
        return (*self.files, *(each.problem for each in self.findings if each.severity is Severity.ERROR))

    @property
    def warnings(self) -> tuple[QueryFileError, ...]:
        """Advice."""
        return tuple(each.problem for each in self.findings if each.severity is Severity.WARN)

    @property
    def passed(self) -> bool:
        """Whether nothing keeps what is pending from being applied."""
        return not self.errors and not self.survey.wrong


@dataclass(frozen=True)
class Applied:
    """What was applied, or with a dry run would be; `plan` holds the pending migrations."""

    plan: tuple[Entry, ...]
    done: tuple[AppliedFile, ...]
    warnings: tuple[QueryFileError, ...]


@dataclass(frozen=True)
class Repair:
    """One thing that a repair does to the history, in words."""

    what: str
    write: Callable[[LedgerWriter], None]


class Migrator:
    """Migrations of a folder on the database of a connection.

    Args:
        folder: Files V<version>__<name>.sql and R__<name>.sql.
        changes: The history of the connection.
    """

    def __init__(self, folder: Path, changes: SchemaChanges) -> None:
        self.folder = folder
        self.changes = changes

    @classmethod
    def of(
        cls,
        settings: Settings,
        connections: ConnectionManager,
        connection: str,
        activity: Activity,
        observe: Observer = ignore,
    ) -> Migrator:
        """Give that of a connection, as the configuration says it."""
        config = settings.migrations_of(connection)
        schema, _, table = config.history.rpartition(".")
        changes = SchemaChanges(connections, connection, HistoryTables(schema or "public", table), activity, observe)
        return cls(settings.migrations_folder(connection), changes)

    def info(self) -> tuple[ServerVersion, Survey]:
        """Tell the state of every migration.

        Raises:
            QueryFileError: There is no folder.
        """
        server, ledger = self.changes.examine()
        return server, survey(self._files(server), ledger)

    def validate(self) -> Validation:
        """Find what is wrong, without changing anything."""
        server, ledger = self.changes.examine()
        return self._validation(server, ledger, out_of_order=False)

    def apply(
        self,
        *,
        dry_run: bool = False,
        out_of_order: bool = False,
        target: MigrationVersion | None = None,
        tell: Callable[[AppliedFile], None] = lambda _: None,
    ) -> Applied:
        """Apply what is pending, in order.

        Args:
            dry_run: Change nothing; tell what would be applied.
            out_of_order: Also what is older than the latest that was applied.
            target: Nothing newer than this, and no repeatable ones.
            tell: Told each as soon as it is applied.

        Raises:
            MigrationStateError: Files and history do not fit together.
            QueryFileError: A file that is pending cannot be used; nothing was applied.
            LeaseHeldError: Somebody else is at it.
            DatabaseError: The server refused a statement; what came before it is applied.
        """
        server, ledger = self.changes.examine()
        plan, warnings = self._plan(server, ledger, out_of_order, target)
        if dry_run or not plan:
            return Applied(plan, (), warnings)
        with self.changes.locked() as locked:
            # What was read before the lease was had may have changed since.
            plan, warnings = self._plan(server, locked.ledger, out_of_order, target)
            files = [entry.file for entry in plan if entry.file]
            done = []
            for applied in locked.apply(files, locked.ledger.next_rank):
                tell(applied)
                done.append(applied)
        return Applied(plan, tuple(done), warnings)

    def baseline(self, version: MigrationVersion, description: str = "", *, dry_run: bool = False) -> None:
        """Let the history begin with what the database is now: no version up to this one will be applied.

        Raises:
            MigrationStateError: The history has begun already.
        """
        _, ledger = self.changes.examine()
        self._refuse_begun(ledger, version)
        if dry_run or ledger.applied:
            return
        said = description or BASELINE_DESCRIPTION
        with self.changes.locked() as locked:
            self._refuse_begun(locked.ledger, version)
            if not locked.ledger.applied:
                locked.write(lambda writer: writer.add(1, version.text, said, MigrationType.BASELINE, said, None))

    def repair(self, *, in_doubt: str | None = None, dry_run: bool = False) -> tuple[str, ...]:
        """Put the history right, as Flyway does: failed rows go, checksums become those of the files, missing files count as
        deleted. Statements that ran stay noted, so that a file goes on where it failed.

        Args:
            in_doubt: `ran` or `again`, for statements of which nobody knows whether they ran.
            dry_run: Change nothing.

        Returns:
            What was done, or would be.

        Raises:
            MigrationStateError: A statement is in doubt, and nothing was said of it.
        """
        server, ledger = self.changes.examine()
        files = self._files(server)
        planned = list(_repairs(survey(files, ledger), in_doubt))
        if dry_run or not planned:
            return tuple(repair.what for repair in planned)
        with self.changes.locked() as locked:
            planned = list(_repairs(survey(files, locked.ledger), in_doubt))

            def write(writer: LedgerWriter) -> None:
                for repair in planned:
                    repair.write(writer)

            locked.write(write)
        return tuple(repair.what for repair in planned)

    def _files(self, server: ServerVersion) -> MigrationSet:
        return MigrationFolder(self.folder).for_dialect(server.dialect)

    def _validation(self, server: ServerVersion, ledger: Ledger, *, out_of_order: bool) -> Validation:
        files = self._files(server)
        found = survey(files, ledger)
        if out_of_order:
            found = Survey(tuple(map(_allowed, found.entries)), ledger)
        to_run = [
            each.file for each in found.entries if each.file and (each.is_pending or each.state is State.OUT_OF_ORDER)
        ]
        checked = [finding for file in to_run for finding in findings(file, server.dialect)]
        return Validation(server, found, files.problems, tuple(checked))

    def _plan(
        self, server: ServerVersion, ledger: Ledger, out_of_order: bool, target: MigrationVersion | None
    ) -> tuple[tuple[Entry, ...], tuple[QueryFileError, ...]]:
        if not ledger.exists and ledger.others:
            raise MigrationStateError(
                f"The schema {self.changes.tables.schema!r} holds {len(ledger.others)} tables and views, such as "
                f"{ledger.others[0]}, and no history says which migrations made them.",
                advice="Say where the files go on: `migrate baseline --version 0` applies all of them, --version 7 those after 7.",
            )
        validation = self._validation(server, ledger, out_of_order=out_of_order)
        if validation.survey.wrong:
            raise _state_error(validation.survey.wrong)
        if validation.errors:
            raise combine(validation.errors)
        plan = [entry for entry in validation.survey.pending if _within(entry, target)]
        return tuple(plan), validation.warnings

    def _refuse_begun(self, ledger: Ledger, version: MigrationVersion) -> None:
        first = ledger.applied[0] if ledger.applied else None
        if first is None or (
            len(ledger.applied) == 1
            and first.type == MigrationType.BASELINE
            and first.version is not None
            and MigrationVersion.parse(first.version) == version
        ):
            return
        raise MigrationStateError(
            f"The history has begun: its first row is {first.description!r} of {first.installed_on:%Y-%m-%d}.",
            advice="A baseline stands at the beginning alone; `migrate info` shows what was applied.",
        )


def _allowed(entry: Entry) -> Entry:
    return Entry(State.PENDING, entry.file, entry.row) if entry.state is State.OUT_OF_ORDER else entry


def _within(entry: Entry, target: MigrationVersion | None) -> bool:
    if target is None:
        return True
    return entry.file is not None and entry.file.version is not None and entry.file.version <= target


def _state_error(wrong: Sequence[Entry]) -> MigrationStateError:
    lines = [str(entry) for entry in wrong]
    advice = {
        State.FAILED: "Mend the cause, then run `migrate repair`.",
        State.TAMPERED: "Give the file its text back and write a new migration; `migrate repair` accepts it as it is.",
        State.MISSING: "Bring the file back; `migrate repair` takes it for deleted.",
        State.OUT_OF_ORDER: "",
    }
    told = dict.fromkeys(advice[entry.state] for entry in wrong)
    first = next((entry.file for entry in wrong if entry.file), None)
    return MigrationStateError(
        "; ".join(lines) + ".", place=first.place if first else None, advice=" ".join(filter(None, told))
    )


def _repairs(found: Survey, in_doubt: str | None) -> Iterator[Repair]:
    for entry in found.entries:
        if entry.state is State.FAILED and entry.row:
            yield Repair(f"the failed row of {entry.script} is removed", _removal(entry.row.rank))
        elif entry.state is State.TAMPERED and entry.row and entry.file:
            yield Repair(
                f"the history takes {entry.script} as it is now ({entry.note})",
                _realignment(entry.row.rank, entry.file),
            )
        elif entry.state is State.MISSING and entry.row:
            yield Repair(f"{entry.script} counts as deleted", _deletion(entry.row))
    for script, records in found.ledger.statements.items():
        for number, record in records.items():
            if record.state is StatementState.FAILED:
                yield Repair(f"statement {number} of {script} will run again", _settling(script, number, ran=False))
            elif record.state is not StatementState.DONE:
                if in_doubt is None:
                    raise MigrationStateError(
                        f"Nobody knows whether statement {number} of {script} ran.",
                        advice="Look at the database, then say it: --in-doubt ran, or --in-doubt again when it has not run.",
                    )
                ran = in_doubt == "ran"
                what = "counts as run" if ran else "will run again"
                yield Repair(f"statement {number} of {script} {what}", _settling(script, number, ran=ran))


def _removal(rank: int) -> Callable[[LedgerWriter], None]:
    return lambda writer: writer.remove(rank)


def _realignment(rank: int, file: MigrationFile) -> Callable[[LedgerWriter], None]:
    return lambda writer: writer.realign(rank, file)


def _settling(script: str, number: int, *, ran: bool) -> Callable[[LedgerWriter], None]:
    return lambda writer: writer.settle(script, number, ran=ran)


def _deletion(row: AppliedMigration) -> Callable[[LedgerWriter], None]:
    return lambda writer: writer.add(None, row.version, row.description, MigrationType.DELETE, row.script, row.checksum)
