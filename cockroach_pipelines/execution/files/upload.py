"""Files on their way to a file system of fsspec."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from cockroach_pipelines.config.file_errors import remote_error

_logger = logging.getLogger(__name__)

# fsspec offers commit and discard for every file system; these keep what it promises.
_TRANSACTIONAL = frozenset({"memory", "s3", "s3a", "gs", "gcs", "oss"})
# Blocks of a blob are nothing until the list of them is committed, which closing the file does.
_WHOLE_WHEN_CLOSED = frozenset({"abfs", "abfss", "az"})
# Elsewhere, as over SFTP, a folder has to be there; a bucket is not made by writing to it.
_WITHOUT_FOLDERS = _TRANSACTIONAL | _WHOLE_WHEN_CLOSED
_COPY_BYTES = 1 << 22


class Upload:
    """A file that appears on another file system when it is published.

    Args:
        name: The file, for people.
        system: A `fsspec.AbstractFileSystem` of its own, whose transaction is the file.
        path: The file's path in it.
    """

    def __init__(self, name: str, system: Any, path: str) -> None:
        self.size = 0
        self._name = name
        self._system = system
        self._path = path
        self._kind = _kind_of(system)
        aside = f"{path}.{uuid.uuid4().hex}.part"
        self._written = path if self._kind in _WITHOUT_FOLDERS else aside
        self._ended = False
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        with self._talking():
            if self._kind not in _WITHOUT_FOLDERS:
                system.makedirs(system._parent(path), exist_ok=True)
            if self._kind in _TRANSACTIONAL:
                system.start_transaction()
            self._file = system.open(self._written, "wb")

    @property
    def scratch(self) -> Path:
        """A local temporary folder."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="cockroach_pipelines-")
        return Path(self._scratch.name)

    def write(self, data: Any) -> int:
        """Append bytes."""
        with self._talking():
            self._file.write(data)
        self.size += len(data)
        return len(data)

    def take(self, path: Path) -> None:
        """Send a local file."""
        with path.open("rb") as source:
            while data := source.read(_COPY_BYTES):
                self.write(data)
        path.unlink()

    def publish(self) -> None:
        """Make the file appear, in the place of what was there."""
        with self._talking():
            self._file.close()
            if self._kind in _TRANSACTIONAL:
                self._system.end_transaction()
            elif self._written != self._path:
                self._system.mv(self._written, self._path)
        self._ended = True

    def close(self) -> None:
        """Discard what was not published."""
        if self._scratch is not None:
            self._scratch.cleanup()
        if self._ended:
            return
        try:
            self._discard()
        except Exception as error:  # noqa: BLE001 - each file system has exceptions of its own
            _logger.warning("what was sent of %s could not be discarded: %s", self._name, error)

    def _discard(self) -> None:
        if self._kind in _TRANSACTIONAL:
            self._system.transaction.complete(commit=False)
        elif self._written != self._path:
            with contextlib.suppress(Exception):
                self._file.close()
            self._system.rm(self._written)
        if isinstance(self._file, fsspec.spec.AbstractBufferedFile):
            self._file.closed = True  # else the garbage collector closes it, which sends it

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each file system has exceptions of its own
            raise remote_error(self._name, error) from error


def _kind_of(system: Any) -> str:
    protocol = system.protocol
    return str(protocol if isinstance(protocol, str) else protocol[0])
