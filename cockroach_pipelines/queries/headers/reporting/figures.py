"""The figures of a report: an aggregate of a column, or one divided by another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cockroach_pipelines.config.suggestions import did_you_mean

AGGREGATES = ("count", "sum", "mean", "min", "max", "distinct", "first", "last")
"""What can be made of a column's values."""

_SYNONYMS = {"avg": "mean", "average": "mean"}
_CALL = re.compile(r"([A-Za-z_]+)\s*(?:\(\s*(.*?)\s*\))?", re.DOTALL)


@dataclass(frozen=True)
class Aggregate:
    """One aggregate; `count` without a column counts rows."""

    function: str
    column: str | None = None

    def __str__(self) -> str:
        return f"{self.function}({self.column})" if self.column else self.function


@dataclass(frozen=True)
class Figure:
    """An aggregate, divided by another where there is a `divisor`."""

    aggregate: Aggregate
    divisor: Aggregate | None = None

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """What has to be known."""
        return (self.aggregate, self.divisor) if self.divisor else (self.aggregate,)

    @property
    def columns(self) -> tuple[str, ...]:
        """Whose values have to be read."""
        return tuple(dict.fromkeys(each.column for each in self.aggregates if each.column))

    def __str__(self) -> str:
        return " / ".join(map(str, self.aggregates))


def parse_figure(text: str) -> Figure:
    """Read `count`, `sum(amount)`, or `sum(cancelled) / sum(scheduled)`.

    Raises:
        ValueError: The text is none.
    """
    parts = _parts(text)
    if len(parts) > 2:
        raise ValueError(f"{text!r} divides more than once. Write one aggregate, or two with / between them.")
    first, *rest = map(_aggregate, parts)
    return Figure(first, rest[0] if rest else None)


def _parts(text: str) -> list[str]:
    """Cut at each / that stands outside of parentheses: a column's name may hold one."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "/" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _aggregate(text: str) -> Aggregate:
    match = _CALL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text.strip()!r} is no figure. Write count, sum(amount), or sum(amount) / count.")
    function = _SYNONYMS.get(match[1].lower(), match[1].lower())
    if function not in AGGREGATES:
        hint = did_you_mean(function, AGGREGATES)
        raise ValueError(f"{match[1]!r} is no figure. {hint}")
    column = None if match[2] in (None, "", "*") else match[2]
    if column is None and function != "count":
        raise ValueError(f"{function} names no column. Write {function}(column).")
    return Aggregate(function, column)
