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


def _expand(value: object) -> object:
    """Put the home folder for a leading `~` in what the setting says: in a `Path`, `./~x` would have become `~x`."""
    if not isinstance(value, str):
        return value
    # An empty text would become the current folder.
    if not value.strip() or "\0" in value:
        raise ValueError("is no path: it is empty or holds a NUL character")
    if not value.startswith("~"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError as error:
        raise ValueError("starts with ~ and the home folder of that user is not known") from error


def _locate(path: Path) -> Path:
    folder = _folder.get()
    return folder / path if folder else path


def _locate_ticket_cache(name: str) -> str:
    kind, colon, path = name.partition(":")
    # Caches that are no file (KCM:, KEYRING:) are named, not located.
    if colon and kind != "FILE":
        return name
    prefix, path = (f"{kind}:", path) if colon else ("", name)
    return prefix + str(_locate(Path(str(_expand(path)))))


LocatedPath = Annotated[Path, BeforeValidator(_expand), AfterValidator(_locate)]
"""A path whose `~` is expanded, and that is absolute when it was loaded from a configuration."""

TicketCache = Annotated[str, AfterValidator(_locate_ticket_cache)]
"""A ticket cache by file, with or without `FILE:`, located as a `LocatedPath`; or by any other name."""
