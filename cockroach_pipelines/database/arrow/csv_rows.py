"""Rows as the server writes them, for those who compare many and look at few."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from cockroach_pipelines.database.arrow.blocks import ends_of_rows
from cockroach_pipelines.database.arrow.copy_out import CopyOut
from cockroach_pipelines.database.arrow.describe import Description
from cockroach_pipelines.database.arrow.marks import USUAL, Marks
from cockroach_pipelines.database.arrow.parse import parse_block
from cockroach_pipelines.database.arrow.pump import Pump
from cockroach_pipelines.database.arrow.result_set import ResultRows
from cockroach_pipelines.database.arrow.server import copies_queries
from cockroach_pipelines.database.arrow.source import Source
from cockroach_pipelines.database.arrow.stream import PumpedStream
from cockroach_pipelines.database.arrow.types import Special


@dataclass(frozen=True)
class CSVRows:
    """Whole rows, as CSV.

    Attributes:
        blocks: Their bytes, some rows each.
        description: Their columns.
        marks: What they are written with.
    """

    blocks: tuple[bytes, ...]
    description: Description
    marks: Marks

    def __len__(self) -> int:
        quote = self.marks.quote.encode()
        if any(quote in block for block in self.blocks):
            return len(self._ends)
        return sum(block.count(b"\n") for block in self.blocks)

    @functools.cached_property
    def lines(self) -> Any:
        """An Arrow array of each row's bytes."""
        offsets = np.concatenate([np.zeros(1, np.int64), self._ends])
        return pa.Array.from_buffers(
            pa.large_binary(), len(self._ends), [None, pa.py_buffer(offsets), pa.py_buffer(self._data)]
        )

    def chosen(self, mask: Any) -> CSVRows:
        """Give the rows for which an Arrow array of booleans is true."""
        lines = self.lines.filter(mask)
        if not len(lines):
            return replace(self, blocks=())
        return replace(self, blocks=(lines.buffers()[2].to_pybytes(),))

    def to_table(self) -> Any:
        """Give every value as text, in a `pa.Table`."""
        columns = tuple(replace(column, arrow=pa.string(), direct=True) for column in self.description.columns)
        description = Description(columns)
        batches = [parse_block(block, description, "error", self.marks) for block in self.blocks]
        return pa.Table.from_batches(batches, description.schema)

    @functools.cached_property
    def _data(self) -> bytes:
        return self.blocks[0] if len(self.blocks) == 1 else b"".join(self.blocks)

    @functools.cached_property
    def _ends(self) -> Any:
        return ends_of_rows(self._data, self.marks)


class CSVStream(PumpedStream):
    """Rows that arrive block by block; made by `read_csv`. Waits and cancels as `ArrowStream` does."""

    def __init__(self, pump: Pump, description: Description, marks: Marks) -> None:
        super().__init__(pump)
        self._description = description
        self._marks = marks

    def rows(self) -> CSVRows:
        """Read what is left.

        Raises:
            StatementError: The statement failed, or was cancelled.
        """
        return CSVRows(tuple(self._batches), self._description, self._marks)


def read_csv(jdbc: Any, sql: str, parameters: Sequence[object] = (), *, portable: bool = False) -> CSVStream:
    """Run one SELECT and stream its rows as they are; errors and the connection's use are those of `read`.

    Args:
        jdbc: An open `java.sql.Connection` of pgjdbc.
        sql: The statement, with `?` for each parameter.
        parameters: Their values, in order.
        portable: Whether to write with the marks that every database knows, so that rows of two can be compared.

    Raises:
        StatementError: The server refused the statement.
    """
    source: Source
    if copies_queries(jdbc):
        source = CopyOut(jdbc, sql, parameters, "error", USUAL if portable else None)
    else:
        source = ResultRows(jdbc, sql, parameters, "error")
    pump = Pump(jdbc, source, "error", _as_it_is)
    return CSVStream(pump, pump.begin(), source.marks)


def _as_it_is(block: bytes, description: Description, special: Special, marks: Marks) -> bytes:
    return block
