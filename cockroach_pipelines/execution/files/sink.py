"""Where the writers of formats put their bytes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa

from cockroach_pipelines.config.file_errors import writing

_BUFFER_BYTES = 1 << 20


class Sink(Protocol):
    """A file that grows at its end and that nobody reads before it is whole."""

    @property
    def scratch(self) -> Path:
        """A local folder, for what a writer has to look at twice."""

    def write(self, data: Any) -> int:
        """Append bytes, or anything with a buffer.

        Raises:
            FileWriteError: They cannot be written.
        """

    def take(self, path: Path) -> None:
        """Make a local file the content; nothing was written before, and the file is gone afterwards."""


class LocalFile:
    """A new local file that only its owner may read; as a context manager it is on the disk afterwards, or gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            self._file = self._open(os.O_CREAT | os.O_EXCL)

    @property
    def scratch(self) -> Path:
        """The file's own folder."""
        return self.path.parent

    def write(self, data: Any) -> int:
        """Append bytes."""
        with writing(self.path):
            return self._file.write(data)

    def take(self, path: Path) -> None:
        """Make another file of the same file system the content."""
        with writing(self.path):
            self._file.close()
            path.replace(self.path)
            self._file = self._open()

    def close(self, *, synchronise: bool = True) -> None:
        """End it, and wait until the disk has it."""
        with writing(self.path), self._file as file:
            file.flush()
            if synchronise:
                os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove it."""
        self._file.raw.close()  # what is buffered is not wanted, and need not fit on a full disk
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.discard()
            return
        try:
            self.close()
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise

    def _open(self, flags: int = 0) -> io.BufferedWriter:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
        return io.BufferedWriter(io.FileIO(descriptor, "w"), _BUFFER_BYTES)


class ArrowOutput(io.RawIOBase):
    """A sink as pyarrow takes it; closing it leaves the sink open, and `drop` makes it swallow what still comes."""

    def __init__(self, sink: Sink) -> None:
        self._sink: Sink | None = sink

    def native(self) -> Any:
        """Give it as a `pa.NativeFile`."""
        return pa.PythonFile(self, mode="w")

    def drop(self) -> None:
        """Let go of the sink."""
        self._sink = None

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Append bytes."""
        return len(data) if self._sink is None else self._sink.write(data)
