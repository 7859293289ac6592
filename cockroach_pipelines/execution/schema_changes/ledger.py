"""What the tables of a history say, and how they are written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from cockroach_pipelines.database import CockroachDBConnection
from cockroach_pipelines.execution.schema_changes.tables import HistoryTables
from cockroach_pipelines.queries.migrations import MigrationFile, MigrationStatement

FLYWAY_LOCK_RANK = -100
_FLYWAY_LOCK_SECONDS = 600
BASELINE_DESCRIPTION = "<< Flyway Baseline >>"


class MigrationType(StrEnum):
    """What a row of the history is; Flyway has more, such as JDBC, which are left alone."""

    SQL = "SQL"
    BASELINE = "BASELINE"
    SCHEMA = "SCHEMA"
    DELETE = "DELETE"


class StatementState(StrEnum):
    """How far a statement of an unfinished file came."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True)
class AppliedMigration:
    """A row of the history; `execution_time` is in milliseconds, `sha256` empty where Flyway wrote the row."""

    rank: int
    version: str | None
    description: str
    type: str
    script: str
    checksum: int | None
    installed_by: str
    installed_on: dt.datetime
    execution_time: int
    success: bool
    sha256: str = ""


@dataclass(frozen=True)
class StatementRecord:
    """How far a statement came; `jobs` are those of CockroachDB that it waited for."""

    number: int
    fingerprint: str
    state: StatementState
    started_on: dt.datetime
    jobs: tuple[int, ...]
    error: str


@dataclass(frozen=True)
class Ledger:
    """Everything that is remembered.

    Attributes:
        applied: The history in the order of its ranks.
        statements: Of unfinished files, by script and number.
        exists: Whether there is a history at all.
        others: What else the schema holds where there is none.
        flyway_holds_it: Whether Flyway itself is at it now.
    """

    applied: tuple[AppliedMigration, ...] = ()
    statements: Mapping[str, Mapping[int, StatementRecord]] = field(default_factory=dict)
    exists: bool = True
    others: tuple[str, ...] = ()
    flyway_holds_it: bool = False

    @property
    def next_rank(self) -> int:
        """The rank of the next row."""
        return max((row.rank for row in self.applied), default=0) + 1


def read_ledger(connection: CockroachDBConnection, tables: HistoryTables) -> Ledger:
    """Read everything that is remembered; nothing is made."""
    existing = tables.existing(connection)
    if tables.table not in existing:
        return Ledger(exists=False, others=tuple(sorted(existing - set(tables.names))))
    hashes: dict[int, str] = {}
    if f"{tables.table}_files" in existing:
        hashes = {int(rank): str(sha256) for rank, sha256 in _rows(connection, tables.files, "installed_rank, sha256")}
    statements: dict[str, dict[int, StatementRecord]] = {}
    if f"{tables.table}_statements" in existing:
        for script, number, fingerprint, state, started, jobs, error in _rows(
            connection, tables.statements, "script, statement, fingerprint, state, started_on, jobs, error"
        ):
            record = StatementRecord(
                int(number), fingerprint, StatementState(state), started, tuple(map(int, jobs.split())), error
            )
            statements.setdefault(script, {})[record.number] = record
    applied = connection.query(
        "SELECT installed_rank, version, description, type, script, checksum, installed_by, installed_on, execution_time, "
        f"success FROM {tables.history} WHERE installed_rank >= 0 ORDER BY installed_rank"
    )
    lock = connection.query(
        f"SELECT 1 FROM {tables.history} WHERE installed_rank = ? "
        "AND installed_on > now()::timestamp - ?::float8 * INTERVAL '1 second'",
        [FLYWAY_LOCK_RANK, _FLYWAY_LOCK_SECONDS],
    )
    return Ledger(
        tuple(replace(AppliedMigration(*row), sha256=hashes.get(row[0], "")) for row in applied),
        statements,
        flyway_holds_it=bool(lock),
    )


def _rows(connection: CockroachDBConnection, table: str, columns: str) -> list[tuple[Any, ...]]:
    return connection.query(f"SELECT {columns} FROM {table}")


