"""Working through the key space window by window, the next one under way while one is compared."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from cockroach_pipelines.database import call_interruptibly
from cockroach_pipelines.database.arrow import CSVRows
from cockroach_pipelines.reconciliation.arrays import from_integers, integers
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.matching import Matched, differing_hashes, match, value_column
from cockroach_pipelines.reconciliation.multisets import Multisets
from cockroach_pipelines.reconciliation.segments import Run, Segments, runs_of
from cockroach_pipelines.reconciliation.sides import Side, Sides, result
from cockroach_pipelines.reconciliation.spec import Strategy
from cockroach_pipelines.reconciliation.statements import (
    SQLText,
    Statements,
    is_hashed_whole,
    is_integer_key,
    join_statement,
)
from cockroach_pipelines.reconciliation.stopping import Limits, Stopped, certain, probably_differing
from cockroach_pipelines.reconciliation.written import RowMatcher

HASHES_EACH = 50_000
"""Rows of a window of which key and hash are read."""
SCATTERED_EACH = 1_000_000
"""The same where no index finds the rows, and each window costs a scan of everything."""
ROWS_EACH = 20_000
"""Rows of a window that are read whole."""
JOINED_EACH = 1_000_000
"""Rows of a window that the database joins."""
FIRST_ROWS = 1_000
"""Rows of the first window where a comparison may stop early."""
_GROWTH, _GROWTH_WITHIN = 4, 8
_KEYS_EACH, _SCATTERED_KEYS_EACH = 5_000, 50_000
_PATIENCE_SECONDS = 1.0
_MOST_OF_WINDOW, _MOST_OF_KEYS = 0.5, 0.5
_LOOK_SECONDS = 0.1

Begin = Callable[[Side, SQLText], Future[Any]]
"""Begins to read a statement on a side."""


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
        matched: What differs, in pieces that may be read while they are asked for.
        comparisons: Hashes that were compared.
        partial: Whether only the beginning of the window was read, because that was enough.
    """

    window: Window
    rows: tuple[int, int]
    matched: Iterable[Matched]
    comparisons: int = 0
    partial: bool = False


@dataclass(frozen=True)
class Reading:
    """A window on its way.

    Attributes:
        window: Which.
        futures: What its statements will give.
        most: Rows of each statement at most, in a comparison that may stop early; None for all.
    """

    window: Window
    futures: list[Future[Any]]
    most: int | None


def cut(
    segments: Iterable[int], rows: Callable[[int], float], each: int, first: int | None = None, number: int = 0
) -> list[Window]:
    """Join segments to windows of about so many rows, numbered from `number`; the first ones of `first` and growing."""
    windows: list[Window] = []
    chosen: list[int] = []
    total, size = 0.0, min(each, first or each)
    for segment in segments:
        if chosen and total + rows(segment) > size:
            windows.append(Window(number + len(windows), tuple(runs_of(chosen))))
            chosen, total, size = [], 0.0, min(each, size * _GROWTH)
        chosen.append(segment)
        total += rows(segment)
    if chosen:
        windows.append(Window(number + len(windows), tuple(runs_of(chosen))))
    return windows


def read(side: Side, statement: SQLText) -> Future[Any]:
    """Begin to read all rows of a statement."""
    return side.submit(lambda reader: reader.table(statement.text, statement.parameters))


def read_integers(side: Side, statement: SQLText, names: Sequence[str]) -> Future[Any]:
    """Begin to read all rows of a statement of 64-bit integers, none of them NULL."""
    return side.submit(lambda reader: reader.integers(statement.text, names, statement.parameters))


def read_written(side: Side, statement: SQLText, *, portable: bool) -> Future[CSVRows]:
    """Begin to read all rows of a statement as the server writes them."""
    return side.submit(lambda reader: reader.csv(statement.text, statement.parameters, portable=portable))


