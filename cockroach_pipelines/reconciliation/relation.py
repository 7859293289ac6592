"""One side of a reconciliation: a table or a query on a named connection."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cockroach_pipelines.reconciliation.errors import ReconciliationError

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_TABLE = re.compile(rf"{_NAME}(?:\.{_NAME}){{0,2}}")


@dataclass(frozen=True)
class Relation:
    """A table, or the rows of a SELECT.

    Attributes:
        connection: Name of the connection that has it.
        table: Its name as in SQL, `schema.table`; or
        sql: a SELECT, with `?` for each of
        parameters: their values in order.
        where: A condition on its rows, in its own columns; with `?` for each of
        where_parameters: their values in order.
    """

    connection: str
    table: str | None = None
    sql: str | None = None
    parameters: tuple[object, ...] = ()
    where: str | None = None
    where_parameters: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        if (self.table is None) == (self.sql is None):
            raise ReconciliationError(
                "One side of a reconciliation has both a table and a query, or neither.",
                advice="Give each side either `table` or a SELECT.",
            )
        if self.table is not None and not _TABLE.fullmatch(self.table):
            raise ReconciliationError(
                f"{self.table!r} is not the name of a table.",
                advice='Write table, schema.table or database.schema.table, with "quotes" around unusual names.',
            )

    def __str__(self) -> str:
        return f"{self.connection}:{self.table or 'a query'}"

    def __repr__(self) -> str:  # values may be secret
        return f"Relation({self.connection!r}, {self.table or self.sql!r}, where={self.where!r})"

    @property
    def origin(self) -> str:
        """What stands after FROM, named `r`."""
        return f"{self.table} AS r" if self.table else f"(\n{self.sql}\n) AS r"
