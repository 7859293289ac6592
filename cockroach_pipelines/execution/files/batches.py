"""Batches cut and collected to the sizes that a format wants."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from cockroach_pipelines.database.arrow.incoming import pieces


class Grouping:
    """Collects batches until they have enough rows or bytes to be stored together."""

    def __init__(self, rows: int, size: int) -> None:
        self._most_rows = rows
        self._most_bytes = size
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> Iterator[pa.Table]:
        """Take a batch, and give the groups that are full now."""
        for piece in pieces(batch, self._most_bytes):
            if self._bytes + piece.nbytes > self._most_bytes and (rest := self.rest()) is not None:
                yield rest
            start = 0
            while self._rows + piece.num_rows - start >= self._most_rows:
                room = self._most_rows - self._rows
                self._hold(piece.slice(start, room))
                start += room
                if (full := self.rest()) is not None:
                    yield full
            if start < piece.num_rows:
                self._hold(piece.slice(start))

    def rest(self) -> pa.Table | None:
        """Give what is held, and hold nothing; None where that is nothing."""
        if not self._held:
            return None
        group = pa.Table.from_batches(self._held)
        self._held, self._rows, self._bytes = [], 0, 0
        return group

    def _hold(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes


def unique_names(names: list[str]) -> list[str]:
    """Give the names with a number behind each that stood before: a, a becomes a, a_2."""
    unique: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in unique:
            number += 1
            candidate = f"{name}_{number}"
        unique.append(candidate)
    return unique
