"""Mending by whole rows: what differs is read again, and each row is put in the place of the one that it replaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

from cockroach_pipelines.database import Activity, ConnectionManager
from cockroach_pipelines.reconciliation.arrays import from_integers
from cockroach_pipelines.reconciliation.catalogue import describe
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.dataset import key_names
from cockroach_pipelines.reconciliation.errors import ReconciliationError
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.matching import Matched, Row, match, value_column
from cockroach_pipelines.reconciliation.mending import (
    ROWS_EACH,
    Direction,
    canonical_key,
    heading,
    in_transaction,
    left_out,
    records_of,
    side_of,
    to_be_mended,
)
from cockroach_pipelines.reconciliation.mending_statements import MendingStatements, Replacement
from cockroach_pipelines.reconciliation.result import Kind, Reconciliation
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.spec import HashKind
from cockroach_pipelines.reconciliation.statements import Statements
from cockroach_pipelines.reconciliation.suspects import rows_of

_MOST_COLUMNS = 1664
"""Of one relation on PostgreSQL; a row stands beside what it replaces."""
# The guard looks before the statement writes: what comes between makes the transaction fail, to be run again.
_BEGIN = "BEGIN ISOLATION LEVEL SERIALIZABLE;"


def upserting_sql(
    result: Reconciliation,
    direction: Direction = Direction.TARGET,
    *,
    connections: ConnectionManager,
    activity: Activity | None = None,
    batch: int = ROWS_EACH,
) -> Iterator[str]:
    """Give transactions that delete what is too much and upsert whole rows, so many each, as `mending_sql` does by cells.

    The rows that differ are read again on both sides, without a lock and as they are now: what is equal by then is left
    out, and what is seen then is what each row is guarded by. Nothing is changed here.

    Raises:
        ReconciliationError: See `mending_sql`; or the key is not unique on the side that is changed.
        StatementError: A server refused to read the rows again.
    """
    return _Upserting(to_be_mended(result, direction), direction, connections, activity).transactions(batch)


class _Upserting:
    """Mending from rows that are read again."""

    def __init__(
        self, result: Reconciliation, direction: Direction, connections: ConnectionManager, activity: Activity | None
    ) -> None:
        self._result = result
        self._direction = direction
        self._connections = connections
        self._activity = activity
        # As of now, of the keys that are known.
        self._spec = replace(result.spec, as_of=None, sample=None, care=replace(result.spec.care, workers=1))
        width = len(result.key)
        self._columns = ColumnMap(result.pairs[:width], result.pairs[width:], ())
        is_source = direction is Direction.SOURCE
        self._write = MendingStatements(
            str(side_of(result, direction).table), self._columns.key, self._columns.values, is_source
        )
        with self._open() as sides:
            shape = sides.both(describe)[0 if is_source else 1]
            self._dialect = sides.pair[0 if is_source else 1].dialect
        names = frozenset(pair.column(is_source=is_source).name for pair in self._columns.key)
        if names not in shape.unique_keys:
            raise ReconciliationError(
                f"The {direction} cannot be mended by upserts: its key {', '.join(sorted(names))} is no primary key there, "
                "and not unique and NOT NULL.",
                advice="Mend by single statements, or compare by a key that is.",
            )
        if 2 * len(self._columns.all) + 1 - width > _MOST_COLUMNS:
            raise ReconciliationError(
                f"The {direction} cannot be mended by upserts: {len(self._columns.all):,} columns are too many for one statement.",
                advice="Mend by single statements, or compare fewer `columns`.",
            )
        self._by_primary_key = frozenset(shape.primary_key) == names

    def _open(self) -> Sides:
        return Sides(self._connections, self._result.source, self._result.target, self._spec, self._activity)

    def transactions(self, batch: int) -> Iterator[str]:
        guard = (
            "Rows are put whole, as they were when this was written, and only where what they replace is what it was then.\n"
            "-- A transaction that fails with 40001 met another one: run it again."
        )
        yield from heading(self._result, self._direction, guard)
        gone = Kind.EXTRA if self._direction is Direction.TARGET else Kind.MISSING
        with self._open() as sides:
            first, second = (
                Statements(
                    side.relation, self._columns, self._spec, SideSQL(side.dialect, is_source), HashKind.MD5
                )  # by key: no hash is taken
                for side, is_source in ((sides.source, True), (sides.target, False))
            )
            for is_gone in (True, False):  # what is deleted first may free a unique value
                keys = self._keys(gone, is_gone=is_gone)
                while some := list(islice(keys, batch)):
                    ours, theirs = rows_of(some, sides, (first, second), self._columns)
                    yield from self._mended(match(ours, theirs, self._columns))

    def _keys(self, gone: Kind, *, is_gone: bool) -> Iterator[Row]:
        """Give the keys of the rows that differ: those to be deleted, or the others."""
        names = key_names(self._columns)
        for _, cells in groupby(records_of(self._result), lambda record: record["row"]):
            record = next(cells)
            if (record["kind"] == gone) is is_gone:
                key = tuple(None if record[name] is None else str(record[name]) for name in names)
                yield canonical_key(key, self._columns.key)

    def _mended(self, matched: Matched) -> Iterator[str]:
        if self._direction is Direction.TARGET:
            right, own = matched.source, matched.target
            changed, seen, lacking, gone = (
                matched.changed_source, matched.changed_target, matched.missing, matched.extra,
            )  # fmt: skip
        else:
            right, own = matched.target, matched.source
            changed, seen, lacking, gone = (
                matched.changed_target, matched.changed_source, matched.extra, matched.missing,
            )  # fmt: skip
        twice = {each.key for each in matched.duplicates}
        for duplicate in matched.duplicates:
            yield left_out(duplicate, "the key is not unique")
        replacements = [
            Replacement(new, old)
            for new, old in (
                *zip(self._rows(right, changed), self._rows(own, seen), strict=True),
                *((row, None) for row in self._rows(right, lacking)),
            )
        ]
        chosen = []
        for each in replacements:
            key = each.new[: len(self._columns.key)]
            if None in key:
                yield left_out(key, "a key with NULL")
            elif canonical_key(key, self._columns.key) not in twice:
                chosen.append(each)
        names = [pair.name for pair in self._columns.all]
        statements = [self._write.delete(dict(zip(names, row, strict=True))) for row in self._rows(own, gone)]
        if chosen:
            statements.append(self._write.upsert(chosen, self._dialect, by_primary_key=self._by_primary_key))
        if statements:
            yield in_transaction(statements, _BEGIN)

    def _rows(self, table: Any, rows: Sequence[int]) -> list[Row]:
        chosen = table.take(from_integers(rows))
        columns = [chosen[value_column(place)].to_pylist() for place in range(len(self._columns.all))]
        return list(zip(*columns, strict=True))
