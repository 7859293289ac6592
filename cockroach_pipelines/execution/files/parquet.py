"""Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.database.arrow import text_of_intervals

# A dictionary pays where values recur. Where they do not, it is given up at this size: the sooner, the less of a column
# was encoded for nothing (at the usual 1 MiB twice the time, and a larger file).
_DICTIONARY_BYTES = 1 << 17


class Parquet:
    """Parquet, compressed by zstd. An interval, for which it has no type, is kept as ISO 8601 text."""

    name = "Parquet"

    def storable(self, field: pa.Field) -> pa.Field:
        """Give the field that a column becomes."""
        return field.with_type(pa.string()) if pa.types.is_interval(field.type) else field

    def stored(self, column: Any, name: str) -> Any:
        """Give a column in the type of `storable`."""
        return text_of_intervals(column, name) if pa.types.is_interval(column.type) else column

    def encoder(self, output: Any, schema: pa.Schema) -> Any:
        """Give what makes a row group of each table."""
        return pq.ParquetWriter(output, schema, compression="zstd", dictionary_pagesize_limit=_DICTIONARY_BYTES)

    def groups(self, path: Path) -> Iterator[pa.Table]:
        """Read a file's row groups."""
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
