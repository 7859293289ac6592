"""What a transaction may do and see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cockroach_pipelines.database.activity import Activity
from cockroach_pipelines.database.as_of import AsOf
from cockroach_pipelines.database.connection import CockroachDBConnection
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.database.errors import DatabaseError


class TransactionOptionError(DatabaseError):
    """A transaction is asked for something that the server does not have, or that excludes something else."""


class Isolation(StrEnum):
    """What a transaction sees of others."""

    READ_COMMITTED = "read committed"
    REPEATABLE_READ = "repeatable read"
    SERIALIZABLE = "serializable"


class Priority(StrEnum):
    """Which of two transactions that meet goes on, in CockroachDB."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class QualityOfService(StrEnum):
    """How a transaction stands in CockroachDB's queues when the cluster has more to do than it can."""

    BACKGROUND = "background"
    REGULAR = "regular"
    CRITICAL = "critical"


# What makes every statement of a transaction see the same rows, whatever the server's default is.
_SNAPSHOT = {Dialect.COCKROACHDB: Isolation.SERIALIZABLE, Dialect.POSTGRESQL: Isolation.REPEATABLE_READ}


@dataclass(frozen=True)
class Transaction:
    """What a transaction may do and see.

    Args:
        read_only: The database itself refuses a write; everything is seen as of one moment unless `isolation` says
            otherwise.
        timeout: Seconds that one statement may take on the server; the connection's own limit when None.
        timezone: What the session takes for its time zone when it turns timestamps into dates and back.
        isolation: The server's default when None.
        deferrable: Wait for a moment at which a serializable read cannot fail; PostgreSQL's alone.
        priority: A hint to CockroachDB, which PostgreSQL does without.
        quality_of_service: The same.
        as_of: Read as of a moment in the past. PostgreSQL keeps no history: there it is one snapshot of now.
    """

    read_only: bool = False
    timeout: float | None = None
    timezone: str = "UTC"
    isolation: Isolation | None = None
    deferrable: bool = False
    priority: Priority | None = None
    quality_of_service: QualityOfService | None = None
    as_of: AsOf | None = None

    def __post_init__(self) -> None:
        if self.as_of and not self.read_only:
            raise TransactionOptionError(
                "A transaction that writes cannot read as of the past.",
                advice="Leave `as_of` out, or make it read-only.",
            )
        if self.deferrable and not (self.read_only and self.isolation is Isolation.SERIALIZABLE):
            raise TransactionOptionError(
                "Only a read-only, serializable transaction can be deferrable.",
                advice="Add read_only=True and isolation=Isolation.SERIALIZABLE, or leave `deferrable` out.",
            )

    def begin(self, connection: CockroachDBConnection, activity: Activity) -> None:
        """Begin it on a connection that has none, in the name of an activity.

        Raises:
            TransactionOptionError: The server has no such transaction.
        """
        dialect = connection.version.dialect
        modes = self.modes(dialect)
        if self.quality_of_service and dialect is Dialect.COCKROACHDB:
            connection.broken = True  # nobody inherits it
            connection.execute(f"SET default_transaction_quality_of_service = {self.quality_of_service}")
        connection.commit()
        connection.begin(modes, name=str(activity), timezone=self.timezone, timeout=self.timeout)

    def modes(self, dialect: Dialect) -> list[str]:
        """Give the modes of SET TRANSACTION.

        Raises:
            TransactionOptionError: The dialect has none for what is asked.
        """
        cockroachdb = dialect is Dialect.COCKROACHDB
        if self.deferrable and cockroachdb:
            raise TransactionOptionError(
                "CockroachDB has no deferrable transactions.",
                advice="Read `as_of` a moment in the past there: it waits for nobody and fails for nobody.",
            )
        isolation = self.isolation or (_SNAPSHOT[dialect] if self.read_only else None)
        return [
            *([f"ISOLATION LEVEL {isolation.upper()}"] if isolation else []),
            f"READ {'ONLY' if self.read_only else 'WRITE'}",
            *(["DEFERRABLE"] if self.deferrable else []),
            *([f"PRIORITY {self.priority.upper()}"] if self.priority and cockroachdb else []),
            *([f"AS OF SYSTEM TIME {self.as_of.sql}"] if self.as_of and cockroachdb else []),
        ]

    def seen(self, dialect: Dialect) -> str:
        """Say as of when rows are seen, where it was asked for; empty where it was not."""
        if self.as_of is None:
            return ""
        if dialect is Dialect.COCKROACHDB:
            return str(self.as_of)
        return f"now, in one snapshot: PostgreSQL keeps no history to read as of {self.as_of}"
