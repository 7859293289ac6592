"""A stream of Arrow batches into a Parquet file, with what Parquet cannot hold as exact text."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.database.arrow import text_of_intervals
from cockroach_pipelines.database.arrow.decimals import DecimalFit

_COMPRESSION = "zstd"


class ParquetFileWriter:
    """Writes batches of one schema; used as a context manager, after which `schema` is that of the file.

    - A numeric without precision and scale, such as an average, arrives as text; it is kept as the narrowest decimal
      that holds every value exactly, known once the whole column was seen. A column with NaN stays text.
    - An interval, for which Parquet has no type, is kept as ISO 8601 text.
    - Of columns of one name the second is called `name_2`: readers find columns by name.

    Args:
        path: The file; only its owner may read it.
        schema: What the batches have.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._names = unique_names(schema.names)
        self._fits = {index: DecimalFit() for index, field in enumerate(schema) if _is_unscaled_numeric(field)}
        self.schema = pa.schema(
            [_storable(field).with_name(name) for field, name in zip(schema, self._names, strict=True)]
        )
        path.touch(mode=0o600)
        self._writer = pq.ParquetWriter(path, self.schema, compression=_COMPRESSION)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        for index, fit in self._fits.items():
            fit.observe(batch.column(index))
        self._writer.write_batch(self._stored(batch))

    def stored(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Give batches as the file has them; complete once everything was written."""
        return pa.Table.from_batches([self._stored(batch) for batch in batches], self._with_types_as_written()).cast(
            self.schema
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        if error is None and self._fits:
            self._fit()

    def _fit(self) -> None:
        for index, fit in self._fits.items():
            self.schema = self.schema.set(index, self.schema.field(index).with_type(fit.type))
        fitted = self._path.with_suffix(".fitted")
        fitted.touch(mode=0o600)
        with (
            pq.ParquetFile(self._path) as source,
            pq.ParquetWriter(fitted, self.schema, compression=_COMPRESSION) as out,
        ):
            for batch in source.iter_batches():
                out.write_table(pa.Table.from_batches([batch]).cast(self.schema))
        fitted.replace(self._path)

    def _with_types_as_written(self) -> pa.Schema:
        schema = self.schema
        for index in self._fits:
            schema = schema.set(index, schema.field(index).with_type(pa.string()))
        return schema

    def _stored(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [
            text_of_intervals(column, name) if pa.types.is_interval(column.type) else column
            for name, column in zip(self._names, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._with_types_as_written())


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


def _is_unscaled_numeric(field: pa.Field) -> bool:
    said = field.metadata or {}
    return pa.types.is_string(field.type) and said.get(b"pg.type") == b"numeric" and b"pg.special" not in said


def _storable(field: pa.Field) -> pa.Field:
    return field.with_type(pa.string()) if pa.types.is_interval(field.type) else field
