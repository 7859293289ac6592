"""The schema changes of one connection: what is remembered of them, and the right to make more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cockroach_pipelines.database import (
    Activity,
    CockroachDBConnection,
    ConnectionManager,
    ConstraintError,
    ServerVersion,
    Transaction,
)
from cockroach_pipelines.execution.command import Command
from cockroach_pipelines.execution.events import Observer, ignore
from cockroach_pipelines.execution.kept_lease import KeptLease
from cockroach_pipelines.execution.lease import LEASE_SECONDS, Lease, owner_name
from cockroach_pipelines.execution.schema_changes.errors import SchemaChangeError
from cockroach_pipelines.execution.schema_changes.ledger import Ledger, LedgerWriter, read_ledger
from cockroach_pipelines.execution.schema_changes.running import AppliedFile, FileRunner
from cockroach_pipelines.execution.schema_changes.tables import HistoryTables
from cockroach_pipelines.execution.transactional_executor import TransactionalExecutor
from cockroach_pipelines.queries.migrations import MigrationFile

_ATTEMPTS = 5


class SchemaChanges:
    """Reads what was applied to the database of a connection, and lends the right to apply more.

    Args:
        connections: Where connections are lent.
        connection: Name of the connection.
        tables: Where it is remembered.
        activity: On whose behalf.
        observe: Told of every statement.
        lease_seconds: How long a runner that died keeps others away.
    """

    def __init__(
        self,
        connections: ConnectionManager,
        connection: str,
        tables: HistoryTables,
        activity: Activity | None = None,
        observe: Observer = ignore,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.connection = connection
        self.tables = tables
        self._connections = connections
        self._activity = activity or Activity()
        self._observe = observe
        self._executor = TransactionalExecutor(connections, self._activity, observe)
        self._lease_seconds = lease_seconds

    def examine(self) -> tuple[ServerVersion, Ledger]:
        """Tell what the server is, and what was applied to it; nothing is made."""
        return self._executor.run(
            self.connection, lambda lent: (lent.version, read_ledger(lent, self.tables)), Transaction(read_only=True)
        )

    @contextmanager
    def locked(self) -> Iterator[LockedChanges]:
        """Make what is missing of the tables, and be the only one that writes them for the length of a block.

        Raises:
            LeaseHeldError: Somebody else is at it.
            SchemaChangeError: Flyway is.
        """
        self._create_tables()
        work = f"migration of {self.tables.schema}.{self.tables.table}"
        row = Lease(self.tables.lease, work, owner_name(str(self._activity)), self._lease_seconds)
        lease = KeptLease(row, self._connections, self.connection, self._executor)
        with lease.held(self._executor.cancel):
            server, ledger = self.examine()
            if ledger.flyway_holds_it:
                raise SchemaChangeError(
                    "Flyway itself holds its lock on the history.",
                    advice="Wait for its end; ten minutes after it died its lock counts no more.",
                )
            runner = FileRunner(self._connections, self.connection, self._executor, self.tables, server.dialect, lease)
            yield LockedChanges(ledger, runner)

    def cancel(self) -> None:
        """End what runs, from any thread."""
        self._executor.cancel()

    def _create_tables(self) -> None:
        def missing(connection: CockroachDBConnection) -> list[str]:
            return self.tables.creation(connection, self.tables.existing(connection))

        for attempt in range(_ATTEMPTS):
            statements = self._executor.run(self.connection, missing, Transaction(read_only=True))
            if not statements:
                return
            commands = [Command(statement, name="history") for statement in statements]
            try:  # each by itself, as CockroachDB wants it; each may run twice
                self._executor.run_statements_autocommit(self.connection, commands, idempotent=True)
                return
            except ConstraintError:  # another process makes them in the same moment: IF NOT EXISTS does not wait for it
                if attempt == _ATTEMPTS - 1:
                    raise


@dataclass(frozen=True)
class LockedChanges:
    """What only the holder of the lease may do; `ledger` is what had been applied when it was taken."""

    ledger: Ledger
    runner: FileRunner

    def apply(self, files: Sequence[MigrationFile], first_rank: int) -> Iterator[AppliedFile]:
        """Run migrations in turn, each from where it ended before, and write them into the history.

        Raises:
            DatabaseError: See `FileRunner.run`.
        """
        for rank, file in enumerate(files, first_rank):
            yield self.runner.run(file, rank, self.ledger.statements.get(file.script, {}))

    def write(self, work: Callable[[LedgerWriter], None]) -> None:
        """Write into the history, in one transaction."""
        self.runner.lease.require()
        self.runner.executor.run(
            self.runner.connection, lambda connection: work(LedgerWriter(self.runner.tables, connection))
        )
