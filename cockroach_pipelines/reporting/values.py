"""Values of Arrow columns as Python has them, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.database.arrow import text_of_intervals


def values_of(column: pa.ChunkedArray) -> list[object]:
    """Give a column's values; those that Python has no type for, such as moments before the year 1, as text."""
    if pa.types.is_interval(column.type):
        return [text for chunk in column.chunks for text in text_of_intervals(chunk, "").to_pylist()]
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return list(column.cast(pa.string()).to_pylist())


def first_rows(path: Path, limit: int) -> pa.Table:
    """Read the first rows of a Parquet file."""
    with pq.ParquetFile(path) as file:
        batches: list[pa.RecordBatch] = []
        missing = limit
        for batch in file.iter_batches(batch_size=min(max(limit, 1), 1 << 16)):
            if missing <= 0:
                break
            batches.append(batch.slice(0, missing))
            missing -= batch.num_rows
        return pa.Table.from_batches(batches, file.schema_arrow)


def batches_of(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read some columns of a Parquet file, batch by batch."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(columns=list(columns))


def row_count(path: Path) -> int:
    """Give the number of rows of a Parquet file."""
    with pq.ParquetFile(path) as file:
        return int(file.metadata.num_rows)


def schema_of(path: Path) -> pa.Schema:
    """Give the columns of a Parquet file."""
    with pq.ParquetFile(path) as file:
        return file.schema_arrow


def is_number(kind: pa.DataType) -> bool:
    """Whether a type is one of numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
