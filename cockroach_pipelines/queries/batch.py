"""Maintenance that works batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.comparison import Fragment
from cockroach_pipelines.queries.headers.maintenance import BatchRules
from cockroach_pipelines.queries.parsing.parameters import BoundSQL
from cockroach_pipelines.queries.parsing.statement import Statement


@dataclass(frozen=True)
class NarrowedStatement:
    """A DELETE or UPDATE of all rows that a condition is true for, to be narrowed to a range of keys.

    Attributes:
        statement: All of it.
        deletes: Whether it is a DELETE.
        target: The table and its alias, as the author wrote them.
        head: What stands before its condition, WHERE included.
        condition: What stands after WHERE.
    """

    statement: Statement
    deletes: bool
    target: str
    head: BoundSQL
    condition: BoundSQL


@dataclass(frozen=True)
class PagedStatement:
    """A DELETE or UPDATE that binds `:after_<column>` and `:batch_size` itself, and returns the keys of its rows.

    Attributes:
        statement: All of it.
        deletes: Whether it is a DELETE.
    """

    statement: Statement
    deletes: bool


@dataclass(frozen=True)
class Batch:
    """How a file's rows are deleted or updated batch by batch.

    Attributes:
        rules: What the header says.
        statements: By dialect, as `Query.statements`.
        throttle: The query that holds batches back.
        places: Where the keys of `batch` stand, by their names.
    """

    rules: BatchRules
    statements: Mapping[Dialect | None, NarrowedStatement | PagedStatement]
    throttle: Fragment | None
    places: Mapping[str, Place]
    path: Path

    def statement_for(self, dialect: Dialect) -> NarrowedStatement | PagedStatement:
        """Give the statement that runs on a dialect; `Query.statement_for` has refused one that has none."""
        return self.statements.get(dialect) or self.statements[None]

    def place(self, key: str) -> Place:
        """Give the place of a key of `batch`."""
        return self.places.get(key) or self.places["batch"]
