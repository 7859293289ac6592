"""Names of files, on the disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def synchronise_folder(folder: Path) -> None:
    """Wait until the disk has what was renamed into a folder or made in it."""
    with contextlib.suppress(OSError):  # some network file systems refuse; the files themselves are on the disk
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
