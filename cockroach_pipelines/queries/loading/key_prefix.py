"""What the names of a folder's files begin with, so that several folders are one project."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockroach_pipelines.config.errors import ConfigurationError
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.query import QueryKind

_PART = re.compile(r"[A-Za-z0-9_]+")


def checked_prefix(given: str | Sequence[str] | None) -> str:
    """Give a prefix as names have it, `finance/emea` for the same and for `[finance, emea]`; empty for none.

    Raises:
        ConfigurationError: It cannot be part of a name.
    """
    parts = given.split("/") if isinstance(given, str) else list(given or ())
    for wrong in (part for part in parts if not _PART.fullmatch(part)):
        raise ConfigurationError(
            f"`key_prefix`: {wrong!r} cannot be part of an asset's name.",
            advice="Write letters, digits and underscores, such as finance or finance/emea.",
        )
    if parts and parts[0] in set(QueryKind):
        raise ConfigurationError(
            f"`key_prefix`: {parts[0]!r} is what the names of files begin with by themselves.",
            advice="Begin with another word.",
        )
    return "/".join(parts)


def below(prefix: str, header: Header) -> Header:
    """Give a header whose names of files of its own folder have the prefix; those of assets from elsewhere stay.

    The author writes `reporting/daily` of a file beside this one, whatever the folder's prefix is.
    """
    if not prefix:
        return header

    def named(name: str) -> str:
        return f"{prefix}/{name}" if name.partition("/")[0] in set(QueryKind) else name

    return header.model_copy(
        update={
            "depends_on": tuple(map(named, header.depends_on)),
            "after": tuple(map(named, header.after)),
            "partition_mapping": {named(name): mapping for name, mapping in header.partition_mapping.items()},
        }
    )
