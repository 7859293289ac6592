"""The result of a query of 64-bit integers by COPY (…) TO STDOUT in the binary format.

Its rows are all of one size, so that no byte of them is looked at one by one: where CSV is parsed, two copies do here.

Source: PostgreSQL's documentation of COPY, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cockroach_pipelines.database.arrow.copy_out import CopyOut
from cockroach_pipelines.database.arrow.describe import Description
from cockroach_pipelines.database.arrow.encode_binary import HEADER, TRAILER
from cockroach_pipelines.database.arrow.errors import UnreadableDataError
from cockroach_pipelines.database.arrow.marks import Marks
from cockroach_pipelines.database.arrow.pump import Pump
from cockroach_pipelines.database.arrow.server import knows_binary_copy
from cockroach_pipelines.database.arrow.statement import single_statement
from cockroach_pipelines.database.arrow.stream import ArrowStream, read
from cockroach_pipelines.database.arrow.types import Special, column


def read_integers(jdbc: Any, sql: str, names: Sequence[str], parameters: Sequence[object] = ()) -> ArrowStream:
    """Run one SELECT of columns that are `int8` and never NULL; errors and the connection's use are those of `read`.

    Args:
        jdbc: An open `java.sql.Connection` of pgjdbc.
        sql: The statement, with `?` for each parameter.
        names: What it calls its columns.
        parameters: Their values, in order.

    Raises:
        StatementError: The server refused the statement.
        UnreadableDataError: While reading: a value is no `int8`.
    """
    if not knows_binary_copy(jdbc):
        return read(jdbc, sql, parameters)
    pump = Pump(jdbc, CopyIntegers(jdbc, sql, parameters, names), "error", integers_of_block)
    description = pump.begin()
    return ArrowStream(pump, description.columns, description.schema, "error")


class CopyIntegers(CopyOut):
    """Blocks of whole rows, the first behind the header and the last before the trailer; see `Source`."""

    def __init__(self, jdbc: Any, sql: str, parameters: Sequence[object], names: Sequence[str]) -> None:
        super().__init__(jdbc, sql, parameters, "error")
        self._description = Description(tuple(column(name, "int8", 0, 0, "error") for name in names))
        self._cutter = _SameSizeCutter(_row(len(names)).itemsize)

    @property
    def copy_format(self) -> str:
        """What the COPY is told of its format."""
        return "FORMAT binary"

    def describe(self) -> Description:
        """Give the columns; the server is asked where parameters have to be rendered."""
        if self._parameters or "?" in self._sql:
            super().describe()
        else:
            self._literal_sql = single_statement(self._sql)
        return self._description

    def _ends_whole(self, block: bytes) -> bool:
        return not self._ended or block.endswith(TRAILER)


class _SameSizeCutter:
    """Finds where the last whole row ends in pieces of a stream; see `RowCutter`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._start = len(HEADER)

    def end_of_rows(self, piece: Any) -> int:
        """Give how many bytes of a piece end with a row; 0 when no row ends in it."""
        rows = (len(piece) - self._start) // self._size
        if rows <= 0:
            return 0
        end = self._start + rows * self._size
        self._start = 0
        return end


def integers_of_block(block: bytes, description: Description, special: Special, marks: Marks) -> Any:
    """Give the rows of a block as a `pa.RecordBatch` of int64.

    Raises:
        UnreadableDataError: They are others.
    """
    columns = len(description.columns)
    row = _row(columns)
    start = len(HEADER) if block.startswith(HEADER) else 0
    count = (len(block) - start) // row.itemsize
    rows = np.frombuffer(block, row, count, start)
    lengths = [f"length{place}" for place in range(columns)]
    if (
        block[start + count * row.itemsize :] not in (b"", TRAILER)
        or (rows["fields"] != columns).any()
        or any((rows[name] != np.dtype(np.int64).itemsize).any() for name in lengths)
    ):
        raise UnreadableDataError(f"The server's rows are not of {columns} integers of 64 bits each.")
    return pa.RecordBatch.from_arrays(
        [_array(rows[f"value{place}"]) for place in range(columns)], schema=description.schema
    )


def _array(values: Any) -> Any:
    # `pa.array` of numpy imports pandas: a second and 40 MB.
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values.astype(np.int64))])


def _row(columns: int) -> Any:
    """Give numpy's type of a row: how many fields, and for each its length and its value, big end first."""
    fields = [pair for place in range(columns) for pair in ((f"length{place}", ">i4"), (f"value{place}", ">i8"))]
    return np.dtype([("fields", ">i2"), *fields])
