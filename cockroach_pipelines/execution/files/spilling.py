"""Batches set aside in a scratch file, to be read back one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from cockroach_pipelines.execution.files.encoders import EncodedFile
from cockroach_pipelines.execution.files.ipc import ArrowIPC
from cockroach_pipelines.execution.files.sink import LocalFile


class SpillFile:
    """A new scratch file of batches of one schema, each of which is read back by its number.

    Args:
        path: Where it is.
        schema: What the batches have.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._local = LocalFile(path)
        self._file = EncodedFile(ArrowIPC(), self._local, schema)
        self._reader: Any = None

    def write(self, table: pa.Table) -> None:
        """Append rows as one batch.

        Raises:
            FileWriteError: They cannot be written.
        """
        self._file.write(table)

    def finish(self) -> None:
        """End the file; nothing can be read before."""
        self._file.finish()
        self._local.close(synchronise=False)

    def batch(self, number: int) -> Any:
        """Give a batch, in the order that they were written in, from 0."""
        if self._reader is None:
            self._reader = pa.ipc.open_file(pa.OSFile(str(self._path)))
        return self._reader.get_batch(number)

    def remove(self) -> None:
        """Remove the file."""
        self._reader = None
        self._path.unlink(missing_ok=True)
