"""What reading SQL files came to, kept so that files that did not change are not parsed again.

A cache is one file of the project's own cache folder, which nobody else may write to; it is pickled, and only names of
this package and of a few types of values are unpickled. It is a cache and no more: without it, or with one that is of
another version or cannot be read, files are parsed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import stat
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cockroach_pipelines.queries.query import Query

_PACKAGE = __name__.partition(".")[0]
_VALUES = frozenset(
    [
        ("builtins", "frozenset"),
        ("builtins", "set"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("decimal", "Decimal"),
        ("pathlib", "PosixPath"),
        ("uuid", "UUID"),
    ]
)
_OURS = tuple(f"{_PACKAGE}.{part}" for part in ("queries.", "config.errors", "database.as_of", "database.dialect"))
_LIBRARIES = ("pydantic", "sqlglot", "PyYAML")


class QueryCache:
    """Queries by the content of their files.

    Args:
        folder: Where the cache is kept.
        key: What else the queries depend on: the folder of the files, connections, defaults.
    """

    def __init__(self, folder: Path, key: Iterable[object]) -> None:
        said = "\0".join([_code(), sys.version, *map(repr, key)])
        self._path = folder / f"queries-{hashlib.sha256(said.encode()).hexdigest()[:32]}.pickle"
        self._kept: Mapping[str, Query] = {}
        self._used: dict[str, Query] = {}

    def load(self) -> None:
        """Read the cache; nothing is in it when it cannot be read."""
        with contextlib.suppress(Exception):  # whatever is wrong with it, the files themselves are there to be read
            if _is_ours(self._path.parent) and _is_ours(self._path):
                kept = _Unpickler(io.BytesIO(self._path.read_bytes())).load()
                self._kept = kept if isinstance(kept, dict) else {}

    def get(self, digest: str) -> Query | None:
        """Give the query of files with a digest."""
        found = self._kept.get(digest)
        if found is not None:
            self._used[digest] = found
        return found

    def put(self, digest: str, query: Query) -> None:
        """Keep the query of files with a digest."""
        self._used[digest] = query

    def save(self) -> None:
        """Write what was used; where it cannot be written, files are parsed the next time too."""
        if self._used.keys() == self._kept.keys():
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _is_ours(self._path.parent):
                return
            new = self._path.with_name(f"{uuid.uuid4().hex}.new")
            try:
                new.touch(mode=0o600)
                new.write_bytes(pickle.dumps(self._used, protocol=5))
                new.replace(self._path)
            finally:
                new.unlink(missing_ok=True)
            self._remove_others()

    def _remove_others(self) -> None:
        """Remove the caches of other versions, but for the few newest."""
        kept = sorted(self._path.parent.glob("queries-*.pickle"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[8:]:
            old.unlink(missing_ok=True)


def digest(paths: Sequence[Path]) -> str | None:
    """Hash the names and the content of files; None where one cannot be read."""
    hashed = hashlib.sha256()
    try:
        for path in paths:
            content = path.read_bytes() if path.is_file() else None
            if content is None:
                return None
            hashed.update(f"{path}\0{len(content)}\0".encode("utf-8", "surrogatepass"))
            hashed.update(content)
    except OSError:
        return None
    return hashed.hexdigest()


@cache
def _code() -> str:
    """Say which code reads files: versions, and the modules of this package as they are."""
    package = Path(__file__).parents[2]
    modules = sorted(package.rglob("*.py"))
    ours = [f"{path.relative_to(package)}:{(at := path.stat()).st_mtime_ns}:{at.st_size}" for path in modules]
    return "\0".join([version(_PACKAGE), *map(version, _LIBRARIES), *ours])


def _is_ours(path: Path) -> bool:
    """Whether something is there that only the user of this process may write to."""
    at = path.lstat()
    return at.st_uid == os.geteuid() and not stat.S_ISLNK(at.st_mode) and not at.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Give a class that this package's queries are made of, or one of values; nothing else is ever called."""
        if (module, name) in _VALUES:
            return super().find_class(module, name)
        found = super().find_class(module, name) if module.startswith(_OURS) and "." not in name else None
        if isinstance(found, type) and found.__module__ == module:
            return found
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a cache of queries")
