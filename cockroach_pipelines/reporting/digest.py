"""What tells one content from another."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cockroach_pipelines.database.arrow import text_of_intervals


def rows_digest(path: Path) -> str:
    """Hash the rows of a Parquet file: columns' names, types and values in order, however the file is cut into groups."""
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        columns = [_ColumnHash(field) for field in schema]
        rows = 0
        for batch in file.iter_batches():
            rows += batch.num_rows
            for column, values in zip(columns, batch.columns, strict=True):
                column.add(values)
    whole = hashlib.sha256(f"{rows}".encode())
    for column in columns:
        whole.update(column.digest())
    return whole.hexdigest()


class _ColumnHash:
    """The hash of one column: which values are there, how long they are, and the values themselves."""

    def __init__(self, field: pa.Field) -> None:
        self._present, self._lengths, self._values = (hashlib.sha256() for _ in range(3))
        self._values.update(f"{field.name}\0{field.type}\0".encode("utf-8", "surrogatepass"))

    def add(self, column: Any) -> None:
        self._present.update(_bytes(pc.is_valid(column).cast(pa.uint8())))
        if _is_fixed(column.type):
            self._values.update(_bytes(_without_nulls(column)))
            return
        texts = _as_text(column)
        self._lengths.update(_bytes(pc.fill_null(pc.binary_length(texts), 0)))
        self._values.update(_characters(pc.fill_null(texts, b"" if pa.types.is_large_binary(texts.type) else "")))

    def digest(self) -> bytes:
        return self._present.digest() + self._lengths.digest() + self._values.digest()


def _is_fixed(kind: pa.DataType) -> bool:
    """Whether every value of a type takes the same number of bytes."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
    ) and not pa.types.is_interval(kind)


def _without_nulls(column: Any) -> Any:
    """Give a column whose NULLs are zeros, for what stands in their place is anything."""
    if not column.null_count:
        return column
    kind = column.type
    zero = pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(bytes(kind.bit_width // 8))])
    return pc.fill_null(column, zero[0])


def _as_text(column: Any) -> Any:
    kind = column.type
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind):
        return column.cast(pa.large_binary())
    if pa.types.is_interval(kind):
        return text_of_intervals(column, "").cast(pa.large_string())
    if pa.types.is_nested(kind):
        return pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.large_string())
    return column.cast(pa.large_string())


def _bytes(column: Any) -> memoryview:
    """Give the values of a column of numbers without NULLs."""
    width = column.type.bit_width // 8
    start = column.offset * width
    return memoryview(column.buffers()[1])[start : start + len(column) * width]


def _characters(column: Any) -> memoryview:
    offsets, data = column.buffers()[1:3]
    if data is None:
        return memoryview(b"")
    first, last = (
        int.from_bytes(memoryview(offsets)[at * 8 : at * 8 + 8], "little")
        for at in (column.offset, column.offset + len(column))
    )
    return memoryview(data)[first:last]
