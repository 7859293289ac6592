"""Files compared with the history: the state of every migration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from cockroach_pipelines.execution.schema_changes import (
    AppliedMigration,
    Ledger,
    MigrationType,
    StatementRecord,
    StatementState,
)
from cockroach_pipelines.queries.migrations import MigrationFile, MigrationSet, MigrationVersion

K = TypeVar("K")


class State(StrEnum):
    """What is known of a migration."""

    APPLIED = "applied"
    PENDING = "pending"
    CHANGED = "changed"
    """A repeatable one whose file has changed: it is pending again."""
    BASELINE = "baseline"
    BELOW_BASELINE = "below the baseline"
    FUTURE = "future"
    """Applied, and newer than any file here."""
    OUT_OF_ORDER = "out of order"
    """Not applied, although a later version was."""
    TAMPERED = "tampered with"
    """Applied, and the file has changed since."""
    MISSING = "missing"
    """Applied, and the file is not there any more."""
    FAILED = "failed"


_PENDING = frozenset([State.PENDING, State.CHANGED])
_WRONG = frozenset([State.OUT_OF_ORDER, State.TAMPERED, State.MISSING, State.FAILED])


@dataclass(frozen=True)
class Entry:
    """A migration, its file or its row in the history or both; `note` says what the state alone does not."""

    state: State
    file: MigrationFile | None
    row: AppliedMigration | None
    note: str = ""

    @property
    def version(self) -> str:
        """As written, empty for a repeatable one."""
        if self.file:
            return str(self.file.version or "")
        return (self.row.version if self.row else "") or ""

    @property
    def description(self) -> str:
        """What the name of the file says."""
        return self.file.description if self.file else self.row.description if self.row else ""

    @property
    def script(self) -> str:
        """The file's path below its folder."""
        return self.file.script if self.file else self.row.script if self.row else ""

    @property
    def is_pending(self) -> bool:
        """Whether it would be applied next."""
        return self.state in _PENDING

    @property
    def is_wrong(self) -> bool:
        """Whether it keeps others from being applied."""
        return self.state in _WRONG

    def __str__(self) -> str:
        name = f"version {self.version}" if self.version else f"repeatable {self.description!r}"
        return f"{name} ({self.script}) is {self.state}{f': {self.note}' if self.note else ''}"


@dataclass(frozen=True)
class Survey:
    """The state of every migration: versioned ones in the order of their versions, then repeatable ones."""

    entries: tuple[Entry, ...]
    ledger: Ledger

    @property
    def pending(self) -> tuple[Entry, ...]:
        """Those that would be applied, in order."""
        return tuple(entry for entry in self.entries if entry.is_pending)

    @property
    def wrong(self) -> tuple[Entry, ...]:
        """Those that keep others from being applied."""
        return tuple(entry for entry in self.entries if entry.is_wrong)

    def count(self, *states: State) -> int:
        """Give how many are in one of some states."""
        return sum(entry.state in states for entry in self.entries)


def survey(files: MigrationSet, ledger: Ledger) -> Survey:
    """Compare files with the history."""
    history = _History.of(ledger)
    versioned = [*_of_versions(files, history), *_rows_without_file(files, history)]
    versioned.sort(key=lambda pair: pair[0])
    return Survey((*(entry for _, entry in versioned), *_of_repeatables(files, history)), ledger)


@dataclass(frozen=True)
class _History:
    """The last word of the history on each migration."""

    versions: Mapping[MigrationVersion, AppliedMigration]
    repeatables: Mapping[str, AppliedMigration]
    baseline: MigrationVersion | None
    latest: MigrationVersion | None
    statements: Mapping[str, Mapping[int, StatementRecord]]

    @classmethod
    def of(cls, ledger: Ledger) -> _History:
        versions: dict[MigrationVersion, AppliedMigration] = {}
        repeatables: dict[str, AppliedMigration] = {}
        baseline: MigrationVersion | None = None
        for row in ledger.applied:
            if row.type == MigrationType.SCHEMA:
                continue
            key: MigrationVersion | str = MigrationVersion.parse(row.version) if row.version else row.description
            gone = row.type == MigrationType.DELETE or row.type.startswith("UNDO")
            if isinstance(key, str):
                _put(repeatables, key, row, gone=gone)
                continue
            if row.type.endswith(MigrationType.BASELINE):
                baseline = key
            _put(versions, key, row, gone=gone)
        latest = max((version for version, row in versions.items() if row.success), default=None)
        return cls(versions, repeatables, baseline, latest, ledger.statements)

    def progress(self, file: MigrationFile) -> str:
        """Say how far an unfinished file came."""
        records = self.statements.get(file.script, {})
        for statement in file.statements if records else ():
            if statement.is_setting:
                continue
            record = records.get(statement.number)
            where = f"statement {statement.number} of {len(file.statements)} (line {statement.place.line})"
            match record and record.state:
                case None:
                    return f"goes on at {where}"
                case StatementState.FAILED:
                    return f"{where} failed: {record.error if record else ''}"
                case StatementState.IN_DOUBT:
                    return f"nobody knows whether {where} ran"
                case StatementState.RUNNING:
                    return f"{where} was begun, and nobody wrote down its end"
        return "every statement has run" if records else ""

    def changed_statement(self, file: MigrationFile) -> str:
        """Say which statement that has run already is another one now."""
        records = self.statements.get(file.script, {})
        now = {statement.number: statement.fingerprint for statement in file.statements}
        for number, record in sorted(records.items()):
            if record.state is StatementState.DONE and now.get(number) != record.fingerprint:
                return f"statement {number} has run already, and is another one now: write it as it was"
        return ""


