"""What people ask of batch jobs, and tell them, from outside: state, pausing, arming, audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cockroach_pipelines.database import CockroachDBConnection, ConnectionManager
from cockroach_pipelines.execution import Activity, Transaction, WriteSession, ignore
from cockroach_pipelines.execution.lease import Holder, Lease, owner_name
from cockroach_pipelines.maintenance.cursor import Cursor, read_cursor
from cockroach_pipelines.maintenance.errors import MaintenanceError
from cockroach_pipelines.maintenance.own_tables import ensure_tables
from cockroach_pipelines.maintenance.runs import EVERYTHING, BatchRecord, Pausing, RunBook, RunRecord
from cockroach_pipelines.queries import Query

T = TypeVar("T")


@dataclass(frozen=True)
class JobState:
    """How things stand with a job.

    Attributes:
        armed: Whether the file, as it is now, may change data.
        pausing: Why it may not run.
        holder: Who runs it; its lease may have run out.
        expired: Whether it has: the process that held it was silent for too long.
        cursor: How far its pass is, where one was begun and not ended.
        last: Its last run.
    """

    name: str
    armed: bool
    pausing: Pausing | None
    holder: Holder | None
    expired: bool
    cursor: Cursor | None
    last: RunRecord | None

    @property
    def headline(self) -> str:
        """What it does at the moment, in a word or two."""
        if self.holder and not self.expired:
            return "running"
        if self.pausing:
            return "paused"
        if not self.armed:
            return "not armed"
        return "unfinished" if self.cursor and not self.cursor.finished else "idle"


class Overseer:
    """Looks at the batch jobs of one connection and directs them; those of partitions by the job's name, `file@key`.

    Args:
        connections: Where the connection is lent.
        connection: Its name.
        by: Who asks, for the audit.
    """

    def __init__(self, connections: ConnectionManager, connection: str, by: str = "") -> None:
        self._connections = connections
        self._connection = connection
        self._by = by or owner_name("cli").partition(",")[0]

    def state(self, query: Query, job: str | None = None) -> JobState:
        """Tell how things stand with a file's job."""
        name = job or query.name

        def find(connection: CockroachDBConnection, book: RunBook) -> JobState:
            holder = Lease(book.tables.holders, name, self._by).holder(connection)
            ((now,),) = connection.query("SELECT now()")
            runs = book.runs(connection, name, 1)
            return JobState(
                name,
                book.is_armed(connection, query.name, query.code_version),
                book.pausing(connection, query.name),
                holder,
                holder is not None and holder.until <= now,
                read_cursor(book.tables, name, connection),
                runs[0] if runs else None,
            )

        return self._ask(find)

    def pause(self, query: Query | None, reason: str) -> None:
        """Let no batch of a file run any more, or of any file where None; one that runs ends after its batch."""
        name = query.name if query else EVERYTHING
        self._ask(lambda connection, book: book.pause(connection, name, self._by, reason))

    def resume(self, query: Query | None) -> bool:
        """Let batches run again; whether they were paused under that name."""
        return self._ask(lambda connection, book: book.resume(connection, query.name if query else EVERYTHING))

    def arm(self, query: Query) -> None:
        """Let a file, as it is now, change data.

        Raises:
            MaintenanceError: Nobody has looked at what it would do: there was no dry run of it.
        """

        def arm(connection: CockroachDBConnection, book: RunBook) -> None:
            if not book.was_dry_run(connection, query.name, query.code_version):
                raise MaintenanceError(
                    f"{query.name} has had no dry run as it is now.",
                    advice=f"Look at what it would do first: cockroach-pipelines run {query.name} --dry-run",
                )
            book.arm(connection, query.name, query.code_version, self._by)

        self._ask(arm)

    def runs(self, query: Query, limit: int) -> list[RunRecord]:
        """Give the last runs of a file, the newest first."""
        return self._ask(lambda connection, book: book.runs(connection, query.name, limit))

    def batches(self, query: Query, limit: int) -> list[BatchRecord]:
        """Give the last batches of a file, the newest first."""
        return self._ask(lambda connection, book: book.batches(connection, query.name, limit))

    def _ask(self, work: Callable[[CockroachDBConnection, RunBook], T]) -> T:
        activity = Activity(asset="maintenance", run="cli")
        with WriteSession(self._connections, self._connection, activity, ignore) as session:
            book = RunBook(ensure_tables(self._connections, self._connection, session))
            return session.run(lambda connection, _: work(connection, book), Transaction(), idempotent=True)
