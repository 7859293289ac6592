"""Rows without a key, each as many times as it stands, set against each other by their hashes.

What one side has more often is known from the hashes of both alone. Its rows are then read once, some at a time, and only
those that are told of are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa

from cockroach_pipelines.reconciliation.arrays import from_integers, integers
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.matching import DuplicateKey, Matched, canonical_rows
from cockroach_pipelines.reconciliation.segments import Run, Segments
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.statements import Statements

_MOST_NAMED = 20_000  # the text of more would cost more memory than it saves time
_SHARE_NAMED = 0.5
_HASHES_EACH = 1 << 16
_SIEVE = 1 << 22


class Multisets:
    """The rows of one part of the hashes on both sides.

    Args:
        hashes: Of the source's rows and of the target's, in any order; they are sorted in place.
        columns: What is compared.
    """

    def __init__(self, hashes: tuple[Any, Any], columns: ColumnMap) -> None:
        self._columns = columns
        self._hashes = hashes
        for side in hashes:
            side.sort()
        ours, theirs = hashes
        self._surplus = surplus(ours, theirs), surplus(theirs, ours)

    @property
    def equal(self) -> bool:
        """Whether both sides have the same rows."""
        return not any(map(len, self._surplus))

    def differences(
        self, sides: Sides, statements: tuple[Statements, Statements], segments: Segments, runs: tuple[Run, ...]
    ) -> Iterator[Matched]:
        """Read what one side has more often than the other, of both at once.

        Args:
            sides: Open sides.
            statements: Their statements.
            segments: What the hashes are of, with
            runs: those of them.
        """
        with ExitStack() as stack:
            reading = []
            for place, (side, written) in enumerate(zip(sides.pair, statements, strict=True)):
                wanted = self._surplus[place]
                if len(wanted):
                    few = len(wanted) <= min(_MOST_NAMED, _SHARE_NAMED * len(self._hashes[place]))
                    named = np.unique(wanted) if few else None
                    statement = written.hashed_rows(segments, runs, named)
                    stream = stack.enter_context(side.stream(statement.text, statement.parameters))
                    reading.append((place, iter(stream), _Left(wanted, self._hashes)))
            while reading:
                for each in list(reading):
                    place, batches, left = each
                    batch = next(batches, None)
                    if batch is None:
                        reading.remove(each)
                    elif found := self._of(batch, place, left):
                        yield found

    def _of(self, batch: Any, place: int, left: _Left) -> Matched | None:
        taken, several = left.take(integers(batch.column("k")))
        if not len(taken):
            return None
        rows = pa.Table.from_batches([batch]).drop_columns("k").take(from_integers(taken))
        everything, nothing = np.arange(len(rows)), np.empty(0, np.int64)
        source, target = (rows, rows.slice(0, 0)) if place == 0 else (rows.slice(0, 0), rows)
        return Matched(
            source=source,
            target=target,
            missing=everything if place == 0 else nothing,
            extra=nothing if place == 0 else everything,
            changed_source=nothing,
            changed_target=nothing,
            duplicates=self._duplicates(rows, several),
        )

    def _duplicates(self, rows: Any, several: Any) -> list[DuplicateKey]:
        """Name those of the rows that are the first of several of their kind; `several` holds their hashes, else 0."""
        first = np.flatnonzero(several)
        if not len(first):
            return []
        ours, theirs = (_copies(side, several[first]).tolist() for side in self._hashes)
        keys = canonical_rows(rows.take(from_integers(first)), self._columns.key)
        return [DuplicateKey(*each) for each in zip(keys, ours, theirs, strict=True)]


class _Left:
    """How many rows of each hash are still wanted.

    Args:
        wanted: The hashes, each as often as its rows are wanted; sorted.
        all_hashes: Those of all rows of both sides.
    """

    def __init__(self, wanted: Any, all_hashes: tuple[Any, Any]) -> None:
        self._numbers, self._left = np.unique(wanted, return_counts=True)
        self._several = np.maximum(*(_copies(side, self._numbers) for side in all_hashes)) > 1
        self._whole = self._left.copy()
        # Most rows are not wanted, and a look into a small table says so of most of them sooner than a search.
        self._sieve = np.zeros(_SIEVE, bool)
        self._sieve[self._numbers & (_SIEVE - 1)] = True

    def take(self, hashes: Any) -> tuple[Any, Any]:
        """Choose rows by their hashes, no more than are wanted.

        Returns:
            Their indices; and of each its hash where it is the first of several, else 0.
        """
        rows = np.flatnonzero(self._sieve[hashes & (_SIEVE - 1)])
        places = np.minimum(np.searchsorted(self._numbers, hashes[rows]), len(self._numbers) - 1)
        rows, places = (each[self._numbers[places] == hashes[rows]] for each in (rows, places))
        order = np.argsort(places, kind="stable")
        rows, places = rows[order], places[order]
        occurrence = np.arange(len(places)) - np.searchsorted(places, places)
        chosen = occurrence < self._left[places]
        rows, places, occurrence = rows[chosen], places[chosen], occurrence[chosen]
        first = self._several[places] & (occurrence == 0) & (self._left[places] == self._whole[places])
        np.subtract.at(self._left, places, 1)
        return rows, np.where(first, self._numbers[places], 0)


def surplus(ours: Any, theirs: Any) -> Any:
    """Give what one sorted array has more often than another, each as often as it does."""
    pieces = [np.empty(0, np.int64)]
    # A piece at a time: arrays of all of them would be larger than both.
    for start in range(0, len(ours), _HASHES_EACH):
        piece = ours[start : start + _HASHES_EACH]
        occurrence = np.arange(start, start + len(piece)) - np.searchsorted(ours, piece)
        pieces.append(piece[occurrence >= _copies(theirs, piece)])
    return np.concatenate(pieces)


def _copies(hashes: Any, numbers: Any) -> Any:
    return np.searchsorted(hashes, numbers, side="right") - np.searchsorted(hashes, numbers)
