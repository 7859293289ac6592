"""Rows of both sides set against each other by key, as multisets where a key stands more than once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.reconciliation.arrays import ZERO, booleans, from_integers, from_texts, integers, one_chunk
from cockroach_pipelines.reconciliation.columns import ColumnMap, Pair
from cockroach_pipelines.reconciliation.equality import canonical, unequal
from cockroach_pipelines.reconciliation.families import Family

Row = tuple[str | None, ...]

_NULL, _BETWEEN = from_texts(["\x1e", "\x1f"])


def value_column(position: int) -> str:
    """Give the name under which rows carry the column at a position of `ColumnMap.all`."""
    return f"c{position}"


@dataclass(frozen=True)
class DuplicateKey:
    """A key that stands more than once on a side and whose rows differ."""

    key: Row
    source_copies: int
    target_copies: int

    def __str__(self) -> str:
        shown = ", ".join("NULL" if value is None else value for value in self.key)
        return f"({shown}): {self.source_copies} against {self.target_copies} copies"


@dataclass
class Matched:
    """What setting some rows of both sides against each other gave; rows are indices into the tables.

    Attributes:
        source: Rows of the source, all as text.
        target: Rows of the target.
        missing: Rows of the source that the target lacks.
        extra: Rows of the target that the source lacks.
        changed_source: Rows of the source that have other values in the target, with
        changed_target: their counterparts.
        cells: For each compared column, which of the changed rows differ in it.
        duplicates: Keys that stand more than once and differ.
    """

    source: Any
    target: Any
    missing: Any
    extra: Any
    changed_source: Any
    changed_target: Any
    cells: list[Any] = field(default_factory=list)
    duplicates: list[DuplicateKey] = field(default_factory=list)

    @property
    def differing_rows(self) -> int:
        """How many rows differ."""
        return len(self.missing) + len(self.extra) + len(self.changed_source)


def match(source: Any, target: Any, columns: ColumnMap) -> Matched:
    """Set all rows of two tables against each other.

    The tables hold the same part of the key space, all values as text. Keys that stand once on both sides are aligned at
    once. The others (duplicates, and what shares a number with another key) go row by row.
    """
    if source.equals(target):
        none = np.empty(0, np.int64)
        nothing = [np.empty(0, bool) for _ in columns.values]
        return Matched(source, target, none, none, none, none, nothing)
    source, target = source.combine_chunks(), target.combine_chunks()
    alignment = _align(*_key_bits(source, target, columns))
    left, right = alignment.left, alignment.right
    keys = columns.key
    odd_key = np.zeros(len(left), bool)
    for position, pair in enumerate(keys):
        odd_key |= _differ(source, target, left, right, position, pair)
    cells = []
    plain = ~odd_key
    for position, pair in enumerate(columns.values, len(keys)):
        cells.append(_differ(source, target, left, right, position, pair) & plain)
    changed = np.logical_or.reduce(cells) if cells else np.zeros(len(left), bool)
    result = Matched(
        source,
        target,
        missing=alignment.only_left,
        extra=alignment.only_right,
        changed_source=left[changed],
        changed_target=right[changed],
        cells=[cell[changed] for cell in cells],
    )
    slow_left = np.concatenate([alignment.several_left, left[odd_key]])
    slow_right = np.concatenate([alignment.several_right, right[odd_key]])
    if len(slow_left) or len(slow_right):
        _match_slowly(result, slow_left, slow_right, columns)
    return result


def _key_bits(source: Any, target: Any, columns: ColumnMap) -> tuple[Any, Any]:
    """Give a number for the key of each row of both tables, equal for equal keys; others may share one."""
    keys = [_keys(table, columns) for table in (source, target)]
    if len(columns.key) == 1 and columns.key[0].family is Family.INTEGER:
        ours, theirs = (integers(pc.fill_null(each.cast(pa.int64()), ZERO)) for each in keys)
        return ours, theirs
    numbers = integers(pa.concat_arrays(keys).dictionary_encode().indices.cast(pa.int64()))
    return numbers[: len(source)], numbers[len(source) :]


def _keys(table: Any, columns: ColumnMap) -> Any:
    parts = [canonical(one_chunk(table[value_column(position)]), pair) for position, pair in enumerate(columns.key)]
    if len(parts) == 1 and columns.key[0].family is Family.INTEGER:
        return parts[0]
    filled = [pc.fill_null(part, _NULL) for part in parts]
    return pc.binary_join_element_wise(*filled, _BETWEEN)


@dataclass(frozen=True)
class _Alignment:
    left: Any
    right: Any
    only_left: Any
    only_right: Any
    several_left: Any
    several_right: Any


def _align(ours: Any, theirs: Any) -> _Alignment:
    """Align two arrays of 64-bit keys; what stands more than once on either side is left to `several`."""
    none = np.empty(0, np.int64)
    if len(ours) == len(theirs) and np.array_equal(ours, theirs) and _is_ascending(ours):
        everything = np.arange(len(ours))
        return _Alignment(everything, everything, none, none, none, none)
    order_left, order_right = _order(ours), _order(theirs)
    sorted_left, sorted_right = ours[order_left], theirs[order_right]
    repeated = np.union1d(_repeated(sorted_left), _repeated(sorted_right))
    several_left = several_right = none
    if len(repeated):
        in_left, in_right = np.isin(sorted_left, repeated), np.isin(sorted_right, repeated)
        several_left, several_right = order_left[in_left], order_right[in_right]
        order_left, order_right = order_left[~in_left], order_right[~in_right]
        sorted_left, sorted_right = sorted_left[~in_left], sorted_right[~in_right]
    if len(sorted_right):
        places = np.minimum(np.searchsorted(sorted_right, sorted_left), len(sorted_right) - 1)
        found = sorted_right[places] == sorted_left
    else:
        places, found = np.zeros(len(sorted_left), np.int64), np.zeros(len(sorted_left), bool)
    matched_right = places[found]
    unmatched = np.ones(len(sorted_right), bool)
    unmatched[matched_right] = False
    return _Alignment(
        order_left[found],
        order_right[matched_right],
        order_left[~found],
        order_right[unmatched],
        several_left,
        several_right,
    )


def _order(keys: Any) -> Any:
    return np.arange(len(keys)) if _is_ascending(keys) else np.argsort(keys, kind="stable")


def _is_ascending(keys: Any) -> bool:
    return bool(np.all(keys[1:] > keys[:-1]))


def _repeated(keys: Any) -> Any:
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


def differing_hashes(source: Any, target: Any) -> Any:
    """Give the keys, 64 bits each, whose multisets of row hashes differ.

    Args:
        source: An array of two columns, key and row hash, in any order.
        target: The same of the target.
    """
    if source[0].shape == target[0].shape and all(np.array_equal(a, b) for a, b in zip(source, target, strict=True)):
        return np.empty(0, np.int64)
    alignment = _align(source[0], target[0])
    differing = [
        source[0][alignment.left][source[1][alignment.left] != target[1][alignment.right]],
        source[0][alignment.only_left],
        target[0][alignment.only_right],
    ]
    if len(alignment.several_left) or len(alignment.several_right):
        differing.append(_differing_several(source, target, alignment))
    return np.unique(np.concatenate(differing))


def _differing_several(source: Any, target: Any, alignment: _Alignment) -> Any:
    pairs = [
        np.rec.fromarrays([side[0][rows], side[1][rows]], names="k,h")  # type: ignore[call-overload]
        for side, rows in ((source, alignment.several_left), (target, alignment.several_right))
    ]
    (ours, our_counts), (theirs, their_counts) = (np.unique(each, return_counts=True) for each in pairs)
    counts: dict[tuple[int, int], int] = defaultdict(int)
    for rows, numbers, sign in ((ours, our_counts, 1), (theirs, their_counts, -1)):
        for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
            counts[row] += sign * number
    return np.array(sorted({key for (key, _), number in counts.items() if number}), np.int64)


def _differ(source: Any, target: Any, left: Any, right: Any, position: int, pair: Pair) -> Any:
    name = value_column(position)
    ours, theirs = _chosen(source[name], left), _chosen(target[name], right)
    return booleans(unequal(ours, theirs, pair))


def _chosen(column: Any, rows: Any) -> Any:
    array = one_chunk(column)
    return array if len(rows) == len(array) and _is_every_row(rows) else array.take(from_integers(rows))


def _is_every_row(rows: Any) -> bool:
    return len(rows) == 0 or (rows[0] == 0 and rows[-1] == len(rows) - 1 and _is_ascending(rows))


def _match_slowly(result: Matched, left: Any, right: Any, columns: ColumnMap) -> None:
    """Compare the rows of each key as multisets: equal ones go, the rest are changed pairs, and one side's surplus."""
    ours = _rows(result.source, left, columns.all)
    theirs = _rows(result.target, right, columns.all)
    width = len(columns.key)
    groups: dict[Row, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for number, row in enumerate(ours):
        groups[row[:width]][0].append(number)
    for number, row in enumerate(theirs):
        groups[row[:width]][1].append(number)
    missing: list[int] = []
    extra: list[int] = []
    changed: list[tuple[int, int]] = []
    for key, (our_rows, their_rows) in groups.items():
        our_rest, their_rest = _without_equal(ours, our_rows, theirs, their_rows, columns)
        if (our_rest or their_rest) and max(len(our_rows), len(their_rows)) > 1:
            result.duplicates.append(DuplicateKey(key, len(our_rows), len(their_rows)))
        pairs = min(len(our_rest), len(their_rest))
        changed += zip(our_rest[:pairs], their_rest[:pairs], strict=True)
        missing += our_rest[pairs:]
        extra += their_rest[pairs:]
    result.missing = np.concatenate([result.missing, left[np.array(missing, np.int64)]])
    result.extra = np.concatenate([result.extra, right[np.array(extra, np.int64)]])
    if changed:
        pairs_array = np.array(changed, np.int64)
        our_rows_, their_rows_ = left[pairs_array[:, 0]], right[pairs_array[:, 1]]
        result.changed_source = np.concatenate([result.changed_source, our_rows_])
        result.changed_target = np.concatenate([result.changed_target, their_rows_])
        for position, pair in enumerate(columns.values, width):
            differ = _differ(result.source, result.target, our_rows_, their_rows_, position, pair)
            result.cells[position - width] = np.concatenate([result.cells[position - width], differ])


def canonical_rows(table: Any, pairs: Sequence[Pair]) -> list[Row]:
    """Give rows as tuples of canonical text."""
    columns = [
        canonical(one_chunk(table[value_column(position)]), pair).to_pylist() for position, pair in enumerate(pairs)
    ]
    return list(zip(*columns, strict=True)) if columns else []


def _rows(table: Any, rows: Any, pairs: Sequence[Pair]) -> list[Row]:
    return canonical_rows(table.take(from_integers(rows)), pairs)


def _without_equal(
    ours: list[Row], our_rows: list[int], theirs: list[Row], their_rows: list[int], columns: ColumnMap
) -> tuple[list[int], list[int]]:
    """Give the rows of one key that have no counterpart, in the order of their values."""
    common = Counter(ours[row] for row in our_rows) & Counter(theirs[row] for row in their_rows)
    our_rest, their_rest = _remove(ours, our_rows, common), _remove(theirs, their_rows, common)
    if our_rest and their_rest and any(pair.tolerance for pair in columns.all):
        for row in list(our_rest):
            for other in their_rest:
                if _are_close(ours[row], theirs[other], columns):
                    our_rest.remove(row)
                    their_rest.remove(other)
                    break
    return sorted(our_rest, key=lambda row: _sortable(ours[row])), sorted(
        their_rest, key=lambda row: _sortable(theirs[row])
    )


def _sortable(row: Row) -> tuple[tuple[bool, str], ...]:
    return tuple((value is not None, value or "") for value in row)


def _remove(values: list[Row], rows: list[int], common: Counter[Row]) -> list[int]:
    left = Counter(common)
    rest = []
    for row in rows:
        if left[values[row]] > 0:
            left[values[row]] -= 1
        else:
            rest.append(row)
    return rest


def _are_close(ours: Row, theirs: Row, columns: ColumnMap) -> bool:
    return not any(
        pc.any(unequal(from_texts([a]), from_texts([b]), pair)).as_py()
        for a, b, pair in zip(ours, theirs, columns.all, strict=True)
    )
