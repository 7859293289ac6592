"""Paths in the settings, which are relative to the folder of the configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

# A settings class of pydantic-settings takes no validation context, so the folder travels beside it.
_folder: ContextVar[Path | None] = ContextVar("folder of the configuration", default=None)


@contextmanager
def relative_to(folder: Path) -> Iterator[None]:
    """Resolve relative paths of the models that are validated within against this folder; otherwise they stay."""
    token = _folder.set(folder.absolute())
    try:
        yield
    finally:
        _folder.reset(token)


def _refuse_no_path(value: object) -> object:
    # An empty text would become the current folder.
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise ValueError("is no path: it is empty or holds a NUL character")
    return value


def _locate(path: Path) -> Path:
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise ValueError("starts with ~ and the home folder of that user is not known") from error
    folder = _folder.get()
    return folder / path if folder else path


def _locate_ticket_cache(name: str) -> str:
    _refuse_no_path(name)
    kind, colon, path = name.partition(":")
    if not colon:
        return str(_locate(Path(name)))
    # Caches that are no file (KCM:, KEYRING:) are named, not located.
    return f"{kind}:{_locate(Path(path))}" if kind == "FILE" and _refuse_no_path(path) else name


LocatedPath = Annotated[Path, BeforeValidator(_refuse_no_path), AfterValidator(_locate)]
"""A path whose `~` is expanded, and that is absolute when it was loaded from a configuration."""

TicketCache = Annotated[str, AfterValidator(_locate_ticket_cache)]
"""A ticket cache by file, with or without `FILE:`, located as a `LocatedPath`; or by any other name."""
