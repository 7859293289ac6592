"""Checksums of segments, scanned on both sides at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from cockroach_pipelines.reconciliation.arrays import integers, one_chunk
from cockroach_pipelines.reconciliation.segments import HashSegments, NumberedSegments, Run
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.spec import ReconciliationSpec
from cockroach_pipelines.reconciliation.statements import Statements
from cockroach_pipelines.reconciliation.windows import read_both

_BYTES_AT_FIRST = 3_000_000_000
_ROWS_AT_FIRST_WATCHED = 100_000


class ChecksumScan:
    """Compares checksums, as many segments at once as take about the time that a statement should.

    Args:
        sides: Open sides.
        statements: Their statements, the source's first.
        segments: What is scanned. Buckets of a hash are scanned all at once: no index finds some of them.
        rows: About how many the larger side has.
        row_bytes: About how many one of them takes.
        spec: What was asked.

    Attributes:
        rows_each: About how many rows a segment has.
        counts: For each segment that differs the rows of its larger side.
        differing: The segments that differ so far.
        done: How many segments were scanned.
    """

    def __init__(
        self,
        sides: Sides,
        statements: tuple[Statements, Statements],
        segments: NumberedSegments,
        rows: int,
        row_bytes: float,
        spec: ReconciliationSpec,
    ) -> None:
        self._sides = sides
        self._statements = statements
        self._segments = segments
        self._seconds = spec.care.statement_seconds
        self.rows_each = max(1.0, rows / segments.count)
        self.counts = np.zeros(segments.count, np.int64)
        self.differing: list[int] = []
        self.done = 0
        self._length = segments.count
        if segments.sargable and spec.stop.counts:
            self._length = int(_ROWS_AT_FIRST_WATCHED / self.rows_each) + 1
        elif not isinstance(segments, HashSegments):
            self._length = int(_BYTES_AT_FIRST / row_bytes / self.rows_each) + 1

    @property
    def is_over(self) -> bool:
        """Whether every segment was scanned."""
        return self.done >= self._segments.count

    def resume(self, chunk: dict[str, Any]) -> None:
        """Go on behind what an earlier run got from `advance`."""
        self.done = chunk["end"]
        for number, rows in chunk["differing"]:
            self.differing.append(number)
            self.counts[number] = rows

    def advance(self) -> dict[str, Any]:
        """Scan the next segments.

        Returns:
            For the journal: where they end, each that differs with its rows, and how many rows both sides have in all.
        """
        clock = time.perf_counter()
        start, end = self.done, min(self._segments.count, self.done + self._length)
        if self._segments.count - end < self._length / 4:
            end = self._segments.count
        ours, theirs = read_checksums(self._sides, self._statements, self._segments, [(start, end)])
        part, rows = slice(start, end), np.maximum(ours[0], theirs[0])
        unequal = np.flatnonzero((ours[0][part] != theirs[0][part]) | (ours[1][part] != theirs[1][part]))
        chunk = {
            "end": end,
            "differing": [[number, int(rows[number])] for number in (start + unequal).tolist()],
            "rows": [int(ours[0].sum()), int(theirs[0].sum())],
        }
        self.resume(chunk)
        seconds = max(time.perf_counter() - clock, 0.001)
        self._length = max(1, int((end - start) * self._seconds / seconds))
        return chunk


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
