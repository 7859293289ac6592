"""Cutting the key space into segments, the same ones on both sides.

A segment has a number from 0. Rows whose key is NULL lie in a segment of their own, behind the last; a scan gives it the
number NULL. Both sides must put equal keys into the same segment, whatever their collations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from cockroach_pipelines.database import Dialect
from cockroach_pipelines.reconciliation.arrays import integers, nulls
from cockroach_pipelines.reconciliation.columns import Pair, literal
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.families import Family, plain_type
from cockroach_pipelines.reconciliation.hashing import bucket_sql, hash_sql
from cockroach_pipelines.reconciliation.spec import HashKind

Run = tuple[int, int]
"""Consecutive segments, from the first to one past the last."""

NUMBERED_TYPES = frozenset(("int2", "int4", "int8", "date", "time", "timestamp", "timestamptz"))
"""Types for which `width_bucket` finds a segment quickly; for others it walks through its bounds for every row."""
ORDERED_TYPES = NUMBERED_TYPES | {"uuid", "numeric", "text", "varchar"}
"""Types that both databases order alike, text by its bytes, and whose values text names without loss."""


class Segments(ABC):
    """A way to cut the key space."""

    count: int
    """How many segments there are, that of NULL keys included."""

    sargable = True
    """Whether an index on the key finds the rows of a segment."""

    @abstractmethod
    def condition(self, runs: Sequence[Run], side: SideSQL) -> str:
        """Give an SQL condition that is true for exactly the rows of these segments."""

    @abstractmethod
    def as_state(self) -> dict[str, Any]:
        """Give what `from_state` makes it again from."""


class NumberedSegments(Segments):
    """Segments that one scan can tell apart."""

    @abstractmethod
    def number(self, side: SideSQL) -> str:
        """Give an SQL expression of a row's segment; NULL where the key is NULL."""

    def numbers(self, scanned: Any) -> Any:
        """Give the segments of numbers that a scan gave, an Arrow array; rows beyond the edges lie in the outermost."""
        inner = np.clip(integers(scanned.cast(pa.int64())), 0, max(0, self.count - 2))
        return np.where(nulls(scanned), self.count - 1, inner)


@dataclass(frozen=True)
class IntegerSegments(NumberedSegments):
    """Equal ranges of one integer key.

    Attributes:
        pair: The key.
        low: The lowest key of both sides.
        width: Keys in a segment.
        ranges: How many segments beside that of NULL.
    """

    pair: Pair
    low: int
    width: int
    ranges: int

    @property
    def count(self) -> int:  # type: ignore[override]
        """How many segments there are, that of NULL keys included."""
        return self.ranges + 1

    def __str__(self) -> str:
        return f"{self.ranges:,} equal ranges of {self.pair.name}"

    def number(self, side: SideSQL) -> str:
        """See `Segments.number`."""
        return _quotient(f"({side.value(self.pair)}::int8 - ({self.low}))", self.width, side)

    def condition(self, runs: Sequence[Run], side: SideSQL) -> str:
        """See `Segments.condition`."""
        key, edge = side.value(self.pair), lambda number: str(self.low + number * self.width)
        return _ranges(key, self.ranges, edge, runs, may_be_null=self.pair.may_be_null)

    def as_state(self) -> dict[str, Any]:
        """See `Segments.as_state`."""
        return {"kind": "integer", "low": self.low, "width": self.width, "ranges": self.ranges}


@dataclass(frozen=True)
class RangeSegments(NumberedSegments):
    """Ranges of one key between bounds that split its rows about evenly.

    Attributes:
        pair: The key.
        bounds: Texts of its values in ascending order; text in that of its bytes.
        indexed: Whether indexes of both sides have that order.
    """

    pair: Pair
    bounds: tuple[str, ...]
    indexed: bool = True

    @property
    def count(self) -> int:  # type: ignore[override]
        """How many segments there are, that of NULL keys included."""
        return len(self.bounds) + 2

    @property
    def sargable(self) -> bool:  # type: ignore[override]
        """Whether an index on the key finds the rows of a segment."""
        return self.indexed

    def __str__(self) -> str:
        return f"{len(self.bounds) + 1:,} ranges of {self.pair.name}"

    def number(self, side: SideSQL) -> str:
        """See `Segments.number`."""
        bounds = ", ".join(map(literal, self.bounds))
        value, type_name = f"{side.value(self.pair)}{self._collate(side)}", _type(self.pair, side)
        value = f"{value}::int8" if type_name == "int8" else value
        return f"width_bucket({value}, ARRAY[{bounds}]::{type_name}[])"

    def condition(self, runs: Sequence[Run], side: SideSQL) -> str:
        """See `Segments.condition`."""
        key, type_name = f"{side.value(self.pair)}{self._collate(side)}", _type(self.pair, side)
        edge = lambda number: f"{literal(self.bounds[number - 1])}::{type_name}"  # noqa: E731 - one expression
        return _ranges(key, len(self.bounds) + 1, edge, runs, may_be_null=self.pair.may_be_null)

    def as_state(self) -> dict[str, Any]:
        """See `Segments.as_state`."""
        return {"kind": "range", "bounds": list(self.bounds), "indexed": self.indexed}

    def _collate(self, side: SideSQL) -> str:
        is_text = self.pair.family is Family.TEXT and side.dialect is Dialect.POSTGRESQL
        return ' COLLATE "C"' if is_text and not side.column_of(self.pair).bytewise else ""


