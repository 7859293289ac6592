"""What Flyway's settings of a single migration, `<migration>.sql.conf` beside it, mean here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import nearest
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.sql_file import read_text

ENDING = ".conf"
"""What the name of such a file has behind that of its migration."""

_YES_OR_NO = {"true": True, "false": False}
_NOTHING_ELSE = {"encoding": "UTF-8", "shouldExecute": "true"}
_KNOWN = ("executeInTransaction", "placeholderReplacement", *_NOTHING_ELSE)


@dataclass(frozen=True)
class FlywaySettings:
    """Settings of a migration.

    `in_transaction` and `placeholders` are as its header lines of these names; with `problems` it would run otherwise than
    in Flyway.
    """

    in_transaction: bool = True
    placeholders: bool = True
    problems: tuple[QueryFileError, ...] = ()


def read_flyway_settings(migration: Path) -> FlywaySettings:
    """Read the settings beside a migration; Flyway's own where there are none.

    Raises:
        QueryFileError: The file cannot be read.
    """
    path = migration.with_name(migration.name + ENDING)
    if not path.exists():
        return FlywaySettings()
    values: dict[str, bool] = {}
    problems: list[QueryFileError] = []
    for number, key, value in _lines(read_text(path)):
        if problem := _problem(key, value):
            problems.append(QueryFileError(problem[0], place=Place(path, number, 1), advice=problem[1]))
        elif key not in _NOTHING_ELSE:
            values[key] = _YES_OR_NO[value.lower()]
    return FlywaySettings(
        values.get("executeInTransaction", True), values.get("placeholderReplacement", True), tuple(problems)
    )


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        key, _, value = line.strip().partition("=")
        if key and not key.startswith(("#", "!")):
            yield number, key.strip(), value.strip()


def _problem(key: str, value: str) -> tuple[str, str] | None:
    if key not in _KNOWN:
        meant = nearest(key, _KNOWN)
        advice = (
            f"Did you mean {meant}?" if meant else f"Remove it: of Flyway's settings {', '.join(_KNOWN)} are known."
        )
        return f"`{key}` means nothing here.", advice
    if key in _NOTHING_ELSE:
        only = _NOTHING_ELSE[key]
        return None if value.lower() == only.lower() else (f"`{key}={value}` is not supported.", f"Only {only} is.")
    if value.lower() not in _YES_OR_NO:
        return f"`{key}={value}` is unknown.", "Write true or false."
    return None