@dataclass(frozen=True)
class LedgerWriter:
    """Writes the tables of a history over one connection, within whatever transaction is open on it."""

    tables: HistoryTables
    connection: CockroachDBConnection

    def add(
        self,
        rank: int | None,
        version: str | None,
        description: str,
        kind: str,
        script: str,
        checksum: int | None,
        *,
        milliseconds: int = 0,
        success: bool = True,
    ) -> None:
        """Add a row to the history, at its end where no rank is given."""
        if rank is None:
            ((last,),) = self.connection.query(f"SELECT max(installed_rank) FROM {self.tables.history}")
            rank = int(last or 0) + 1
        self.connection.execute(
            f"INSERT INTO {self.tables.history} (installed_rank, version, description, type, script, checksum, installed_by, "
            "execution_time, success) VALUES (?, ?, ?, ?, ?, ?, session_user, ?, ?)",
            [rank, version, description, kind, script, checksum, milliseconds, success],
        )

    def add_file(self, file: MigrationFile, rank: int, *, milliseconds: int, success: bool) -> None:
        """Add a file to the history; of one that succeeded the progress is not needed any more."""
        version = file.version.text if file.version else None
        self.add(
            rank,
            version,
            file.description,
            MigrationType.SQL,
            file.script,
            file.checksum,
            milliseconds=milliseconds,
            success=success,
        )
        self.connection.execute(f"DELETE FROM {self.tables.files} WHERE installed_rank = ?", [rank])
        self.connection.execute(
            f"INSERT INTO {self.tables.files} (installed_rank, sha256, statements) VALUES (?, ?, ?)",
            [rank, file.sha256, len(file.statements)],
        )
        if success:
            self.forget_statements(file.script)

    def note(
        self,
        script: str,
        statement: MigrationStatement,
        state: StatementState,
        *,
        jobs: Sequence[int] = (),
        error: str = "",
    ) -> None:
        """Note how far a statement came."""
        ended = "NULL" if state is StatementState.RUNNING else "now()"
        begun = "started_on = excluded.started_on, " if state is StatementState.RUNNING else ""
        self.connection.execute(
            f"INSERT INTO {self.tables.statements} (script, statement, fingerprint, state, finished_on, jobs, error) "
            f"VALUES (?, ?, ?, ?, {ended}, ?, ?) ON CONFLICT (script, statement) DO UPDATE SET {begun}"
            "fingerprint = excluded.fingerprint, state = excluded.state, finished_on = excluded.finished_on, "
            "jobs = excluded.jobs, error = excluded.error",
            [script, statement.number, statement.fingerprint, state, " ".join(map(str, jobs)), error],
        )

    def settle(self, script: str, number: int, *, ran: bool) -> None:
        """Decide of a statement whether it ran; one that did not will run again."""
        if ran:
            self.connection.execute(
                f"UPDATE {self.tables.statements} SET state = ?, finished_on = now(), error = '' WHERE script = ? AND statement = ?",
                [StatementState.DONE, script, number],
            )
        else:
            self.connection.execute(
                f"DELETE FROM {self.tables.statements} WHERE script = ? AND statement = ?", [script, number]
            )

    def forget_statements(self, script: str) -> None:
        """Forget how far a file came."""
        self.connection.execute(f"DELETE FROM {self.tables.statements} WHERE script = ?", [script])

    def remove(self, rank: int) -> None:
        """Remove a row of the history, as Flyway's repair does with failed ones."""
        self.connection.execute(f"DELETE FROM {self.tables.history} WHERE installed_rank = ?", [rank])
        self.connection.execute(f"DELETE FROM {self.tables.files} WHERE installed_rank = ?", [rank])

    def realign(self, rank: int, file: MigrationFile) -> None:
        """Let a row of the history say what the file now is, as Flyway's repair does."""
        self.connection.execute(
            f"UPDATE {self.tables.history} SET checksum = ?, description = ?, script = ?, type = ? WHERE installed_rank = ?",
            [file.checksum, file.description, file.script, MigrationType.SQL, rank],
        )
        self.connection.execute(f"DELETE FROM {self.tables.files} WHERE installed_rank = ?", [rank])
        self.connection.execute(
            f"INSERT INTO {self.tables.files} (installed_rank, sha256, statements) VALUES (?, ?, ?)",
            [rank, file.sha256, len(file.statements)],
        )
