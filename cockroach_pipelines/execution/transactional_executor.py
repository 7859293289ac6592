"""Writing, in transactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import pyarrow as pa

from cockroach_pipelines.database import (
    AmbiguousCommitError,
    CockroachDBConnection,
    ConnectionLostError,
    ConnectionManager,
)
from cockroach_pipelines.database.arrow import read
from cockroach_pipelines.execution.interruptible import run_interruptibly
from cockroach_pipelines.execution.session import Activity, Transaction, arranged, located
from cockroach_pipelines.queries import Statement, StatementKind

T = TypeVar("T")

_CHANGES_ROWS = frozenset(
    {StatementKind.INSERT, StatementKind.UPSERT, StatementKind.UPDATE, StatementKind.DELETE, StatementKind.MERGE}
)


class TransactionalExecutor:
    """Runs statements that write, each in a transaction of its own, or outside any for those that refuse one."""

    def __init__(self, connections: ConnectionManager, activity: Activity | None = None) -> None:
        self._connections = connections
        self._activity = activity or Activity()

    def run(
        self,
        connection: str,
        work: Callable[[CockroachDBConnection], T],
        *,
        timeout: float | None = None,
        timezone: str = "UTC",
    ) -> T:
        """Run work in one transaction: committed when it returns, rolled back when it raises.

        Args:
            connection: Name of the connection.
            work: What to do; it is given the connection.
            timeout: Seconds that one statement may take on the server; the connection's own limit when None.
            timezone: What the session takes for its time zone when it turns timestamps into dates and back.

        Raises:
            AmbiguousCommitError: The connection was lost while COMMIT was in flight; it may have been kept.
        """
        transaction = Transaction(self._activity, read_only=False, timeout=timeout, timezone=timezone)
        with self._connections.lend(connection) as lent:

            def run_and_commit() -> T:
                transaction.begin(lent)
                result = work(lent)
                _commit(lent)
                return result

            return run_interruptibly(lent, run_and_commit)

    def run_autocommit(
        self, connection: str, work: Callable[[CockroachDBConnection], T], *, timeout: float | None = None
    ) -> T:
        """Run work outside any transaction: each of its statements is kept as soon as it has run."""
        with self._connections.lend(connection) as lent:

            def run_alone() -> T:
                lent.set_application_name(str(self._activity))
                lent.commit()
                with lent.autocommit(timeout=timeout):
                    return work(lent)

            return run_interruptibly(lent, run_alone)


def run_statement(
    connection: CockroachDBConnection, statement: Statement, values: Mapping[str, object]
) -> tuple[int, pa.Table | None]:
    """Run a statement that writes; give the rows affected (-1 where the server does not say) and the rows it returned.

    Raises:
        StatementError: The server refused the statement; its place is the line of the SQL file.
    """
    parameters = arranged(statement.bound, values)
    if not statement.parsed.returns_rows:
        with located(statement):
            affected = connection.execute(statement.bound.text, parameters)
        return affected if statement.parsed.kind in _CHANGES_ROWS else -1, None
    with (
        located(statement, numbered=False),
        read(connection.jdbc, statement.bound.text, parameters, copy=False) as stream,
    ):
        returned = stream.read_all()
    return returned.num_rows, returned


def _commit(connection: CockroachDBConnection) -> None:
    try:
        connection.commit()
    except ConnectionLostError as error:
        raise AmbiguousCommitError(
            error.server,
            advice="The connection was lost while COMMIT was in flight: look into the table before running it again.",
        ) from error