class WindowReader:
    """Compares windows by one strategy.

    Args:
        sides: Open sides.
        statements: Their statements, the source's first.
        columns: What is compared.
        segments: What windows are made of.
        limits: When to end early.
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
        limits: Limits,
        *,
        unique_key: bool,
    ) -> None:
        self._sides = sides
        self._statements = statements
        self._columns = columns
        self._segments = segments
        self._strategy = strategy
        self._limits = limits
        self._unique_key = unique_key
        self._rows = RowMatcher(columns, unique_key=unique_key)
        self._by_hash_alone = is_hashed_whole(columns)
        self._keys_each = _KEYS_EACH if segments.sargable else _SCATTERED_KEYS_EACH

    def compare(self, windows: Iterable[Window], ahead: int) -> Iterator[Compared]:
        """Compare windows in order, so many of them under way beside the one that is waited for.

        Where the limits are reached, what is under way ends; the last window may be partial then.

        Raises:
            Stopped: The time is over; what was compared until then has been given.
        """
        if self._limits.watching or self._strategy not in (Strategy.CHECKSUMS, Strategy.HASHES):
            yield from self._compared(windows, ahead)
            return
        held: Compared | None = None
        try:
            for compared in self._compared(windows, ahead):
                # The one before is handed on when the servers have something to do: rows of this one, and the next.
                if held:
                    yield held
                held = compared
        except Stopped:
            if held:
                yield held
            raise
        if held:
            yield held

    def _compared(self, windows: Iterable[Window], ahead: int) -> Iterator[Compared]:
        if self._strategy is Strategy.JOIN:
            ahead *= 2  # each is read by one side
        waiting = iter(windows)
        under_way: deque[Reading] = deque()
        while True:
            while len(under_way) <= ahead and (window := next(waiting, None)) is not None:
                under_way.append(self._start(window, self._most_at_first(window)))
            if not under_way:
                return
            reading = under_way.popleft()
            window, tables = reading.window, [result(future) for future in reading.futures]
            reading.futures.clear()  # which hold what they gave
            if reading.most is not None and any(len(table) >= reading.most for table in tables):
                if found := self._partly(window, tables, reading.most):
                    yield found
                    self._end(under_way)
                    return
                under_way.appendleft(self._start(window, reading.most * _GROWTH_WITHIN))
                continue
            yield self._finish(window, tables)
            if under_way and self._limits.reached():
                self._end(under_way)
                return

    def _most_at_first(self, window: Window) -> int | None:
        """Give how many rows of a window to read before looking at them; usually more than it has.

        A statement that ends by itself leaves no doubt about its connection, as a cancel may.
        """
        if not self._limits.watching or not self._beginning_tells:
            return None
        if self._strategy is Strategy.JOIN:
            wanted = self._limits.wanted()
            return None if wanted is None else max(1, wanted)
        if window.number == 0:
            return 2 * FIRST_ROWS
        return 2 * (ROWS_EACH if self._strategy is Strategy.ROWS else HASHES_EACH)

    @property
    def _beginning_tells(self) -> bool:
        """Whether the beginning of a window can tell what differs in it."""
        if self._strategy in (Strategy.ROWS, Strategy.DIRECT):
            return self._unique_key or self._columns.keyless or is_integer_key(self._columns)
        return True

    def _start(self, window: Window, most: int | None) -> Reading:
        return Reading(window, self._begin(window, most), most)

    def _begin(self, window: Window, most: int | None) -> list[Future[Any]]:
        if self._strategy is Strategy.JOIN:
            # Connections of both sides lead to the one database, and see the same moment of it.
            side = self._sides.pair[window.number % 2]
            return [read(side, join_statement(*self._statements, self._segments, window.runs).limited(most))]
        if self._strategy is Strategy.DIRECT:
            return self._read(lambda statements: statements.rows(None, window.runs).limited(most))
        if self._strategy is Strategy.ROWS:
            begin = partial(read_written, portable=not self._sides.one_dialect)
            return self._read(lambda statements: statements.written(self._segments, window.runs).limited(most), begin)
        if self._by_hash_alone:
            begin = partial(read_integers, names=("k",))
            return self._read(
                lambda statements: statements.key_hashes(self._segments, window.runs).limited(most), begin
            )
        begin = partial(read_integers, names=("k", "h"))
        return self._read(lambda statements: statements.hashes(self._segments, window.runs).limited(most), begin)

    def _end(self, under_way: Iterable[Reading]) -> None:
        """End what is under way: what is not done in a moment is cancelled."""
        futures = [future for reading in under_way for future in reading.futures if not future.cancel()]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while wait(futures, _LOOK_SECONDS).not_done:
            if time.monotonic() >= deadline:
                call_interruptibly(self._sides.stop, name="reconcile-stop")
                deadline = math.inf

    def _partly(self, window: Window, tables: list[Any], most: int) -> Compared | None:
        """Give what certainly differs in the beginning of a window; None where that is not enough."""
        if self._strategy is Strategy.JOIN:
            return self._if_enough(window, (0, 0), [self._match_joined(tables[0])])
        source, target = tables
        rows, whole = (len(source), len(target)), (len(source) < most, len(target) < most)
        if self._strategy in (Strategy.ROWS, Strategy.DIRECT):
            direct = self._strategy is Strategy.DIRECT
            matched = match(source, target, self._columns) if direct else self._rows.match(source, target)
            if self._unique_key or self._columns.keyless:
                return self._if_enough(window, rows, [certain(matched, whole)])
            keys = _changed_keys(matched)
        else:
            ours, theirs = map(_hashes, tables)
            keys = probably_differing(ours, theirs, whole, keyless=self._columns.keyless)
        if not self._limits.enough(len(keys), max(rows)):
            return None
        return self._if_enough(window, rows, self._matched_keys(window, keys), len(keys))

    def _if_enough(
        self, window: Window, rows: tuple[int, int], matched: Iterable[Matched], suspects: int = 0
    ) -> Compared | None:
        found, differing = [], 0
        for each in matched:
            found.append(each)
            differing += each.differing_rows
            if self._limits.enough(differing, max(rows)):
                return Compared(window, rows, found, comparisons=max(rows), partial=True)
            # What seems to differ may hardly do so: rows come in another order, or a tolerance lets them pass.
            if differing < _MOST_OF_KEYS * min(suspects, len(found) * self._keys_each):
                return None
        return None

    def _finish(self, window: Window, tables: list[Any]) -> Compared:
        if self._strategy is Strategy.JOIN:
            return Compared(window, (0, 0), [self._match_joined(tables[0])])
        rows = len(tables[0]), len(tables[1])
        if self._strategy is Strategy.DIRECT:
            return Compared(window, rows, [match(tables[0], tables[1], self._columns)])
        if self._strategy is Strategy.ROWS:
            return Compared(window, rows, [self._rows.match(tables[0], tables[1])])
        if self._by_hash_alone:
            return Compared(window, rows, self._multisets(window, tables), comparisons=max(rows))
        ours, theirs = map(_hashes, tables)
        tables.clear()
        differing = differing_hashes(ours, theirs)
        return Compared(window, rows, self._matched(window, differing, max(rows)), comparisons=max(rows))

    def _multisets(self, window: Window, tables: list[Any]) -> Iterator[Matched]:
        ours, theirs = (integers(table["k"]).copy() for table in tables)
        tables.clear()
        sets = Multisets((ours, theirs), self._columns)
        if not sets.equal:
            yield from sets.differences(self._sides, self._statements, self._segments, window.runs)

    def _matched(self, window: Window, differing: Any, rows: int) -> Iterator[Matched]:
        """Begin to read the rows whose hashes differ, and compare them as they are asked for."""
        if len(differing) > _MOST_OF_WINDOW * rows and rows <= ROWS_EACH:
            whole = self._read(lambda statements: statements.rows(self._segments, window.runs))
            return self._match_each(deque([whole]), iter(()))
        return self._matched_keys(window, differing)

    def _matched_keys(self, window: Window, keys: Any) -> Iterator[Matched]:
        """Begin to read the rows of keys, 64 bits each, and compare them as they are asked for."""
        if not len(keys):
            return iter(())
        pieces = np.array_split(keys, -(-len(keys) // self._keys_each))
        reading = (self._read_keys(window, piece) for piece in pieces)
        return self._match_each(deque([next(reading)]), reading)

    def _match_each(
        self, under_way: deque[list[Future[Any]]], further: Iterator[list[Future[Any]]]
    ) -> Iterator[Matched]:
        while under_way:
            under_way.extend(islice(further, 1))
            futures = under_way.popleft()
            yield match(result(futures[0]), result(futures[1]), self._columns)

    def _read_keys(self, window: Window, bits: Any) -> list[Future[Any]]:
        return self._read(lambda statements: statements.rows(self._segments, window.runs, bits))

    def _read(self, statement: Callable[[Statements], SQLText], begin: Begin = read) -> list[Future[Any]]:
        return [begin(side, statement(each)) for side, each in zip(self._sides.pair, self._statements, strict=True)]

    def _match_joined(self, joined: Any) -> Matched:
        width = len(self._columns.all)
        names = [value_column(position) for position in range(2 * width)]
        source = joined.filter(joined["in_source"]).select(names[:width])
        target = joined.filter(joined["in_target"]).select(names[width:]).rename_columns(names[:width])
        return match(source, target, self._columns)


def _hashes(table: Any) -> list[Any]:
    numbers = [integers(column) for column in table.columns]
    return numbers if len(numbers) > 1 else numbers * 2


def _changed_keys(matched: Matched) -> Any:
    """Give the keys, one integer each, of rows that seem changed."""
    keys = matched.source[value_column(0)].take(from_integers(matched.changed_source))
    known = keys.drop_null().cast(pa.int64())
    return np.unique(integers(known)) if len(known) else np.empty(0, np.int64)


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
