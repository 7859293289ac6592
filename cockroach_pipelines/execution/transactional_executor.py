"""Writing, in transactions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

import pyarrow as pa

from cockroach_pipelines.database import (
    AmbiguousCommitError,
    CockroachDBConnection,
    ConnectionLostError,
    ConnectionManager,
)
from cockroach_pipelines.database.arrow import Special, read
from cockroach_pipelines.execution.interruptible import run_interruptibly
from cockroach_pipelines.execution.session import Activity, Transaction, arranged, located
from cockroach_pipelines.queries import Statement, StatementKind

_logger = logging.getLogger(__name__)
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
        commit = _Commit()
        with self._connections.lend(connection) as lent:

            def run_and_commit() -> T:
                transaction.begin(lent)
                result = work(lent)
                commit.run(lent)
                return result

            try:
                return run_interruptibly(lent, run_and_commit)
            except BaseException:
                commit.tell()
                raise
            finally:
                _spend(lent)

    def run_autocommit(
        self,
        connection: str,
        work: Callable[[CockroachDBConnection], T],
        *,
        timeout: float | None = None,
        timezone: str = "UTC",
    ) -> T:
        """Run work outside any transaction: each of its statements is kept as soon as it has run.

        Raises:
            AmbiguousCommitError: The connection was lost while a statement ran; it may have been kept.
        """
        with self._connections.lend(connection) as lent:

            def run_alone() -> T:
                lent.set_application_name(str(self._activity))
                lent.commit()
                with lent.autocommit(timeout=timeout, timezone=timezone):
                    try:
                        return work(lent)
                    except ConnectionLostError as error:
                        raise _ambiguous(error) from error

            try:
                return run_interruptibly(lent, run_alone)
            finally:
                _spend(lent)


def run_statement(
    connection: CockroachDBConnection,
    statement: Statement,
    values: Mapping[str, object],
    *,
    special: Special = "error",
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
        read(connection.jdbc, statement.bound.text, parameters, special=special, copy=False) as stream,
    ):
        returned = stream.to_table()
    return returned.num_rows if statement.parsed.kind in _CHANGES_ROWS else -1, returned


def _spend(connection: CockroachDBConnection) -> None:
    # What was written may have changed the session (a role, a search path, a temporary table, a lock): nobody inherits it.
    connection.broken = True


class _Commit:
    """The commit of one transaction, and how far it came when something interrupted the wait for it."""

    def __init__(self) -> None:
        self._state = ""

    def run(self, connection: CockroachDBConnection) -> None:
        self._state = "was in flight: look into the table before running it again"
        try:
            connection.commit()
        except ConnectionLostError as error:
            raise _ambiguous(error) from error
        except BaseException:
            self._state = ""  # the server refused it
            raise
        self._state = "had succeeded: the changes are kept"

    def tell(self) -> None:
        if self._state:
            _logger.warning("this was interrupted when its COMMIT %s", self._state)


def _ambiguous(error: ConnectionLostError) -> AmbiguousCommitError:
    return AmbiguousCommitError(
        error.server,
        place=error.place,
        advice="The connection was lost while it was being committed: look into the table before running it again.",
    )
