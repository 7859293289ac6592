"""One result cut into the results of the partitions that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.config import PipelinesError, Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.execution.files import SpillFile
from cockroach_pipelines.execution.moments import WindowFinder, finder_for
from cockroach_pipelines.queries import PartitionWindow
from cockroach_pipelines.queries.headers import TimePartition

_MOST_BYTES = 1 << 26
_ROWS_NAMED = 5


class SplitError(PipelinesError):
    """The rows of a result are not those of the partitions it was to be of."""


class PartitionSplitter:
    """Takes a result batch by batch, in any order of its rows, and gives the rows of each partition in that order.

    So many bytes are held; what is more is written to scratch files, each with one batch a partition.

    Attributes:
        rows: How many it has taken.
        schema: What they have.

    Args:
        windows: The partitions, which follow each other.
        partition: What they are of; its `column` says which one a row is of.
        schema: What the batches have.
        folder: Where scratch files go.
        place: The file, for errors.
        most_bytes: How much is held in memory.
    """

    def __init__(
        self,
        windows: Sequence[PartitionWindow],
        partition: TimePartition,
        schema: pa.Schema,
        folder: Path,
        *,
        place: Place,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self.rows = 0
        self._windows = windows
        self.schema = schema
        self._folder = folder
        self._place = place
        self._most_bytes = most_bytes
        self._column = partition.column or ""
        self._position = self._found()
        self._finder = self._made_finder(partition)
        self._held: list[tuple[Any, Any]] = []  # batches in order of partitions, each with where every partition begins
        self._bytes = 0
        self._spilled: list[tuple[SpillFile, dict[int, int]]] = []

    def add(self, batch: Any) -> None:
        """Take a batch.

        Raises:
            SplitError: The column of a row is NULL, or no moment of the partitions.
            FileWriteError: A scratch file cannot be written.
        """
        if not batch.num_rows:
            return
        numbers = self._numbers(batch.column(self._position))
        if numbers.min() < 0:
            raise self._outside(batch, numbers)
        if (np.diff(numbers) < 0).any():
            order = np.argsort(numbers, kind="stable")
            batch, numbers = batch.take(pa.array(order)), numbers[order]
        self._held.append((batch, np.searchsorted(numbers, np.arange(len(self._windows) + 1))))
        self.rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._bytes > self._most_bytes:
            self._spill()

    def batches(self, number: int) -> Iterator[Any]:
        """Give the rows of the partition of that number, from 0."""
        for file, batches in self._spilled:
            if number in batches:
                yield file.batch(batches[number])
        yield from self._held_of(number)

    def close(self) -> None:
        """Remove the scratch files."""
        for file, _ in self._spilled:
            file.remove()
        self._spilled = []

    def _held_of(self, number: int) -> list[Any]:
        # Cut when they are wanted: thousands of partitions of each batch would weigh more than the rows.
        begin_and_end = [(batch, int(starts[number]), int(starts[number + 1])) for batch, starts in self._held]
        return [batch.slice(begin, end - begin) for batch, begin, end in begin_and_end if end > begin]

    def _spill(self) -> None:
        file = SpillFile(self._folder / f"spilled-{len(self._spilled)}.arrow", self.schema)
        batches: dict[int, int] = {}
        for number in range(len(self._windows)):
            if held := self._held_of(number):
                file.write(pa.Table.from_batches(held))
                batches[number] = len(batches)
        file.finish()
        self._spilled.append((file, batches))
        self._held, self._bytes = [], 0

    def _found(self) -> int:
        names = self.schema.names
        if names.count(self._column) == 1:
            return int(names.index(self._column))
        many = self._column in names
        raise SplitError(
            f"The result has {'several columns' if many else 'no column'} {self._column!r}, "
            "which is to say of which partition a row is.",
            place=self._place,
            advice="Give each a name of its own." if many else did_you_mean(self._column, names),
        )

    def _made_finder(self, partition: TimePartition) -> WindowFinder:
        try:
            return finder_for(self.schema.field(self._position).type, partition, self._windows)
        except ValueError as error:
            raise SplitError(f"The column {self._column!r} {error}.", place=self._place) from error

    def _numbers(self, column: Any) -> Any:
        try:
            return self._finder(column)
        except pa.ArrowInvalid as error:  # a local time that clocks show twice, or never
            raise SplitError(
                f"The column {self._column!r} holds a time that is no moment of its zone: {str(error).splitlines()[0]}",
                place=self._place,
                advice="Select a timestamptz.",
            ) from error

    def _outside(self, batch: Any, numbers: Any) -> SplitError:
        wrong = np.flatnonzero(numbers < 0)
        column = batch.column(self._position)
        values = pc.fill_null(column.take(pa.array(wrong[:_ROWS_NAMED])).cast(pa.string()), "NULL").to_pylist()
        rows = ", ".join(
            f"row {self.rows + row + 1:,}: {value}" for row, value in zip(wrong.tolist(), values, strict=False)
        )
        more = f" and {len(wrong) - _ROWS_NAMED:,} more" if len(wrong) > _ROWS_NAMED else ""
        first, last = self._windows[0], self._windows[-1]
        of = f"partition {first.key}" if first is last else f"partitions {first.key} to {last.key}"
        return SplitError(
            f"{len(wrong):,} rows are not of {of}, by their column {self._column!r} ({rows}{more}).",
            place=self._place,
            advice=f"Its window is {first.start:%Y-%m-%d %H:%M:%S%z} to {last.end:%Y-%m-%d %H:%M:%S%z}, that moment not in "
            "it: compare the column with :partition_start and :partition_end, and leave out NULL.",
        )
