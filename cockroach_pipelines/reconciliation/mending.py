"""SQL that would make one side like the other; it is written for a person to read and run, never run here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any

import pyarrow.parquet as pq

from cockroach_pipelines.reconciliation.columns import ColumnMap, Pair, quoted
from cockroach_pipelines.reconciliation.dataset import key_names
from cockroach_pipelines.reconciliation.errors import ReconciliationError
from cockroach_pipelines.reconciliation.families import plain_type
from cockroach_pipelines.reconciliation.matching import Row
from cockroach_pipelines.reconciliation.result import Kind, Reconciliation
from cockroach_pipelines.reconciliation.statements import value_literal

_BATCH = 500
_WITHOUT_EQUALITY = ("json", "xml", "_json", "_xml", "point", "polygon", "_point", "_polygon")


class Direction(StrEnum):
    """Which side is changed."""

    TARGET = "target"
    """The target becomes like the source."""
    SOURCE = "source"
    """The source becomes like the target."""


def mending_sql(
    result: Reconciliation, direction: Direction = Direction.TARGET, *, batch: int = _BATCH
) -> Iterator[str]:
    """Give transactions that delete what is too much, update what differs and insert what lacks, so many rows each.

    Every statement has a guard: it changes a row only as long as that holds what was seen, and inserts none whose key
    is there. Rows of keys that stand more than once are left out, with a comment.

    Raises:
        ReconciliationError: The side is no table, the rows have no key, values were normalized, or rows are missing
            from the dataset.
    """
    return _Mending(result, direction).transactions(batch)


class _Mending:
    def __init__(self, result: Reconciliation, direction: Direction) -> None:
        relation = result.target if direction is Direction.TARGET else result.source
        self._refuse(result, relation.table, direction)
        self._table = relation.table
        self._result = result
        self._direction = direction
        width = len(result.key)
        self._keys = result.pairs[:width]
        self._values = {pair.name: pair for pair in result.pairs}
        self._names = key_names(ColumnMap(self._keys, result.pairs[width:], ()))
        self._twice = {each.key for each in result.duplicates}

    @staticmethod
    def _refuse(result: Reconciliation, table: str | None, direction: Direction) -> None:
        reasons = {
            "it is a query": table is None,
            "its rows have no key": not result.key,
            "values were normalized before they were compared": bool(result.spec.normalize),
            "groups were compared, not rows": bool(result.drilled),
            f"the dataset holds {result.spec.limit} rows alone": result.spec.limit is not None
            and result.counts.total > result.spec.limit,
            f"{result.duplicate_keys:,} keys stand more than once": result.duplicate_keys > len(result.duplicates),
        }
        for reason, applies in reasons.items():
            if applies:
                raise ReconciliationError(
                    f"The {direction} cannot be mended: {reason}.",
                    advice="Compare two tables by a key, without `limit`, and mend from that result.",
                )

    def transactions(self, batch: int) -> Iterator[str]:
        yield (
            f"-- Makes {self._table} like the {'source' if self._direction is Direction.TARGET else 'target'}: "
            f"{self._result.headline}\n-- Read before you run it. Each statement changes a row only as long as it is "
            "what the comparison saw.\n"
        )
        if not self._result.complete:
            yield f"-- The comparison stopped early: {self._result.stopped}. There may be more differences.\n"
        for each in self._result.duplicates:
            yield f"-- left out, the key is not unique: {json.dumps(str(each), ensure_ascii=False)[1:-1]}\n"
        gone, lacking = (
            (Kind.EXTRA, Kind.MISSING) if self._direction is Direction.TARGET else (Kind.MISSING, Kind.EXTRA)
        )
        yield from _in_transactions((self._delete(row) for row in self._rows(gone)), batch)
        yield from _in_transactions((self._update(cells) for cells in self._changed()), batch)
        rows = self._rows(lacking)
        while some := list(islice(rows, batch)):
            yield from _in_transactions(iter([self._insert(some)]), 1)

    def _rows(self, kind: Kind) -> Iterator[dict[str, str | None]]:
        """Give whole rows of the side that has them."""
        side = "source" if kind is Kind.MISSING else "target"
        for record in self._records():
            if record["kind"] == kind and self._key(record) not in self._twice:
                yield json.loads(record[side])

    def _changed(self) -> Iterator[list[dict[str, Any]]]:
        """Give the cells of one changed row after another."""
        cells: list[dict[str, Any]] = []
        for record in self._records():
            if record["kind"] != Kind.CHANGED or self._key(record) in self._twice:
                continue
            if cells and cells[0]["row"] != record["row"]:
                yield cells
                cells = []
            cells.append(record)
        if cells:
            yield cells

    def _records(self) -> Iterator[dict[str, Any]]:
        with pq.ParquetFile(self._result.differences) as file:
            for chunk in file.iter_batches(8_192):
                yield from chunk.to_pylist()

    def _key(self, record: Mapping[str, Any]) -> Row:
        return tuple(None if record[name] is None else str(record[name]) for name in self._names)

    def _delete(self, row: Mapping[str, str | None]) -> str:
        return f"DELETE FROM {self._table} WHERE {self._is(row)};"

    def _update(self, cells: Sequence[Mapping[str, Any]]) -> str:
        new, old = ("source", "target") if self._direction is Direction.TARGET else ("target", "source")
        assigned = ", ".join(
            f"{self._name(pair)} = {value_literal(cell[new], pair)}"
            for cell in cells
            if (pair := self._values[cell["column"]])
        )
        key = dict(zip((pair.name for pair in self._keys), self._key(cells[0]), strict=True))
        seen = {cell["column"]: cell[old] for cell in cells}
        return f"UPDATE {self._table} SET {assigned} WHERE {self._is(key)} AND {self._is(seen)};"

    def _insert(self, rows: Sequence[Mapping[str, str | None]]) -> str:
        pairs = [self._values[name] for name in rows[0]]
        lines = ",\n    ".join(f"({', '.join(value_literal(row[pair.name], pair) for pair in pairs)})" for row in rows)
        names = ", ".join(map(self._name, pairs))
        return f"INSERT INTO {self._table} ({names}) VALUES\n    {lines}\nON CONFLICT DO NOTHING;"

    def _is(self, values: Mapping[str, str | None]) -> str:
        return " AND ".join(self._equals(self._values[name], value) for name, value in values.items())

    def _equals(self, pair: Pair, value: str | None) -> str:
        name = self._name(pair)
        if value is None:
            return f"{name} IS NULL"
        own = pair.column(is_source=self._direction is Direction.SOURCE)
        if plain_type(own.pg_type) in _WITHOUT_EQUALITY:
            name = f"{name}::text"
        return f"{name} = {value_literal(value, pair)}"

    def _name(self, pair: Pair) -> str:
        return quoted(pair.column(is_source=self._direction is Direction.SOURCE).name)


def _in_transactions(statements: Iterator[str], batch: int) -> Iterator[str]:
    while some := list(islice(statements, batch)):
        yield "\n".join(["BEGIN;", *some, "COMMIT;", ""])
