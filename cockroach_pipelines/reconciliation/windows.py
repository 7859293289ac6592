"""Working through the key space window by window, the next one under way while one is compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from cockroach_pipelines.database.arrow import CSVRows
from cockroach_pipelines.reconciliation.arrays import integers, one_chunk
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.matching import Matched, differing_hashes, match, value_column
from cockroach_pipelines.reconciliation.segments import NumberedSegments, Run, Segments, runs_of
from cockroach_pipelines.reconciliation.sides import Reader, Side, Sides, result
from cockroach_pipelines.reconciliation.spec import Strategy
from cockroach_pipelines.reconciliation.statements import SQLText, Statements, join_statement
from cockroach_pipelines.reconciliation.written import RowMatcher

HASHES_EACH = 50_000
"""Rows of a window of which key and hash are read."""
ROWS_EACH = 20_000
"""Rows of a window that are read whole."""
JOINED_EACH = 1_000_000
"""Rows of a window that the database joins."""
_KEYS_EACH = 5_000
_MOST_OF_WINDOW = 0.5


@dataclass(frozen=True)
class Window:
    """Some segments that are compared together.

    Attributes:
        number: From 0.
        runs: The segments.
    """

    number: int
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Compared:
    """What a window gave.

    Attributes:
        window: Which.
        rows: Rows of the source and of the target that were compared; 0 where they were counted before.
        matched: What differs, in pieces.
        comparisons: Hashes that were compared.
    """

    window: Window
    rows: tuple[int, int]
    matched: list[Matched]
    comparisons: int = 0


def cut(segments: Iterable[int], rows: Callable[[int], float], each: int) -> list[Window]:
    """Join segments to windows of about so many rows."""
    windows: list[Window] = []
    chosen: list[int] = []
    total = 0.0
    for segment in segments:
        if chosen and total + rows(segment) > each:
            windows.append(Window(len(windows), tuple(runs_of(chosen))))
            chosen, total = [], 0.0
        chosen.append(segment)
        total += rows(segment)
    if chosen:
        windows.append(Window(len(windows), tuple(runs_of(chosen))))
    return windows


class WindowReader:
    """Compares windows by one strategy.

    Args:
        sides: Open sides.
        statements: Their statements, the source's first.
        columns: What is compared.
        segments: What windows are made of.
        strategy: How rows meet; with `CHECKSUMS` the windows are of segments that differ, and go by hashes.
        unique_key: Whether no two rows of a side have the same key.
    """

    def __init__(
        self,
        sides: Sides,
        statements: tuple[Statements, Statements],
        columns: ColumnMap,
        segments: Segments,
        strategy: Strategy,
        *,
        unique_key: bool,
    ) -> None:
        self._sides = sides
        self._statements = statements
        self._columns = columns
        self._segments = segments
        self._strategy = strategy
        self._rows = RowMatcher(columns, unique_key=unique_key)

    def compare(self, windows: Iterable[Window], ahead: int) -> Iterator[Compared]:
        """Compare windows in order, so many of them under way beside the one that is waited for."""
        if self._strategy is Strategy.JOIN:
            ahead *= 2  # each is read by one side
        under_way: deque[tuple[Window, list[Future[Any]]]] = deque()
        for window in windows:
            under_way.append((window, self._start(window)))
            if len(under_way) > ahead:
                yield self._finish(*under_way.popleft())
        while under_way:
            yield self._finish(*under_way.popleft())

    def _start(self, window: Window) -> list[Future[Any]]:
        if self._strategy is Strategy.JOIN:
            # Connections of both sides lead to the one database, and see the same moment of it.
            side = self._sides.pair[window.number % 2]
            return [read(side, join_statement(*self._statements, self._segments, window.runs))]
        if self._strategy is Strategy.DIRECT:
            return self._read(lambda statements: statements.rows(None, window.runs))
        if self._strategy is Strategy.ROWS:
            return self._read_written(window)
        return self._read(lambda statements: statements.hashes(self._segments, window.runs))

    def _finish(self, window: Window, futures: list[Future[Any]]) -> Compared:
        tables = [result(future) for future in futures]
        if self._strategy is Strategy.JOIN:
            return Compared(window, (0, 0), [self._match_joined(tables[0])])
        rows = len(tables[0]), len(tables[1])
        if self._strategy is Strategy.DIRECT:
            return Compared(window, rows, [match(tables[0], tables[1], self._columns)])
        if self._strategy is Strategy.ROWS:
            return Compared(window, rows, [self._rows.match(tables[0], tables[1])])
        ours, theirs = ([integers(table[name]) for name in ("k", "h")] for table in tables)
        del tables
        differing = differing_hashes(ours, theirs)
        matched = list(self._matched(window, differing, max(rows))) if len(differing) else []
        return Compared(window, rows, matched, comparisons=max(rows))

    def _matched(self, window: Window, differing: Any, rows: int) -> Iterator[Matched]:
        """Read the rows whose hashes differ, and compare them."""
        if len(differing) > _MOST_OF_WINDOW * rows and rows <= ROWS_EACH:
            futures = self._read(lambda statements: statements.rows(self._segments, window.runs))
            yield match(result(futures[0]), result(futures[1]), self._columns)
            return
        pieces = np.array_split(differing, -(-len(differing) // _KEYS_EACH))
        under_way = deque([self._read_keys(window, pieces[0])])
        for piece in [*pieces[1:], None]:
            if piece is not None:
                under_way.append(self._read_keys(window, piece))
            futures = under_way.popleft()
            yield match(result(futures[0]), result(futures[1]), self._columns)

    def _read_keys(self, window: Window, bits: Any) -> list[Future[Any]]:
        return self._read(lambda statements: statements.rows(self._segments, window.runs, bits))

    def _read(self, statement: Callable[[Statements], SQLText]) -> list[Future[Any]]:
        return [read(side, statement(each)) for side, each in zip(self._sides.pair, self._statements, strict=True)]

    def _read_written(self, window: Window) -> list[Future[Any]]:
        portable = not self._sides.one_dialect

        def work(statement: SQLText) -> Callable[[Reader], CSVRows]:
            return lambda reader: reader.csv(statement.text, statement.parameters, portable=portable)

        return [
            side.submit(work(each.written(self._segments, window.runs)))
            for side, each in zip(self._sides.pair, self._statements, strict=True)
        ]

    def _match_joined(self, joined: Any) -> Matched:
        width = len(self._columns.all)
        names = [value_column(position) for position in range(2 * width)]
        source = joined.filter(joined["in_source"]).select(names[:width])
        target = joined.filter(joined["in_target"]).select(names[width:]).rename_columns(names[:width])
        return match(source, target, self._columns)


def read(side: Side, statement: SQLText) -> Future[Any]:
    """Begin to read all rows of a statement."""
    return side.submit(lambda reader: reader.table(statement.text, statement.parameters))


def query_both(
    sides: Sides, statements: tuple[Statements, Statements], statement: Callable[[Statements], SQLText]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Give the one row of a statement on both sides at once."""
    said = dict(zip(sides.pair, map(statement, statements), strict=True))
    ours, theirs = sides.both(lambda side, reader: reader.query(said[side].text, said[side].parameters)[0])
    return ours, theirs


