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

from cockroach_pipelines.reconciliation.arrays import from_booleans, from_integers, integers
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.matching import DuplicateKey, Matched, canonical_rows
from cockroach_pipelines.reconciliation.segments import Run, Segments
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.statements import Statements

_MOST_NAMED = 20_000  # the text of more would cost more memory than it saves time
_SHARE_NAMED = 0.5
_HASHES_EACH = 1 << 16


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
                    reading.append((place, iter(stream), _Left(wanted)))
            while reading:
                for each in list(reading):
                    place, batches, left = each
                    batch = next(batches, None)
                    if batch is None:
                        reading.remove(each)
                    elif found := self._of(batch, place, left):
                        yield found

    def _of(self, batch: Any, place: int, left: _Left) -> Matched | None:
        numbers = integers(batch.column("k"))
        taken, first = left.take(numbers)
        if not taken.any():
            return None
        rows = pa.Table.from_batches([batch]).drop_columns("k").filter(from_booleans(taken))
        everything, nothing = np.arange(len(rows)), np.empty(0, np.int64)
        source, target = (rows, rows.slice(0, 0)) if place == 0 else (rows.slice(0, 0), rows)
        matched = Matched(
            source=source,
            target=target,
            missing=everything if place == 0 else nothing,
            extra=nothing if place == 0 else everything,
            changed_source=nothing,
            changed_target=nothing,
        )
        matched.duplicates = self._duplicates(rows, numbers[taken], first[taken])
        return matched

    def _duplicates(self, rows: Any, numbers: Any, first: Any) -> list[DuplicateKey]:
        ours, theirs = (_copies(side, numbers) for side in self._hashes)
        several = np.flatnonzero(first & (np.maximum(ours, theirs) > 1))
        if not len(several):
            return []
        keys = canonical_rows(rows.take(from_integers(several)), self._columns.key)
        return [
            DuplicateKey(key, source, target)
            for key, source, target in zip(keys, ours[several].tolist(), theirs[several].tolist(), strict=True)
        ]


class _Left:
    """How many rows of each hash are still wanted."""

    def __init__(self, wanted: Any) -> None:
        self._numbers, self._left = np.unique(wanted, return_counts=True)
        self._whole = self._left.copy()

    def take(self, numbers: Any) -> tuple[Any, Any]:
        """Choose rows by their hashes, no more than are wanted; give two masks: the chosen, and the first of their kind."""
        places = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        rows = np.flatnonzero(self._numbers[places] == numbers)
        rows = rows[np.argsort(places[rows], kind="stable")]
        places = places[rows]
        starts = np.searchsorted(places, places)
        occurrence = np.arange(len(places)) - starts
        chosen = occurrence < self._left[places]
        taken, first = (np.zeros(len(numbers), bool) for _ in range(2))
        taken[rows[chosen]] = True
        first[rows[chosen & (occurrence == 0) & (self._left[places] == self._whole[places])]] = True
        self._left -= np.bincount(places[chosen], minlength=len(self._left))
        return taken, first


def surplus(ours: Any, theirs: Any) -> Any:
    """Give what one sorted array has more often than another, each as often as it does."""
    pieces = [np.empty(0, np.int64)]
    for start in range(
        0, len(ours), _HASHES_EACH
    ):  # a piece at a time: arrays of all of them would be larger than both
        piece = ours[start : start + _HASHES_EACH]
        occurrence = np.arange(start, start + len(piece)) - np.searchsorted(ours, piece)
        pieces.append(piece[occurrence >= _copies(theirs, piece)])
    return np.concatenate(pieces)


def _copies(hashes: Any, numbers: Any) -> Any:
    return np.searchsorted(hashes, numbers, side="right") - np.searchsorted(hashes, numbers)
