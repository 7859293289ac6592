"""Rows for one statement, from whatever holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from cockroach_pipelines.queries.parsing import SQLParser, Statement, StatementKind, bind_positions

Row: TypeAlias = Sequence[object] | Mapping[str, object]
Rows: TypeAlias = Any
"""An iterable of `Row`: values in the order of the `?`, or by the names of the `:name`. Or anything of Arrow's (a table, a
batch, a reader, what has `__arrow_c_stream__`), whose columns are either."""

_KINDS = frozenset(
    {StatementKind.INSERT, StatementKind.UPSERT, StatementKind.UPDATE, StatementKind.DELETE, StatementKind.MERGE}
)


@dataclass(frozen=True)
class BatchStatement:
    """A statement that writes a row: SQL with `?`, the names of its parameters where it has any, and what it is called."""

    sql: str
    names: tuple[str, ...]
    name: str

    @classmethod
    def of(cls, statement: str | Statement, name: str) -> BatchStatement:
        """Take SQL text, or the statement of a file.

        Raises:
            ValueError: It is none that a batch can be made of.
        """
        if isinstance(statement, Statement):
            bound, parsed, called = statement.bound, statement.parsed, name or statement.path.name
        else:
            bound, parsed, called = bind_positions(statement), SQLParser().parse(statement), name or "statement"
        if parsed.kind not in _KINDS or parsed.returns_rows or parsed.further:
            raise ValueError("a batch takes one INSERT, UPSERT, UPDATE, DELETE or MERGE without RETURNING")
        if bound.names or isinstance(statement, Statement):
            return cls(bound.text, bound.names, called)
        return cls(statement, (), called)

    def arranged(self, rows: Rows) -> Iterator[list[object]]:
        """Give the values of each row in the order of the statement's parameters.

        Raises:
            ValueError: A row has not the values that the statement, or the rows before it, have.
        """
        width: int | None = None
        for number, row in enumerate(self._plain(rows)):
            if isinstance(row, Mapping):
                missing = [name for name in self.names if name not in row]
                if missing or not self.names:
                    raise ValueError(
                        f"row {number:,} has no {', '.join(missing) or 'place: the statement has no :name'}"
                    )
                values = [row[name] for name in self.names]
            else:
                values = list(row)
            width = len(values) if width is None else width
            if len(values) != width:
                raise ValueError(f"row {number:,} has {len(values)} values, and those before it have {width}")
            yield values

    def _plain(self, rows: Rows) -> Iterator[Row]:
        batches = _arrow_batches(rows)
        if batches is None:
            yield from rows
            return
        for batch in batches:
            columns = [column.to_pylist() for column in batch.columns]
            for values in zip(*columns, strict=True):
                yield dict(zip(batch.schema.names, values, strict=True)) if self.names else values


def row_count(rows: Rows) -> int | None:
    """Give the number of rows, None where only reading them would tell."""
    if isinstance(rows, (pa.Table, pa.RecordBatch)):
        return int(rows.num_rows)
    return len(rows) if hasattr(rows, "__len__") else None


def shape(values: Sequence[object]) -> str:
    """Describe values without showing them: NULL, or the type, with the length of text and bytes."""
    return ", ".join(f"{number}: {_described(value)}" for number, value in enumerate(values, 1))


def _described(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case str():
            return f"text of {len(value):,} characters"
        case bytes() | bytearray():
            return f"{len(value):,} bytes"
        case _:
            return type(value).__name__


def _arrow_batches(rows: Rows) -> Any:
    match rows:
        case pa.Table():
            return list(rows.to_batches())
        case pa.RecordBatch():
            return [rows]
        case pa.RecordBatchReader():
            return rows
        case _ if hasattr(rows, "__arrow_c_stream__"):
            return pa.RecordBatchReader.from_stream(rows)
    return None