def read_both(
    sides: Sides, statements: tuple[Statements, Statements], statement: Callable[[Statements], SQLText]
) -> tuple[Any, Any]:
    """Read all rows of a statement on both sides at once."""
    first, second = (read(side, statement(each)) for side, each in zip(sides.pair, statements, strict=True))
    return result(first), result(second)


def read_checksums(
    sides: Sides, statements: tuple[Statements, Statements], segments: NumberedSegments, runs: Sequence[Run]
) -> tuple[Any, Any]:
    """Scan both sides at once, and give for each an array of rows and a list of sums, by segment."""
    ours, theirs = read_both(sides, statements, lambda each: each.checksums(segments, runs))
    return _by_segment(ours, segments), _by_segment(theirs, segments)


def _by_segment(table: Any, segments: NumberedSegments) -> tuple[Any, Any]:
    counts, sums = np.zeros(segments.count, np.int64), np.zeros(segments.count, object)
    numbers = segments.numbers(one_chunk(table["segment"]))
    np.add.at(counts, numbers, integers(table["n"]))
    np.add.at(sums, numbers, np.array([*map(_whole, table["s"].to_pylist())], object))
    return counts, sums


def _whole(text: str) -> int:
    return int(Decimal(text)) if "E" in text else int(text)  # CockroachDB may write a sum with an exponent
