"""What differs, to be read again: keys, or whole rows where there is no key."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, repeat
from typing import Any

import numpy as np
import pyarrow.compute as pc

from cockroach_pipelines.reconciliation.arrays import from_booleans, from_texts, integers, one_chunk, text
from cockroach_pipelines.reconciliation.columns import Column, ColumnMap, Pair
from cockroach_pipelines.reconciliation.dataset import Parts, key_names
from cockroach_pipelines.reconciliation.equality import canonical, canonical_text
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.matching import Row, value_column
from cockroach_pipelines.reconciliation.result import Kind
from cockroach_pipelines.reconciliation.sides import Sides, result
from cockroach_pipelines.reconciliation.statements import SQLText, Statements
from cockroach_pipelines.reconciliation.typed_rows import typed_rows
from cockroach_pipelines.reconciliation.windows import read, read_both

_KEYS_EACH = 1_000
_ROWS_HASHED_EACH = 2_000
_ROWS_EACH = 25_000

Tables = tuple[Any, Any]
"""Rows of both sides."""


class Suspects(ABC):
    """Follows what differs through several readings.

    Args:
        columns: What is compared.
        parts: The differences of the first reading.

    Attributes:
        healed: Rows that were equal by a later reading.
    """

    healed = 0

    def __init__(self, columns: ColumnMap, parts: Parts) -> None:
        self._columns = columns
        self._parts = parts

    @property
    @abstractmethod
    def confirmed(self) -> int:
        """Rows that differed in the same way each time."""

    @property
    @abstractmethod
    def moving(self) -> int:
        """Rows that differ still, in another way than before."""

    @abstractmethod
    def read_again(self, sides: Sides, statements: tuple[Statements, Statements]) -> Iterator[Tables]:
        """Give the rows of both sides that were suspect, some at a time."""

    @abstractmethod
    def see(self, parts: Parts) -> None:
        """Take the differences of the next reading."""


def suspects(columns: ColumnMap, parts: Parts) -> Suspects:
    """Give what follows the differences of a comparison."""
    return WholeRows(columns, parts) if columns.keyless else Keys(columns, parts)


class Keys(Suspects):
    """Rows that have a key."""

    def __init__(self, columns: ColumnMap, parts: Parts) -> None:
        super().__init__(columns, parts)
        self._now = self._signatures(parts)
        self._moved: set[Row] = set()

    @property
    def confirmed(self) -> int:
        """See `Suspects.confirmed`."""
        return len(self._now) - self.moving

    @property
    def moving(self) -> int:
        """See `Suspects.moving`."""
        return len(self._moved & self._now.keys())

    def read_again(self, sides: Sides, statements: tuple[Statements, Statements]) -> Iterator[Tables]:
        """See `Suspects.read_again`."""
        remaining = iter(self._now)
        while keys := list(islice(remaining, _KEYS_EACH)):
            yield rows_of(keys, sides, statements, self._columns)

    def see(self, parts: Parts) -> None:
        """See `Suspects.see`."""
        before, self._now = self._now, self._signatures(parts)
        self.healed += len(before.keys() - self._now.keys())
        self._moved |= {key for key, signature in self._now.items() if before.get(key) != signature}

    def _signatures(self, parts: Parts) -> dict[Row, int]:
        """Give the keys that differ, and for each a hash of how it does."""
        names = key_names(self._columns)
        found: dict[Row, int] = {}
        for table in parts.tables():
            keys = zip(*(table[name].to_pylist() for name in names), strict=True)
            cells = zip(*(table[name].to_pylist() for name in ("kind", "column", "source", "target")), strict=True)
            for key, cell in zip(keys, cells, strict=True):
                texts = tuple(
                    None if value is None else canonical_text(str(value), pair.family)
                    for value, pair in zip(key, self._columns.key, strict=True)
                )
                found[texts] = found.get(texts, 0) ^ hash(cell)
        return found


class WholeRows(Suspects):
    """Rows without a key, each as many times as it stands; found again by their hashes.

    Of a row only a number is kept: its hash in this process, and by it how many copies one side lacks.
    """

    def __init__(self, columns: ColumnMap, parts: Parts) -> None:
        super().__init__(columns, parts)
        self._now = self._lacking(parts)
        self._steady = self._now

    @property
    def confirmed(self) -> int:
        """See `Suspects.confirmed`."""
        return sum(map(abs, self._steady.values()))

    @property
    def moving(self) -> int:
        """See `Suspects.moving`."""
        return sum(map(abs, self._now.values())) - self.confirmed

    def read_again(self, sides: Sides, statements: tuple[Statements, Statements]) -> Iterator[Tables]:
        """See `Suspects.read_again`."""
        for chosen in self._batches():
            hashed = [
                read(side, hashes_of(own[start : start + _ROWS_HASHED_EACH], each))
                for side, each, own in zip(sides.pair, statements, chosen.rows, strict=True)
                for start in range(0, len(own), _ROWS_HASHED_EACH)
            ]
            bits = np.unique(np.concatenate([integers(result(future)["k"]) for future in hashed]))
            ours, theirs = read_both(sides, statements, lambda each, bits=bits: each.rows(None, (), bits))  # type: ignore[misc]
            pairs = self._columns.key
            yield only(ours, chosen.numbers, pairs, hash), only(theirs, chosen.numbers, pairs, hash)

    def see(self, parts: Parts) -> None:
        """See `Suspects.see`."""
        before, self._now = self._now, self._lacking(parts)
        still = _common(before, self._now)
        self.healed += sum(map(abs, before.values())) - sum(map(abs, still.values()))
        self._steady = _common(self._steady, self._now)
        self._parts = parts

    def _batches(self) -> Iterator[_Chosen]:
        """Give the rows that differ, each once."""
        seen: set[int] = set()
        chosen = _Chosen()
        for place, row, number in self._rows(self._parts):
            if number in seen:
                continue
            seen.add(number)
            chosen.rows[place].append(row)
            chosen.numbers.add(number)
            if len(chosen.numbers) >= _ROWS_EACH:
                yield chosen
                chosen = _Chosen()
        if chosen.numbers:
            yield chosen

    def _lacking(self, parts: Parts) -> dict[int, int]:
        """Give for each row how many copies the target lacks; below 0 the source does."""
        lacking: Counter[int] = Counter()
        for place, _, number in self._rows(parts):
            lacking[number] += -1 if place else 1
        return dict(lacking)

    def _rows(self, parts: Parts) -> Iterator[tuple[int, Row, int]]:
        """Give each row that differs: 0 for one of the source or 1 for one of the target, its texts, and its number."""
        names = [pair.name for pair in self._columns.key]
        for table in parts.tables():
            for place, (kind, side) in enumerate(((Kind.MISSING, "source"), (Kind.EXTRA, "target"))):
                whole = table.filter(pc.equal(table["kind"], text(str(kind))))[side].to_pylist()
                records = [json.loads(each) for each in whole]
                rows = [tuple(record[name] for name in names) for record in records]
                meant = [
                    canonical(from_texts([row[column] for row in rows]), pair).to_pylist()
                    for column, pair in enumerate(self._columns.key)
                ]
                yield from zip(repeat(place), rows, map(hash, zip(*meant, strict=True)), strict=False)


@dataclass
class _Chosen:
    """Rows that are read again together: those of the source, those of the target, and the numbers of all."""

    rows: tuple[list[Row], list[Row]] = field(default_factory=lambda: ([], []))
    numbers: set[int] = field(default_factory=set)


def hashes_of(rows: Sequence[Row], statements: Statements) -> SQLText:
    """Give the query for the hashes by which one side finds these rows."""
    pairs = tuple(map(_as_fetched, statements.columns.key))
    each = replace(statements, columns=ColumnMap(pairs, (), (), keyless=True))
    return SQLText(f"SELECT {each.key_bits} AS k FROM {typed_rows(rows, pairs, each.side)}")


def _as_fetched(pair: Pair) -> Pair:
    """Give the column of values that were read: what was normalized is text by then."""
    if not pair.normalize:
        return pair
    source, target = (Column(column.name, "text", "text") for column in (pair.source, pair.target))
    return Pair(source, target, Family.TEXT)


def rows_of(keys: Sequence[Row], sides: Sides, statements: tuple[Statements, Statements], columns: ColumnMap) -> Tables:
    """Read the rows of these keys, in canonical text, on both sides at once."""
    asked = [tuple(map(_with_zone, key, columns.key)) for key in keys]
    ours, theirs = read_both(sides, statements, lambda each: each.rows_of(asked))
    wanted = set(keys)
    return only(ours, wanted, columns.key), only(theirs, wanted, columns.key)


def _with_zone(value: str | None, pair: Pair) -> str | None:
    """Write a moment's canonical text, which is in UTC, such that no session takes it for its own time."""
    if value is None or pair.family is not Family.TIMESTAMPTZ or value.endswith("infinity"):
        return value
    time, before_christ, _ = value.partition(" BC")
    return f"{time}+00{before_christ}"


def only(table: Any, keys: Collection[object], pairs: Sequence[Pair], name: Callable[[Row], object] = tuple) -> Any:
    """Leave out rows that merely equal one of the keys for the server, such as by a collation blind to case.

    Args:
        table: Rows as text.
        keys: What is wanted, in canonical text; or what `name` makes of it.
        pairs: The key's columns.
        name: Gives what stands for a key.
    """
    texts = [
        canonical(one_chunk(table[value_column(position)]), pair).to_pylist() for position, pair in enumerate(pairs)
    ]
    return table.filter(from_booleans([name(row) in keys for row in zip(*texts, strict=True)]))


def _common(before: dict[int, int], now: dict[int, int]) -> dict[int, int]:
    """Give the copies that lack in both."""
    return {
        number: min(before[number], copies, key=abs)
        for number, copies in now.items()
        if before.get(number, 0) * copies > 0
    }
