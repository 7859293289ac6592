"""A reconciliation that compares two relations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.queries.headers.reconciliation import ReconciliationHeader
from cockroach_pipelines.queries.parsing.parameters import BoundSQL
from cockroach_pipelines.queries.parsing.parser import ParsedSQL
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.parsing.table_names import TableName

SIDES = ("source", "target")
"""The two relations: what is right by definition, and what is compared with it."""


@dataclass(frozen=True)
class Fragment:
    """A piece of SQL in the header: a condition, or a query."""

    bound: BoundSQL
    parsed: ParsedSQL


@dataclass(frozen=True)
class ComparedSide:
    """A table with a condition or none, or a statement, on a connection."""

    connection: str
    table: str | None = None
    where: Fragment | None = None
    statement: Statement | None = None
    tables_read: frozenset[TableName] = frozenset()

    @property
    def bounds(self) -> Iterator[BoundSQL]:
        """Everything of it that may bind parameters."""
        if self.statement:
            yield self.statement.bound
        if self.where:
            yield self.where.bound

    def __str__(self) -> str:
        return f"{self.connection}:{self.table}" if self.table else f"a query on {self.connection}"


@dataclass(frozen=True)
class Comparison:
    """What a file compares: `where` is a condition on both sides, `throttle` a query on the source's connection."""

    path: Path
    header: ReconciliationHeader
    source: ComparedSide
    target: ComparedSide
    where: Fragment | None = None
    throttle: Fragment | None = None

    @property
    def sides(self) -> tuple[ComparedSide, ComparedSide]:
        """Source and target."""
        return self.source, self.target

    @property
    def bounds(self) -> Iterator[BoundSQL]:
        """Everything that may bind parameters."""
        for side in self.sides:
            yield from side.bounds
        if self.where:
            yield self.where.bound

    @property
    def tables_read(self) -> frozenset[TableName]:
        """Every table that either side reads."""
        return self.source.tables_read | self.target.tables_read
