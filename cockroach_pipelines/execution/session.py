"""How a session begins its work, and how what it is told ties back to the SQL file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cockroach_pipelines.database import CockroachDBConnection, Dialect, StatementError
from cockroach_pipelines.queries import BoundSQL, Statement

# What makes every statement of a transaction see the same rows, whatever the server's default is.
_SNAPSHOT_ISOLATION = {Dialect.COCKROACHDB: "serializable", Dialect.POSTGRESQL: "repeatable read"}


_NAME_BYTES = 63


@dataclass(frozen=True)
class Activity:
    """On whose behalf statements run: the database's own session list shows `project/asset/run`."""

    project: str = "cockroach_pipelines"
    asset: str = ""
    run: str = ""

    def __str__(self) -> str:
        # PostgreSQL keeps 63 bytes of a session's name: a long asset is cut, and the run's first eight characters stay.
        run = self.run[:8]
        room = _NAME_BYTES - len(self.project) - len(run) - 2
        return "/".join(part for part in (self.project, self.asset[:room], run) if part)


@dataclass(frozen=True)
class Transaction:
    """What a transaction may do, in whose name, for how long a statement, and in which time zone."""

    activity: Activity
    read_only: bool
    timeout: float | None = None
    timezone: str = "UTC"

    def begin(self, connection: CockroachDBConnection) -> None:
        """Begin it on a connection that has none; one that only reads sees everything as of one moment."""
        isolation = _SNAPSHOT_ISOLATION[connection.version.dialect] if self.read_only else None
        connection.set_application_name(str(self.activity))
        connection.commit()
        connection.begin(read_only=self.read_only, isolation=isolation)
        connection.set_time_zone(self.timezone)
        connection.set_statement_timeout(self.timeout)


def arranged(bound: BoundSQL, values: Mapping[str, object]) -> list[object]:
    """Give the values of a statement's parameters in order; what it does not bind is left out."""
    return bound.arrange({name: values[name] for name in bound.names if name in values})


@contextmanager
def located(statement: Statement, *, numbered: bool = True) -> Iterator[None]:
    """Give errors of the server their place in the SQL file.

    Args:
        statement: What runs.
        numbered: Whether positions count parameters as the driver's `$1`; streams of Arrow count them as `?`.
    """
    try:
        yield
    except StatementError as error:
        if error.place is None:
            error.place = statement.place(error.server.position, numbered=numbered)
        raise
