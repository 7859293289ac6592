"""A result on its way to a file: staged beside its place, published by renaming."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.database.arrow.decimals import DecimalFit

PREVIEW_ROWS = 10
_STAGING = ".staging"

PlainValue = str | int | float | bool | None


@dataclass(frozen=True)
class StagedResult:
    """A whole result in a Parquet file that nobody reads yet."""

    path: Path
    schema: pa.Schema
    rows: int
    preview: pa.Table
    """The first rows, at most `PREVIEW_ROWS`."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def publish(self, destination: Path) -> None:
        """Put the file into its place in one step; a reader sees the old file or the new one, never a part."""
        destination.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(destination)


class ResultProcessor:
    """Writes results to Parquet files below a folder, in memory that does not grow with the result.

    Args:
        folder: Where results live; it is made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Lend a folder for files that are not published yet; what is left in it afterwards is removed."""
        folder = self.folder / _STAGING / uuid.uuid4().hex
        try:
            folder.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise PipelinesError(
                f"Results cannot be written below {self.folder}: {error.strerror}.",
                advice="Make the folder writable, or set results_folder.",
            ) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def stage(self, stream: ArrowStream, path: Path) -> StagedResult:
        """Write a stream to a Parquet file.

        A numeric column without precision and scale, such as an average, arrives as text; it is written as the
        narrowest decimal that holds every value exactly, known once the whole column was seen.

        Raises:
            StatementError: The server ended the statement in mid-stream; no file is left.
            PipelinesError: The file cannot be written, the disk being full for one.
        """
        fits = {index: DecimalFit() for index, field in enumerate(stream.schema) if _is_unscaled_numeric(field)}
        head: list[pa.RecordBatch] = []
        rows = 0
        with stream, _writing(path):
            with pq.ParquetWriter(path, stream.schema, compression="zstd") as writer:
                for batch in stream:
                    if rows < PREVIEW_ROWS:
                        head.append(batch.slice(0, PREVIEW_ROWS - rows))
                    rows += batch.num_rows
                    for index, fit in fits.items():
                        fit.observe(batch.column(index))
                    writer.write_batch(batch)
            schema = stream.schema
            for index, fit in fits.items():
                schema = schema.set(index, schema.field(index).with_type(fit.type))
            if schema != stream.schema:
                _rewrite(path, schema)
        return StagedResult(path, schema, rows, pa.Table.from_batches(head, stream.schema).cast(schema))


def _is_unscaled_numeric(field: pa.Field) -> bool:
    return pa.types.is_string(field.type) and (field.metadata or {}).get(b"pg.type") == b"numeric"


def _rewrite(path: Path, schema: pa.Schema) -> None:
    fitted = path.with_suffix(".fitted")
    with pq.ParquetFile(path) as source, pq.ParquetWriter(fitted, schema, compression="zstd") as writer:
        for batch in source.iter_batches():
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
    fitted.replace(path)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PipelinesError(
            f"The result cannot be written to {path}: {error.strerror or error}.",
            advice="Make room on the disk and the folder writable; the last good result is still in its place.",
        ) from error


def preview_records(table: pa.Table, limit: int = PREVIEW_ROWS, width: int = 200) -> list[dict[str, PlainValue]]:
    """Give a table's first rows for people: plain values, anything else as text, long text cut to `width` characters."""
    names = _unique(table.schema.names)
    return [
        dict(zip(names, (_plain(value, width) for value in row), strict=True))
        for row in zip(*(column.to_pylist() for column in table.slice(0, limit).columns), strict=True)
    ]


def _plain(value: object, width: int) -> PlainValue:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique
