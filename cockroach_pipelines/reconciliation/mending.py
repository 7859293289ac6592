"""SQL that would make one side like the other; it is written for a person to read and run, never run here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any

import pyarrow.parquet as pq

from cockroach_pipelines.reconciliation.columns import ColumnMap, Pair
from cockroach_pipelines.reconciliation.dataset import key_names
from cockroach_pipelines.reconciliation.equality import canonical_text
from cockroach_pipelines.reconciliation.errors import ReconciliationError
from cockroach_pipelines.reconciliation.matching import DuplicateKey, Row
from cockroach_pipelines.reconciliation.mending_statements import MendingStatements
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.result import Kind, Reconciliation

ROWS_EACH = 500
"""Rows that one transaction changes."""


class Direction(StrEnum):
    """Which side is changed."""

    TARGET = "target"
    """The target becomes like the source."""
    SOURCE = "source"
    """The source becomes like the target."""

    @property
    def other(self) -> Direction:
        """The side that is right."""
        return Direction.SOURCE if self is Direction.TARGET else Direction.TARGET


def mending_sql(
    result: Reconciliation, direction: Direction = Direction.TARGET, *, batch: int = ROWS_EACH
) -> Iterator[str]:
    """Give transactions that delete what is too much, update what differs and insert what lacks, so many rows each.

    Every statement has a guard: it changes a row only as long as that holds what was seen, and inserts none whose key
    is there. Rows of keys that stand more than once are left out, with a comment. Of groups that were compared, the rows
    that were looked into are mended.

    Raises:
        ReconciliationError: The side is no table, the rows have no key, values were normalized, or rows are missing
            from the dataset.
    """
    return _Mending(to_be_mended(result, direction), direction).transactions(batch)


def to_be_mended(result: Reconciliation, direction: Direction) -> Reconciliation:
    """Give the comparison whose rows can be mended: the result's, or that of the groups that were looked into.

    Raises:
        ReconciliationError: See `mending_sql`.
    """
    if result.spec.measures and result.drilled is None:
        raise ReconciliationError(
            f"The {direction} cannot be mended: groups were compared, not rows.",
            advice="Look into the groups that differ with `drill`.",
        )
    rows = result.drilled or result
    reasons = {
        "it is a query": side_of(rows, direction).table is None,
        "its rows have no key": not rows.key,
        "values were normalized before they were compared": bool(rows.spec.normalize),
        f"the dataset holds {rows.spec.limit} rows alone": rows.spec.limit is not None
        and rows.counts.total > rows.spec.limit,
        f"{rows.duplicate_keys:,} keys stand more than once": rows.duplicate_keys > len(rows.duplicates),
    }
    for reason, applies in reasons.items():
        if applies:
            raise ReconciliationError(
                f"The {direction} cannot be mended: {reason}.",
                advice="Compare two tables by a key, without `limit`, and mend from that result.",
            )
    return rows


def side_of(result: Reconciliation, direction: Direction) -> Relation:
    """Give the relation that is changed."""
    return result.target if direction is Direction.TARGET else result.source


def heading(result: Reconciliation, direction: Direction, guard: str) -> Iterator[str]:
    """Give the comments that mending SQL begins with, `guard` among them."""
    yield (
        f"-- Makes {side_of(result, direction).table} like the {direction.other}: {result.headline}\n"
        f"-- Read before you run it. {guard}\n"
    )
    for pair in result.pairs:
        column = pair.column(is_source=direction is Direction.SOURCE)
        if column.computed:
            yield f"-- {_in_a_line(column.name)} is left out: the server computes it from other columns.\n"
        elif column.numbered:
            yield f"-- {_in_a_line(column.name)} is an identity, which only rows that are inserted can be given.\n"
    if not result.complete:
        yield f"-- The comparison stopped early: {result.stopped}. There may be more differences.\n"


def left_out(key: Row | DuplicateKey, why: str) -> str:
    """Give the comment for rows of a key that are not mended."""
    said = str(key) if isinstance(key, DuplicateKey) else f"({', '.join(map(_shown, key))})"
    return f"-- left out, {why}: {_in_a_line(said)}\n"


def _in_a_line(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _shown(value: str | None) -> str:
    return "NULL" if value is None else value


def records_of(result: Reconciliation) -> Iterator[dict[str, Any]]:
    """Give the differences one by one."""
    with pq.ParquetFile(result.differences) as file:
        for chunk in file.iter_batches(8_192):
            yield from chunk.to_pylist()


def canonical_key(key: Row, pairs: Sequence[Pair]) -> Row:
    """Give the key that stands for all that mean the same."""
    return tuple(
        None if value is None else canonical_text(value, pair.family) for value, pair in zip(key, pairs, strict=True)
    )


def in_transaction(statements: Iterable[str], begin: str = "BEGIN;") -> str:
    """Put statements into a transaction."""
    return "\n".join([begin, *statements, "COMMIT;", ""])


class _Mending:
    """Mending from the dataset alone."""

    def __init__(self, result: Reconciliation, direction: Direction) -> None:
        self._result = result
        self._direction = direction
        width = len(result.key)
        self._key, values = result.pairs[:width], result.pairs[width:]
        self._write = MendingStatements(
            str(side_of(result, direction).table), self._key, values, direction is Direction.SOURCE
        )
        self._names = key_names(ColumnMap(self._key, values, ()))
        self._twice = {each.key for each in result.duplicates}

    def transactions(self, batch: int) -> Iterator[str]:
        guard = "Each statement changes a row only as long as it is what the comparison saw."
        yield from heading(self._result, self._direction, guard)
        for each in self._result.duplicates:
            yield left_out(each, "the key is not unique")
        gone, lacking = (
            (Kind.EXTRA, Kind.MISSING) if self._direction is Direction.TARGET else (Kind.MISSING, Kind.EXTRA)
        )
        yield from _in_transactions((self._write.delete(row) for row in self._rows(gone)), batch)
        yield from _in_transactions(self._updates(), batch)
        rows = self._rows(lacking)
        while some := list(islice(rows, batch)):
            yield in_transaction([self._write.insert(some)])

    def _rows(self, kind: Kind) -> Iterator[dict[str, str | None]]:
        """Give whole rows of the side that has them."""
        side = "source" if kind is Kind.MISSING else "target"
        for record in records_of(self._result):
            if record["kind"] == kind and not self._is_twice(record):
                yield json.loads(record[side])

    def _changed(self) -> Iterator[list[dict[str, Any]]]:
        """Give the cells of one changed row after another."""
        cells: list[dict[str, Any]] = []
        for record in records_of(self._result):
            if record["kind"] != Kind.CHANGED or self._is_twice(record):
                continue
            if cells and cells[0]["row"] != record["row"]:
                yield cells
                cells = []
            cells.append(record)
        if cells:
            yield cells

    def _updates(self) -> Iterator[str]:
        for cells in self._changed():
            new, seen = (
                {cell["column"]: cell[side] for cell in cells} for side in (self._direction.other, self._direction)
            )
            if self._write.can_update(new):
                key = dict(zip((pair.name for pair in self._key), self._key_of(cells[0]), strict=True))
                yield self._write.update(key, seen, new)

    def _is_twice(self, record: Mapping[str, Any]) -> bool:
        return bool(self._twice) and canonical_key(self._key_of(record), self._key) in self._twice

    def _key_of(self, record: Mapping[str, Any]) -> Row:
        return tuple(None if record[name] is None else str(record[name]) for name in self._names)


def _in_transactions(statements: Iterator[str], batch: int) -> Iterator[str]:
    while some := list(islice(statements, batch)):
        yield in_transaction(some)
