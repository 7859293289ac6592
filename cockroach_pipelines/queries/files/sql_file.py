"""SQL files: their text, and what their names say."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText

MAX_BYTES = 1_048_576
_NAME_PART = re.compile(r"[A-Za-z0-9_]+")
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")


def read_text(path: Path) -> str:
    """Read a SQL file.

    Raises:
        QueryFileError: It is no regular file, cannot be read, is too big, or is not UTF-8.
    """
    try:
        status = path.stat()  # before it is opened: a pipe would wait for ever
        if not stat.S_ISREG(status.st_mode):
            raise QueryFileError(
                "This is no regular file.", place=Place(path), advice="Replace it by a file, or rename it."
            )
        if status.st_size > MAX_BYTES:
            raise QueryFileError(
                f"The file has {status.st_size:,} bytes, and at most {MAX_BYTES:,} are read.",
                place=Place(path),
                advice="Data belongs in a table: load it there, and query it.",
            )
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise QueryFileError(
            f"The file cannot be read: {reason}.",
            place=Place(path),
            advice="Check that it exists, and its permissions.",
        ) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise QueryFileError("The file is UTF-16.", place=Place(path, 1, 1), advice="Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        raise QueryFileError(
            f"The byte 0x{content[error.start]:02x} is no UTF-8.",
            place=SourceText(path, before).place(len(before)),
            advice="Save the file as UTF-8.",
        ) from error


def name_parts(path: Path, folder: Path) -> list[str]:
    """Give the parts of a query's name: its path below the folder without endings, `_` for what no name may hold."""
    *folders, file = path.relative_to(folder).parts
    return [_NO_NAME.sub("_", part) or "_" for part in (*folders, _stem_and_dialect(file)[0])]


def dialect_of(path: Path, folder: Path) -> Dialect | None:
    """Give the dialect that the name of a file below the folder says it is for; None for all.

    Raises:
        QueryFileError: The name, or that of a folder, is not one that a query may have.
    """
    for part in path.relative_to(folder).parts[:-1]:
        _refuse_name(part, path)
    stem, ending = _stem_and_dialect(path.name)
    if path.suffix != ".sql":
        raise QueryFileError(
            f"The ending {path.suffix!r} is not .sql.", place=Place(path), advice=f"Rename it to {path.stem}.sql."
        )
    if ending and ending not in set(Dialect):
        hint = did_you_mean(ending, map(str, Dialect))
        raise QueryFileError(
            f"{ending!r} in the name of the file is no dialect.",
            place=Place(path),
            advice=hint if hint.startswith("Did") else f"Rename it to {_sanitised(stem + '_' + ending)}.sql.",
        )
    _refuse_name(stem, path)
    return Dialect(ending) if ending else None


def _stem_and_dialect(file: str) -> tuple[str, str]:
    """Take `name.cockroachdb.sql` apart; a file name without a second ending has the dialect ''."""
    stem = file[: -len(".sql")] if file.lower().endswith(".sql") else file
    base, dot, ending = stem.rpartition(".")
    return (base, ending) if dot and base else (stem, "")


def _sanitised(part: str) -> str:
    return re.sub(r"_+", "_", _NO_NAME.sub("_", part)).strip("_") or "query"


def _refuse_name(part: str, path: Path) -> None:
    if not _NAME_PART.fullmatch(part):
        shown = os.fsencode(part).decode("utf-8", "replace")
        raise QueryFileError(
            f"{shown!r} in the path cannot be part of an asset's name.",
            place=Place(path),
            advice=f"Rename it to {_sanitised(part)!r}: names hold letters, digits and underscores.",
        )
