"""What tells the rows of one result from those of another, however they are cut into batches."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cockroach_pipelines.database.arrow import text_of_intervals
from cockroach_pipelines.execution.files.ahead import Ahead

_BATCHES_AHEAD = 4


def rows_digest(path: Path) -> str:
    """Hash the rows of a Parquet file: columns' names, types and values in order."""
    with pq.ParquetFile(path) as file:
        rows = _Rows(file.schema_arrow)
        for batch in file.iter_batches():
            rows.add(batch)
    return rows.hexdigest()


class RowsDigest:
    """Hashes rows while they pass, in a thread.

    Args:
        schema: What the batches have.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._rows = _Rows(schema)
        self._hashing: Ahead[None] = Ahead(threads=1, limit=_BATCHES_AHEAD)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch; waits while too many are unfinished."""
        self._hashing.submit(self._rows.add, batch)

    def finish(self) -> str:
        """Wait for what is left, and give the hash in hexadecimal."""
        self._hashing.drain()
        return self._rows.hexdigest()

    def abandon(self) -> None:
        """End the thread."""
        self._hashing.abandon()


class _Rows:
    def __init__(self, schema: pa.Schema) -> None:
        self._columns = [_Column(field) for field in schema]
        self._count = 0

    def add(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:  # which may have no buffers
            return
        for column, values in zip(self._columns, batch.columns, strict=True):
            column.add(values, self._count)
        self._count += batch.num_rows

    def hexdigest(self) -> str:
        whole = hashlib.sha256(f"{self._count}".encode())
        for column in self._columns:
            whole.update(column.digest())
        return whole.hexdigest()


class _Column:
    """The hash of one column: where there are NULLs, how long values are, and the values themselves."""

    def __init__(self, field: pa.Field) -> None:
        self._nulls, self._lengths, self._values = (hashlib.sha256() for _ in range(3))
        self._values.update(f"{field.name}\0{field.type}\0".encode("utf-8", "surrogatepass"))

    def add(self, column: Any, first_row: int) -> None:
        if column.null_count:
            places = pc.add(pc.indices_nonzero(pc.is_null(column)), pa.scalar(first_row, pa.uint64()))
            self._nulls.update(_bytes(places.cast(pa.uint64())))
        if _is_fixed(column.type):
            self._values.update(_bytes(_without_nulls(column)))
            return
        texts = _as_text(column)
        self._lengths.update(_bytes(pc.binary_length(texts)))
        self._values.update(_characters(texts))

    def digest(self) -> bytes:
        return self._nulls.digest() + self._lengths.digest() + self._values.digest()


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
    """Give the values as text or bytes without NULLs, which are empty."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = column
    elif pa.types.is_interval(kind):
        texts = text_of_intervals(column, "").cast(pa.string())
    elif pa.types.is_nested(kind):
        texts = pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.large_string())
    else:
        is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
        texts = column.cast(pa.large_binary() if is_binary else pa.large_string())
    if not texts.null_count:
        return texts
    return pc.fill_null(texts, b"" if pa.types.is_large_binary(texts.type) else "")


def _bytes(column: Any) -> memoryview:
    """Give the values of a column of numbers without NULLs."""
    width = column.type.bit_width // 8
    start = column.offset * width
    return memoryview(column.buffers()[1])[start : start + len(column) * width]


def _characters(texts: Any) -> memoryview:
    """Give the text of all values, one after another."""
    offsets, data = texts.buffers()[1:3]
    if data is None or not len(texts):
        return memoryview(b"")
    width = 8 if pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type) else 4
    first, last = (
        int.from_bytes(memoryview(offsets)[at * width : (at + 1) * width], "little")
        for at in (texts.offset, texts.offset + len(texts))
    )
    return memoryview(data)[first:last]
