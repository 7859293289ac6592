"""What can go wrong with the embedded database."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from cockroach_pipelines.config import PipelinesError

_ANOTHER_FOLDER = "set embedded.folder to a folder that this user can write"
_ANOTHER_DISK = "set embedded.folder to a folder on another disk"
_BY_ERRNO = {
    errno.ENOSPC: f"The disk is full: free about 300 MB, or {_ANOTHER_DISK}.",
    errno.EDQUOT: f"The user's disk quota is used up: free about 300 MB, or {_ANOTHER_DISK}.",
    errno.EROFS: f"The file system is read-only: {_ANOTHER_FOLDER}.",
    errno.EACCES: f"This user may not write there: {_ANOTHER_FOLDER}, or start as the user who owns it.",
    errno.EPERM: f"This user may not change it: {_ANOTHER_FOLDER}, or start as the user who owns it.",
    errno.ENOTDIR: f"A part of the path is a file: {_ANOTHER_FOLDER}.",
    errno.EEXIST: f"A file is in the way: {_ANOTHER_FOLDER}.",
}

# What PostgreSQL writes (with lc_messages=C) and what a person can do about it; the first that occurs counts.
_BY_SERVER_TEXT = {
    "No space left on device": _BY_ERRNO[errno.ENOSPC],
    "Disk quota exceeded": _BY_ERRNO[errno.EDQUOT],
    "Cannot allocate memory": "The machine is short of memory: the server needs about 200 MB.",
    "cannot be run as root": "Start as an ordinary user, or as a root that may become one.",
    "database files are incompatible": "The folder belongs to another PostgreSQL: set embedded.folder to a new folder.",
    "Permission denied": "The server may not use the folder: set embedded.folder to a new folder of your own.",
    "could not create any TCP/IP sockets": "The server listens on 127.0.0.1: allow that to this process.",
    "could not locate a valid checkpoint record": "Its files are damaged: remove the folder, and it is made anew.",
    "could not open file": "Its files are damaged: remove the folder, and it is made anew.",
}


class EmbeddedServerError(PipelinesError):
    """The embedded database cannot be started, joined or stopped."""


class SampleDataError(PipelinesError):
    """The sample data cannot be read or loaded."""


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into one that names the embedded database's folder and says what to do."""
    try:
        yield
    except OSError as error:
        raise EmbeddedServerError(
            f"The embedded database cannot use its folder {folder}: {error}",
            advice=_BY_ERRNO.get(error.errno or 0, f"Otherwise {_ANOTHER_FOLDER}."),
        ) from error


def server_failure(what: str, output: str) -> EmbeddedServerError:
    """Give the error for a program of PostgreSQL that failed, with the end of what it wrote.

    Args:
        what: What failed, as the beginning of a sentence without its stop.
        output: All it wrote, in English.
    """
    advice = next(
        (advice for text, advice in _BY_SERVER_TEXT.items() if text in output), "Its own words, above, say why."
    )
    tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-12:])
    return EmbeddedServerError(f"{what}.\n{tail}" if tail else f"{what}, without a word.", advice=advice)