def _put(into: dict[K, AppliedMigration], key: K, row: AppliedMigration, *, gone: bool) -> None:
    if gone:
        into.pop(key, None)
    else:
        into[key] = row


def _of_versions(files: MigrationSet, history: _History) -> Iterator[tuple[MigrationVersion, Entry]]:
    for file in files.versioned:
        version = file.version
        assert version is not None  # noqa: S101 - that is what makes it versioned
        row = history.versions.get(version)
        if row is not None:
            yield version, _applied(file, row, history)
        elif history.baseline and version <= history.baseline:
            yield version, Entry(State.BELOW_BASELINE, file, None)
        elif changed := history.changed_statement(file):
            yield version, Entry(State.TAMPERED, file, None, changed)
        elif history.latest and version < history.latest:
            note = f"version {history.latest} was applied before it; number it anew, or allow it with --out-of-order"
            yield version, Entry(State.OUT_OF_ORDER, file, None, note)
        else:
            yield version, Entry(State.PENDING, file, None, history.progress(file))


def _applied(file: MigrationFile, row: AppliedMigration, history: _History) -> Entry:
    if row.type.endswith(MigrationType.BASELINE):
        return Entry(State.BASELINE, file, row)
    if not row.success:
        return Entry(State.FAILED, file, row, history.progress(file))
    if difference := _difference(file, row):
        return Entry(State.TAMPERED, file, row, difference)
    return Entry(State.APPLIED, file, row)


def _difference(file: MigrationFile, row: AppliedMigration) -> str:
    if row.checksum is not None and row.checksum != file.checksum:
        return f"its checksum was {row.checksum} and is {file.checksum}"
    if row.sha256 and row.sha256 != file.sha256:
        return "its lines are broken elsewhere, which the checksum does not see"
    if row.description != file.description:
        return f"its description was {row.description!r}"
    return ""


def _rows_without_file(files: MigrationSet, history: _History) -> Iterator[tuple[MigrationVersion, Entry]]:
    known = {file.version for file in files.versioned}
    newest = files.versioned[-1].version if files.versioned else None
    for version, row in history.versions.items():
        if version in known:
            continue
        if row.type.endswith(MigrationType.BASELINE):
            yield version, Entry(State.BASELINE, None, row)
        elif not row.success:
            yield version, Entry(State.FAILED, None, row)
        elif history.baseline and version <= history.baseline:
            yield version, Entry(State.BELOW_BASELINE, None, row)
        elif newest is not None and version > newest:
            yield version, Entry(State.FUTURE, None, row)
        else:
            yield version, Entry(State.MISSING, None, row, f"applied on {row.installed_on:%Y-%m-%d}")


def _of_repeatables(files: MigrationSet, history: _History) -> Iterator[Entry]:
    known = set()
    for file in files.repeatable:
        known.add(file.description)
        row = history.repeatables.get(file.description)
        if row is None:
            yield Entry(State.PENDING, file, None, history.progress(file))
        elif not row.success:
            yield Entry(State.FAILED, file, row, history.progress(file))
        elif row.checksum != file.checksum:
            yield Entry(State.CHANGED, file, row, history.progress(file))
        else:
            yield Entry(State.APPLIED, file, row)
    for description, row in sorted(history.repeatables.items()):
        if description not in known:
            state = State.MISSING if row.success else State.FAILED
            yield Entry(state, None, row, f"applied on {row.installed_on:%Y-%m-%d}" if row.success else "")
