"""How far a job's pass through its table is, kept in the transaction of each batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from cockroach_pipelines.database import CockroachDBConnection
from cockroach_pipelines.execution import Command, Order
from cockroach_pipelines.maintenance.own_tables import OwnTables

Key = tuple[str, ...]
"""A key as the server writes its columns."""


def question(order: Order) -> str:
    """Hash what a job does with which values: a cursor is good for nothing else."""
    asked = [order.query.code_version, order.partition.key if order.partition else "", sorted(order.values.items())]
    return hashlib.sha256(json.dumps(asked, default=repr).encode()).hexdigest()


@dataclass(frozen=True)
class Cursor:
    """A pass through a table: its last key (None before the first batch), what it came to so far, and whether it ended.

    `estimated` is how many rows it was to touch when it began, None where nobody knew.
    """

    question: str
    last_key: Key | None = None
    rows: int = 0
    batches: int = 0
    size: int = 0
    resumes: int = 0
    estimated: int | None = None
    finished: bool = False


@dataclass(frozen=True)
class CommittedBatch:
    """A batch as it is written down: its number within the run, its range of keys, and the file of its rows."""

    number: int
    after: Key | None
    last: Key | None
    rows: int
    size: int
    seconds: float
    archive: str | None
    finishes: bool


@dataclass(frozen=True)
class CursorRow:
    """The row of a job's cursor, moved by whoever has put its token there last.

    Args:
        tables: Where it is.
        job: Whose.
        run: The run that audit rows name.
        token: Of the runner's lease.
    """

    tables: OwnTables
    job: str
    run: str
    token: str

    def fence(self, connection: CockroachDBConnection) -> None:
        """Keep every earlier runner from committing a batch from now on: it waits for one that is about to."""
        connection.execute(
            f"INSERT INTO {self.tables.cursors} AS moved (job, token, question, row_count, batch_count, batch_size, resumes, "
            "finished, started_at, updated_at) VALUES (?, ?, '', 0, 0, 0, 0, true, now(), now()) "
            "ON CONFLICT (job) DO UPDATE SET token = excluded.token, updated_at = excluded.updated_at",
            [self.job, self.token],
        )

    def read(self, connection: CockroachDBConnection) -> Cursor | None:
        """Give the cursor; None when there never was one."""
        return read_cursor(self.tables, self.job, connection)

    def write(self, connection: CockroachDBConnection, cursor: Cursor) -> bool:
        """Begin a pass, or go on with one; whether the row still is this runner's."""
        return bool(
            connection.execute(
                f"UPDATE {self.tables.cursors} SET question = ?, last_key = ?, row_count = ?, batch_count = ?, "
                "batch_size = ?, resumes = ?, estimated = ?, finished = ?, updated_at = now(), "
                "started_at = CASE WHEN CAST(? AS int8) = 0 THEN now() ELSE started_at END WHERE job = ? AND token = ?",
                [
                    *(cursor.question, _json(cursor.last_key), cursor.rows, cursor.batches),
                    *(cursor.size, cursor.resumes, cursor.estimated, cursor.finished),
                    *(cursor.batches, self.job, self.token),
                ],
            )
        )

    def move(self, connection: CockroachDBConnection, batch: CommittedBatch) -> bool:
        """Move it over a batch and write the batch down, in the batch's transaction; whether it still is this runner's."""
        return bool(
            connection.execute(
                f"WITH moved AS (UPDATE {self.tables.cursors} SET last_key = CAST(? AS text), "
                "row_count = row_count + CAST(? AS int8), batch_count = batch_count + 1, batch_size = CAST(? AS int8), "
                "finished = CAST(? AS bool), updated_at = now() WHERE job = ? AND token = ? RETURNING job) "
                f"INSERT INTO {self.tables.batches} (job, run, batch, committed_at, seconds, row_count, batch_size, "
                "after_key, last_key, archive) SELECT job, CAST(? AS text), CAST(? AS int8), now(), CAST(? AS float8), "
                "CAST(? AS int8), CAST(? AS int8), CAST(? AS text), CAST(? AS text), CAST(? AS text) FROM moved",
                [
                    *(_json(batch.last), batch.rows, batch.size, batch.finishes, self.job, self.token),
                    *(self.run, batch.number, batch.seconds, batch.rows, batch.size),
                    *(_json(batch.after), _json(batch.last), batch.archive),
                ],
            )
        )

    def was_committed(self, number: int) -> Command:
        """Give the query that says whether a batch was committed when nobody heard of its COMMIT."""
        return Command(
            f"SELECT count(*) FROM {self.tables.batches} WHERE job = :job AND run = :run AND batch = :batch",
            {"job": self.job, "run": self.run, "batch": number},
        )


def read_cursor(tables: OwnTables, job: str, connection: CockroachDBConnection) -> Cursor | None:
    """Give the cursor of a job; None when there never was one."""
    rows = connection.query(
        "SELECT question, last_key, row_count, batch_count, batch_size, resumes, estimated, finished "
        f"FROM {tables.cursors} WHERE job = ?",
        [job],
    )
    if not rows:
        return None
    asked, last_key, done, batches, size, resumes, estimated, finished = rows[0]
    return Cursor(asked, _key(last_key), done, batches, size, resumes, estimated, finished)


def _json(key: Sequence[str] | None) -> str | None:
    return None if key is None else json.dumps(list(key), ensure_ascii=False)


def _key(text: str | None) -> Key | None:
    return None if text is None else tuple(json.loads(text))
