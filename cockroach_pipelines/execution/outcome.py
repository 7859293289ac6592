"""What running a SQL file came to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from cockroach_pipelines.database import ServerVersion, Transaction
from cockroach_pipelines.execution.checks import CheckOutcome
from cockroach_pipelines.execution.results import StagedResult
from cockroach_pipelines.queries import PartitionWindow, Query
from cockroach_pipelines.queries.parsing import Statement


@dataclass(frozen=True)
class Order:
    """What is asked for: a file, for one partition or none, with parameters."""

    query: Query
    parameters: Mapping[str, object] = field(default_factory=dict)
    partition: PartitionWindow | None = None

    @property
    def values(self) -> dict[str, object]:
        """Every value the statement may bind: declared parameters with their defaults, and the partition's."""
        given = dict(self.parameters)
        if self.partition:
            given |= self.partition.values
        return self.query.parameter_values(given)

    @property
    def timezone(self) -> str:
        """The session's time zone: the file's, so that dates begin where its partitions do."""
        return self.query.header.effective_timezone

    @property
    def reading_transaction(self) -> Transaction:
        """What a session that reads for this file may do and see."""
        header = self.query.header
        return Transaction(read_only=True, timeout=header.timeout, timezone=self.timezone, as_of=header.as_of)


@dataclass(frozen=True)
class Outcome:
    """What running a file came to, be it for one partition or for none."""

    order: Order
    statement: Statement
    connection: str
    server: ServerVersion
    started: dt.datetime
    seconds: float
    rows: int
    """Rows read, or rows affected by a statement that writes (-1 where the server does not say)."""
    preview: pa.Table | None
    checks: tuple[CheckOutcome, ...]
    staged: StagedResult | None = None
    """The result's file; None for a statement that writes."""
    attempts: int = 1
    """The attempt that did it, from 1."""
    seen: str = ""
    """As of when rows were seen, where the file asks for a moment."""
    measured: Mapping[str, float] | None = None
    """What a monitor measured; None for what is none."""

    @property
    def failed_checks(self) -> tuple[CheckOutcome, ...]:
        """The checks that found something wrong."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def blocked(self) -> bool:
        """Whether a check that blocks failed, so that the result must not be published."""
        return any(check.blocking for check in self.failed_checks)
