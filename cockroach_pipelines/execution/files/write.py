"""Batches into a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.database.arrow.incoming import reader_of
from cockroach_pipelines.execution.files.destination import AnyPlace, Destination
from cockroach_pipelines.execution.files.formats import FileWriter, MakeWriter, writer_for
from cockroach_pipelines.execution.files.sink import Sink


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written: where, how many rows and bytes, and its columns."""

    destination: str
    rows: int
    bytes: int
    schema: pa.Schema


def write_file(data: Any, destination: AnyPlace) -> WrittenFile:
    """Write a result to a file whose name's ending says its format, in memory that does not grow with the result.

    The file appears when it is whole, in the place of what was there: it is written aside and renamed, or uploaded and
    committed. Only its owner may read a local one; the folder is made when missing. A stream is used up, or closed when
    it could not be written.

    Args:
        data: An `ArrowStream`, `pa.RecordBatchReader`, `pa.Table`, `pd.DataFrame`, or anything with
            `__arrow_c_stream__`.
        destination: A path, a URL of a file system that fsspec knows, or a `UPath` with its storage options.

    Raises:
        FileWriteError: It cannot be written there.
        ConfigurationError: The ending names no format, or the URL no file system that is installed.
        DatabaseError: The stream failed.
    """
    place = Destination.of(destination)
    make = writer_for(place.name)
    rows = 0
    with place.pending() as file, _reader(data) as reader:
        with encoding(make, file, reader.schema) as writer:
            for batch in reader:
                rows += batch.num_rows
                writer.write(batch)
        file.publish()
        return WrittenFile(place.name, rows, file.size, writer.schema)


@contextlib.contextmanager
def encoding(make: MakeWriter, sink: Sink, schema: pa.Schema) -> Iterator[FileWriter]:
    """Write a file to a sink: finished at the end of the block, abandoned when that raises."""
    writer = make(sink, schema)
    try:
        yield writer
        writer.finish()
    except BaseException:
        writer.abandon()
        raise


def _reader(data: Any) -> ArrowStream | pa.RecordBatchReader:
    return data if isinstance(data, ArrowStream) else reader_of(data)