@dataclass(frozen=True)
class RowSegments(Segments):
    """Ranges of a key of several columns, none of them NULL, that indexes of both sides hold in this order.

    Attributes:
        pairs: The key's columns, in the order of the indexes.
        bounds: Texts of their values in ascending order; text in that of its bytes.
    """

    pairs: tuple[Pair, ...]
    bounds: tuple[tuple[str, ...], ...]

    @property
    def count(self) -> int:  # type: ignore[override]
        """How many segments there are; the last, of NULL keys, is always empty here."""
        return len(self.bounds) + 2

    def __str__(self) -> str:
        return f"{len(self.bounds) + 1:,} ranges of {', '.join(pair.name for pair in self.pairs)}"

    def condition(self, runs: Sequence[Run], side: SideSQL) -> str:
        """See `Segments.condition`."""
        key = f"({', '.join(side.value(pair) for pair in self.pairs)})"
        types = [_type(pair, side) for pair in self.pairs]

        def edge(number: int) -> str:
            values = zip(self.bounds[number - 1], types, strict=True)
            return f"({', '.join(f'{literal(value)}::{type_name}' for value, type_name in values)})"

        return _ranges(key, len(self.bounds) + 1, edge, runs, may_be_null=False)

    def as_state(self) -> dict[str, Any]:
        """See `Segments.as_state`."""
        return {"kind": "rows", "names": [pair.name for pair in self.pairs], "bounds": list(map(list, self.bounds))}


@dataclass(frozen=True)
class GridSegments(NumberedSegments):
    """Equal ranges of a key's first integer and, within each, of its second; indexes of both sides begin with the two.

    Rows beyond the edges lie in the outermost ranges, so these may come from a sample.

    Attributes:
        first: Ranges of the first column, which is never NULL; of one value each where the second one is cut, too.
        second: Ranges of the second column, which is never NULL.
    """

    first: IntegerSegments
    second: IntegerSegments

    @property
    def count(self) -> int:  # type: ignore[override]
        """How many segments there are; the last, of NULL keys, is always empty here."""
        return self.first.ranges * self.second.ranges + 1

    def __str__(self) -> str:
        names = [axis.pair.name for axis in (self.first, self.second) if axis.ranges > 1]
        return f"{self.count - 1:,} equal ranges of {', '.join(names)}"

    def number(self, side: SideSQL) -> str:
        """See `Segments.number`."""
        if self.second.ranges == 1:
            return _place(self.first, side)
        return f"({_place(self.first, side)}) * {self.second.ranges} + {_place(self.second, side)}"

    def condition(self, runs: Sequence[Run], side: SideSQL) -> str:
        """See `Segments.condition`."""
        if _covers(runs, self.count - 1):
            return "true"
        parts = []
        each = self.second.ranges
        for start, end in runs:
            place, end = start, min(end, self.count - 1)
            while place < end:
                row, column = divmod(place, each)
                rows = (end - place) // each if column == 0 else 0
                if rows:
                    parts.append(_between(self.first, row, row + rows, side))
                    place += rows * each
                else:
                    until = min(each, column + end - place)
                    parts.append(
                        f"{_between(self.first, row, row + 1, side)} AND {_between(self.second, column, until, side)}"
                    )
                    place += until - column
        return _any(parts)

    def as_state(self) -> dict[str, Any]:
        """See `Segments.as_state`."""
        axes = self.first, self.second
        return {"kind": "grid", "names": [axis.pair.name for axis in axes], "axes": [axis.as_state() for axis in axes]}


