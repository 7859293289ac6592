"""The folder in which a comparison keeps what it found so far."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cockroach_pipelines.config.file_errors import writing
from cockroach_pipelines.reconciliation.errors import ReconciliationError


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Make the folder and keep it for one comparison at a time.

    Raises:
        ReconciliationError: Another comparison works there.
        FileWriteError: Nothing can be written there.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _lock(descriptor, folder)
            yield
        finally:
            os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ReconciliationError(
            f"Another comparison works in {folder}: each would clear away what the other found.",
            advice="Wait for it, or give this one a folder of its own.",
        ) from error
    except OSError:  # a network's file system that knows no locks of folders
        return
