"""What can go wrong between a result and its file."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from cockroach_pipelines.config.errors import PipelinesError

_STAYS = "What was there before is still there."
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class FileWriteError(PipelinesError):
    """A result cannot be written to its place; what was there before stays."""


@contextlib.contextmanager
def writing(place: Path | str) -> Iterator[None]:
    """Turn errors of the operating system into a `FileWriteError` about a place."""
    try:
        yield
    except OSError as error:
        raise FileWriteError(
            f"{place} cannot be written: {error.strerror or error}.", advice=f"{_local_advice(error)} {_STAYS}"
        ) from error


def remote_error(place: str, error: Exception) -> FileWriteError:
    """Give the error for what a file system of fsspec raised; each has exceptions of its own."""
    said = str(error) or type(error).__name__
    return FileWriteError(f"{place} cannot be written: {said}.", advice=f"{_remote_advice(error)} {_STAYS}")


def _local_advice(error: OSError) -> str:
    if error.errno in _FULL:
        return "Make room on the disk, or name a place on another one."
    if error.errno in _FORBIDDEN:
        return "Make the folder writable for this user, or name another place."
    return "Name another place, or put this one in order."


def _remote_advice(error: Exception) -> str:
    kind = type(error).__name__.lower()
    if isinstance(error, FileNotFoundError):
        return "Make the bucket, container or folder, or correct its name."
    if isinstance(error, PermissionError):
        return "Give these credentials the right to write there, or use others."
    if "credential" in kind or "auth" in kind:
        return "Give credentials in the way the store's own clients take them, such as its environment variables."
    if isinstance(error, ConnectionError | TimeoutError) or "connect" in kind or "timeout" in kind:
        return "Check the network and the store's endpoint."
    return "See what the store says, above."