@dataclass(frozen=True)
class HashSegments(NumberedSegments):
    """Buckets of a hash of the key: any key, in any order, NULL included.

    Text whose index is not in the order of its bytes is cut so, too. Ranges by `COLLATE "C"` would be as true, but no index
    finds their rows either, and `width_bucket` walks through bounds of text: 1,000 of them cost eight times the hash.
    Of CockroachDB no blocks can be sampled for bounds, so there every key but an integer is cut so.

    Attributes:
        pairs: The columns that the hash covers.
        kind: Which hash.
        buckets: A power of two.
    """

    pairs: tuple[Pair, ...]
    kind: HashKind
    buckets: int

    sargable = False

    @property
    def count(self) -> int:  # type: ignore[override]
        """How many segments there are; the last, of NULL keys, is always empty here."""
        return self.buckets + 1

    def __str__(self) -> str:
        return f"{self.buckets:,} hash buckets of {', '.join(pair.name for pair in self.pairs)}"

    def number(self, side: SideSQL) -> str:
        """See `Segments.number`."""
        return bucket_sql(hash_sql(self.kind, self.pairs, side), self.buckets)

    def condition(self, runs: Sequence[Run], side: SideSQL) -> str:
        """See `Segments.condition`."""
        if _covers(runs, self.buckets):
            return "true"
        number = self.number(side)
        single = [str(first) for first, end in runs if end - first == 1]
        parts = [f"({number}) IN ({', '.join(single)})"] if single else []
        parts += [f"({number}) BETWEEN {first} AND {end - 1}" for first, end in runs if end - first > 1]
        return _any(parts)

    def as_state(self) -> dict[str, Any]:
        """See `Segments.as_state`."""
        return {"kind": "hash", "buckets": self.buckets}


def from_state(state: dict[str, Any], key: tuple[Pair, ...], hashed: tuple[Pair, ...], kind: HashKind) -> Segments:
    """Make segments again that `as_state` described."""
    match state["kind"]:
        case "integer":
            return IntegerSegments(key[0], state["low"], state["width"], state["ranges"])
        case "range":
            return RangeSegments(key[0], tuple(state["bounds"]), state["indexed"])
        case "rows":
            by_name = {pair.name: pair for pair in key}
            return RowSegments(tuple(by_name[name] for name in state["names"]), tuple(map(tuple, state["bounds"])))
        case "grid":
            pairs = {pair.name: pair for pair in key}
            first, second = (
                IntegerSegments(pairs[name], axis["low"], axis["width"], axis["ranges"])
                for name, axis in zip(state["names"], state["axes"], strict=True)
            )
            return GridSegments(first, second)
        case _:
            return HashSegments(hashed, kind, state["buckets"])


def runs_of(numbers: Iterable[int]) -> list[Run]:
    """Join ascending segment numbers to runs."""
    runs: list[Run] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


def _ranges(key: str, ranges: int, edge: Callable[[int], str], runs: Sequence[Run], *, may_be_null: bool) -> str:
    """Give a condition by lower edges of ranges; the first has none, and that of NULL lies behind the last.

    Where no key is NULL nothing asks for them: with an OR the planner would read the whole table.
    """
    if _covers(runs, ranges + 1):
        return "true"
    parts = []
    for first, end in runs:
        with_null = end > ranges
        end = min(end, ranges)
        if first < end:
            bounds = [f"{key} >= {edge(first)}"] if first > 0 else []
            bounds += [f"{key} < {edge(end)}"] if end < ranges else []
            parts.append(" AND ".join(bounds) or (f"{key} IS NOT NULL" if may_be_null else "true"))
        if with_null and may_be_null:
            parts.append(f"{key} IS NULL")
    return _any(parts)


def _place(axis: IntegerSegments, side: SideSQL) -> str:
    """Give an SQL expression of the range in which a value lies; what is beyond the edges cannot overflow."""
    high = axis.low + axis.width * axis.ranges - 1
    key = f"(least(greatest({side.value(axis.pair)}::int8, {axis.low}), {high}) - ({axis.low}))"
    return key if axis.width == 1 else _quotient(key, axis.width, side)


def _quotient(key: str, width: int, side: SideSQL) -> str:
    """Divide integers to an integer, which is another operator on each database."""
    return f"{key} // {width}" if side.dialect is Dialect.COCKROACHDB else f"{key} / {width}"


def _between(axis: IntegerSegments, first: int, end: int, side: SideSQL) -> str:
    """Give a condition for the values of some ranges; the outermost have no edge."""
    key, low, high = side.value(axis.pair), axis.low + first * axis.width, axis.low + end * axis.width
    if high - low == 1 and first > 0 and end < axis.ranges:
        return f"{key} = {low}"
    edges = [f"{key} >= {low}"] if first > 0 else []
    edges += [f"{key} < {high}"] if end < axis.ranges else []
    return " AND ".join(edges) or "true"


def _type(pair: Pair, side: SideSQL) -> str:
    return "int8" if pair.family is Family.INTEGER else plain_type(side.column_of(pair).pg_type)


def _covers(runs: Sequence[Run], count: int) -> bool:
    return len(runs) == 1 and runs[0][0] == 0 and runs[0][1] >= count


def _any(parts: Sequence[str]) -> str:
    if not parts:
        return "false"
    return parts[0] if len(parts) == 1 else " OR ".join(f"({part})" for part in parts)
