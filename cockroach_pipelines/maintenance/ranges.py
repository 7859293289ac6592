"""Statements over a range of keys, for a DELETE or UPDATE that is narrowed to a batch.

A batch is the rows between two keys for which the author's condition is true. Its upper end is looked up first, so that rows
of equal keys are never parted, and the server alone compares keys, by the order of the key's own index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cockroach_pipelines.database import CockroachDBConnection, Dialect
from cockroach_pipelines.maintenance.catalogue import Column
from cockroach_pipelines.maintenance.composed import ComposedSQL
from cockroach_pipelines.maintenance.cursor import Key
from cockroach_pipelines.queries import NarrowedStatement

_COCKROACHDB_ESTIMATE = re.compile(r"estimated row count: ([\d,]+)")


@dataclass(frozen=True)
class RangeSQL:
    """The statements of one file.

    Attributes:
        statement: The author's.
        key: Columns of the key, in order.
        values: What the author's parameters are bound to.
    """

    statement: NarrowedStatement
    key: Sequence[Column]
    values: Mapping[str, object]

    def end_of_batch(self, after: Key | None, rows: int) -> ComposedSQL:
        """Look up the last key of so many rows; there is none where fewer are left."""
        sql = self._matching(f"SELECT {as_texts(column.name for column in self.key)}", after)
        return sql.add(f" ORDER BY {self.order} LIMIT 1 OFFSET ?", [rows - 1])

    def batch(self, after: Key | None, last: Key | None, *, returning: bool) -> ComposedSQL:
        """Delete or update the rows after one key, up to and with another; None leaves an end open."""
        sql = ComposedSQL().add_bound(self.statement.head, self.values)
        self._conditions(sql, after)
        if last is not None:
            sql.add(f" AND {self._row} <= {self._bound}", last)
        return sql.add(" RETURNING *" if returning else "")

    def without_key(self) -> ComposedSQL:
        """Look for a row of the author's condition that no range of keys holds."""
        missing = " OR ".join(f"{quoted(column.name)} IS NULL" for column in self.key if column.nullable)
        return self._matching("SELECT 1", None).add(f" AND ({missing}) LIMIT 1")

    def sample(self, rows: int) -> ComposedSQL:
        """Read the first rows of the first batch."""
        return self._matching("SELECT *", None).add(f" ORDER BY {self.order} LIMIT {rows}")

    def matching_rows(self) -> ComposedSQL:
        """Read every row of the author's condition, to be explained."""
        return self._matching("SELECT 1", None)

    @property
    def order(self) -> str:
        """The key as ORDER BY wants it."""
        return ", ".join(quoted(column.name) for column in self.key)

    @property
    def _row(self) -> str:
        return f"({self.order})" if len(self.key) > 1 else self.order

    @property
    def _bound(self) -> str:
        casts = ", ".join(f"CAST(? AS {column.type})" for column in self.key)
        return f"({casts})" if len(self.key) > 1 else casts

    def _matching(self, select: str, after: Key | None) -> ComposedSQL:
        sql = ComposedSQL().add(f"{select} FROM {self.statement.target} WHERE")
        return self._conditions(sql, after)

    def _conditions(self, sql: ComposedSQL, after: Key | None) -> ComposedSQL:
        sql.add(" (").add_bound(self.statement.condition, self.values).add("\n)")
        return sql if after is None else sql.add(f" AND {self._row} > {self._bound}", after)


def estimated_rows(connection: CockroachDBConnection, sql: ComposedSQL) -> int | None:
    """Ask the planner how many rows a query gives; None where it does not say."""
    if connection.version.dialect is Dialect.COCKROACHDB:
        lines = [str(row[0]) for row in sql.after("EXPLAIN ").query(connection)]
        found = next((match for line in lines if (match := _COCKROACHDB_ESTIMATE.search(line))), None)
        return int(found[1].replace(",", "")) if found else None
    ((plan,),) = sql.after("EXPLAIN (FORMAT JSON) ").query(connection)
    return int(json.loads(str(plan))[0]["Plan"]["Plan Rows"])


def plan_of(connection: CockroachDBConnection, sql: ComposedSQL) -> str:
    """Ask how the server would run a statement."""
    return "\n".join(str(row[0]) for row in sql.after("EXPLAIN ").query(connection))


def as_texts(names: Iterable[str]) -> str:
    """Select columns as the server writes them, under other names: ORDER BY would take the texts for the columns."""
    return ", ".join(f'CAST({quoted(name)} AS text) AS "text {number}"' for number, name in enumerate(names, 1))


def quoted(name: str) -> str:
    """Write a name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'
