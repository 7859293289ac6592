"""Folders for files that nobody reads yet."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from cockroach_pipelines.config.file_errors import writing

_STAGING = ".staging"
_OWNER = "owner"
_BEING_MADE = ".new"
_OWNERLESS_SECONDS = 24 * 3600
_ATTEMPTS = 100


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Lend a new folder below `folder/.staging`, its owner's alone; what is left in it afterwards is removed.

    The file `owner` in it is locked for as long as the owner lives. What an owner that was killed has left is removed
    by the next one.

    Raises:
        FileWriteError: The folder cannot be made.
    """
    with writing(folder):
        mine, lock = _claim(folder / _STAGING)
    try:
        _remove_abandoned(mine.parent)
        yield mine
    finally:
        shutil.rmtree(mine, ignore_errors=True)
        os.close(lock)
        with contextlib.suppress(OSError):  # something else is staged there
            mine.parent.rmdir()


def _claim(parent: Path) -> tuple[Path, int]:
    for attempt in range(_ATTEMPTS):
        try:
            return _make(parent)
        except FileNotFoundError:  # another one has just removed the empty parent
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


def _make(parent: Path) -> tuple[Path, int]:
    # It gets its name when it is locked already, so that nobody takes it for abandoned.
    mine = parent / uuid.uuid4().hex
    unnamed = mine.with_name(mine.name + _BEING_MADE)
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unnamed.mkdir(mode=0o700)
    lock = os.open(unnamed / _OWNER, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: nobody else can lock it either
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(mine)
    except BaseException:
        os.close(lock)
        raise
    return mine, lock


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.iterdir():
        with contextlib.suppress(OSError):  # it has an owner, or has just gone
            if _is_abandoned(folder):
                shutil.rmtree(folder)


def _is_abandoned(folder: Path) -> bool:
    owner = folder / _OWNER
    if folder.suffix == _BEING_MADE or not owner.exists():
        return time.time() - folder.stat().st_mtime > _OWNERLESS_SECONDS
    lock = os.open(owner, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(lock)
    return True
