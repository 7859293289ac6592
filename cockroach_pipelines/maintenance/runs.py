"""What is written down of runs, of which version may run, and of what must not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from cockroach_pipelines.database import CockroachDBConnection
from cockroach_pipelines.maintenance.own_tables import OwnTables

_OF_NAME = "(job = ? OR job LIKE ?)"

EVERYTHING = "*"
"""The name under which all jobs are paused."""


@dataclass(frozen=True)
class RunRecord:
    """A run as it is written down; `reason` is empty while it runs, or when its process was killed."""

    job: str
    run: str
    code_version: str
    dry_run: bool
    owner: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    reason: str
    message: str
    rows: int
    batches: int


@dataclass(frozen=True)
class BatchRecord:
    """A batch as it is written down."""

    job: str
    run: str
    batch: int
    committed_at: dt.datetime
    seconds: float
    rows: int
    size: int
    archive: str | None


@dataclass(frozen=True)
class Pausing:
    """Why something is not to run: a name, or `*` for all."""

    name: str
    at: dt.datetime
    by: str
    reason: str

    def __str__(self) -> str:
        what = "all jobs are paused" if self.name == EVERYTHING else "the job is paused"
        return f"{what} by {self.by} since {self.at:%Y-%m-%d %H:%M}Z{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class RunBook:
    """The tables that people look at, on one connection at a time."""

    tables: OwnTables

    def begin(
        self, connection: CockroachDBConnection, job: str, run: str, version: str, owner: str, *, dry: bool
    ) -> None:
        """Write down that a run begins."""
        connection.execute(
            f"INSERT INTO {self.tables.runs} (job, run, code_version, dry_run, owner, started_at, row_count, batch_count) "
            "VALUES (?, ?, ?, ?, ?, now(), 0, 0) ON CONFLICT (job, run) DO UPDATE SET ended_at = NULL, end_reason = NULL, "
            "message = NULL, owner = excluded.owner, code_version = excluded.code_version, dry_run = excluded.dry_run",
            [job, run, version, dry, owner],
        )

    def end(self, connection: CockroachDBConnection, job: str, run: str, reason: str, message: str) -> None:
        """Write down that a run has ended, with what its batches came to."""
        connection.execute(
            f"UPDATE {self.tables.runs} SET ended_at = now(), end_reason = ?, message = ?, row_count = "
            f"(SELECT CAST(coalesce(sum(b.row_count), 0) AS int8) FROM {self.tables.batches} AS b WHERE b.job = ? AND b.run = ?), "
            f"batch_count = (SELECT count(*) FROM {self.tables.batches} AS b WHERE b.job = ? AND b.run = ?) "
            "WHERE job = ? AND run = ?",
            [reason, message, job, run, job, run, job, run],
        )

    def batches_of(self, connection: CockroachDBConnection, job: str, run: str) -> int:
        """Give the number of the last batch of a run that was committed; 0 before the first."""
        ((last,),) = connection.query(
            f"SELECT coalesce(max(batch), 0) FROM {self.tables.batches} WHERE job = ? AND run = ?", [job, run]
        )
        return int(last)

    def is_committed(self, connection: CockroachDBConnection, job: str, run: str, batch: int) -> bool:
        """Whether a batch was committed."""
        return bool(
            connection.query(
                f"SELECT 1 FROM {self.tables.batches} WHERE job = ? AND run = ? AND batch = ?", [job, run, batch]
            )
        )

    def runs(self, connection: CockroachDBConnection, name: str, limit: int) -> list[RunRecord]:
        """Give the last runs of a file, all its partitions included, the newest first."""
        rows = connection.query(
            "SELECT job, run, code_version, dry_run, owner, started_at, ended_at, coalesce(end_reason, ''), "
            f"coalesce(message, ''), row_count, batch_count FROM {self.tables.runs} WHERE {_OF_NAME} "
            "ORDER BY started_at DESC LIMIT ?",
            [*_jobs(name), limit],
        )
        return [RunRecord(*row) for row in rows]

    def batches(self, connection: CockroachDBConnection, name: str, limit: int) -> list[BatchRecord]:
        """Give the last batches of a file, all its partitions included, the newest first."""
        rows = connection.query(
            "SELECT job, run, batch, committed_at, seconds, row_count, batch_size, archive "
            f"FROM {self.tables.batches} WHERE {_OF_NAME} ORDER BY committed_at DESC, batch DESC LIMIT ?",
            [*_jobs(name), limit],
        )
        return [BatchRecord(*row) for row in rows]

    def was_dry_run(self, connection: CockroachDBConnection, name: str, version: str) -> bool:
        """Whether a dry run of a version of a file came to its end."""
        return bool(
            connection.query(
                f"SELECT 1 FROM {self.tables.runs} WHERE {_OF_NAME} AND code_version = ? AND dry_run "
                "AND end_reason = 'done' LIMIT 1",
                [*_jobs(name), version],
            )
        )

    def arm(self, connection: CockroachDBConnection, name: str, version: str, by: str) -> None:
        """Let a version of a file change data from now on."""
        connection.execute(
            f"INSERT INTO {self.tables.arming} (name, code_version, armed_at, armed_by) VALUES (?, ?, now(), ?) "
            "ON CONFLICT (name) DO UPDATE SET code_version = excluded.code_version, armed_at = excluded.armed_at, "
            "armed_by = excluded.armed_by",
            [name, version, by],
        )

    def is_armed(self, connection: CockroachDBConnection, name: str, version: str) -> bool:
        """Whether a version of a file may change data."""
        return bool(
            connection.query(f"SELECT 1 FROM {self.tables.arming} WHERE name = ? AND code_version = ?", [name, version])
        )

    def pause(self, connection: CockroachDBConnection, name: str, by: str, reason: str) -> None:
        """Let no batch of a file, or of any with `*`, run from now on."""
        connection.execute(
            f"INSERT INTO {self.tables.pauses} (name, paused_at, paused_by, reason) VALUES (?, now(), ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET reason = excluded.reason, paused_by = excluded.paused_by",
            [name, by, reason],
        )

    def resume(self, connection: CockroachDBConnection, name: str) -> bool:
        """Let batches run again; whether they were paused."""
        return bool(connection.execute(f"DELETE FROM {self.tables.pauses} WHERE name = ?", [name]))

    def pausing(self, connection: CockroachDBConnection, name: str) -> Pausing | None:
        """Give why a file is not to run; None when it may."""
        rows = connection.query(
            f"SELECT name, paused_at, paused_by, reason FROM {self.tables.pauses} WHERE name IN (?, ?) ORDER BY name",
            [EVERYTHING, name],
        )
        return Pausing(*rows[0]) if rows else None


def _jobs(name: str) -> Sequence[object]:
    return name, name.replace("\\", "\\\\").replace("_", r"\_").replace("%", r"\%") + "@%"
