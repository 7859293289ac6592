"""The formats that a file's name chooses between."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

import pyarrow as pa

from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.execution.files.csv import CsvWriter, gzipped, zstandard
from cockroach_pipelines.execution.files.ipc import ArrowIPC
from cockroach_pipelines.execution.files.parquet import Parquet
from cockroach_pipelines.execution.files.sink import Sink
from cockroach_pipelines.execution.files.typed import TypedWriter


class FileWriter(Protocol):
    """Writes batches of one schema as a file; `finish` or `abandon` ends it."""

    @property
    def schema(self) -> pa.Schema:
        """What the file has, once it is finished."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch.

        Raises:
            FileWriteError: It cannot be written, or the format cannot hold it.
        """

    def finish(self) -> None:
        """Write what is left, and what ends the file."""

    def abandon(self) -> None:
        """End what still works on it; the sink is the caller's to discard."""

    def stored(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Give batches as the file has them; complete once it is finished."""


MakeWriter = Callable[[Sink, pa.Schema], FileWriter]

_WRITERS: dict[str, MakeWriter] = {
    ".parquet": functools.partial(TypedWriter, Parquet()),
    ".csv": CsvWriter,
    ".csv.gz": functools.partial(CsvWriter, compress=gzipped),
    ".csv.zst": functools.partial(CsvWriter, compress=zstandard),
    ".arrow": functools.partial(TypedWriter, ArrowIPC()),
    ".feather": functools.partial(TypedWriter, ArrowIPC()),
}
ENDINGS = tuple(_WRITERS)
"""How the name of a file may end."""


def writer_for(name: str) -> MakeWriter:
    """Give what writes files of such a name.

    Raises:
        ConfigurationError: Its ending names no format.
    """
    return _WRITERS[ending_of(name)]


def ending_of(name: str) -> str:
    """Give the ending of a name that stands for a format.

    Raises:
        ConfigurationError: There is none.
    """
    for ending in ENDINGS:
        if name.lower().endswith(ending):
            return ending
    raise ConfigurationError(
        f"{name} has no known format.",
        advice=f"Name a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.",
    )
