"""What the header of a monitor says: what its rows and values are expected to be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from cockroach_pipelines.config.durations import parse_seconds
from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.models import Model
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.headers.check_rules import Severity
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.values import Text, at_key

ROWS = "rows"
"""Name of the check on the number of rows."""

_BOUNDS = ("below", "at_most", "above", "at_least")
Scalar = bool | Decimal | str


def _number(value: object) -> object:
    """Read a number, or a span of time in seconds."""
    if isinstance(value, str):
        try:
            return Decimal(str(parse_seconds(value)))
        except ValueError:
            raise ValueError(f"{value!r} is no number, and no span of time such as 5m") from None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{value!r} is no number")  # noqa: TRY004 - pydantic's rule
    return Decimal(str(value))


def _scalar(value: object) -> object:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value))
    raise ValueError(f"{value!r} is neither a number, nor text, nor true or false")


def _scalars(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _short_count(value: object) -> object:
    """Let `rows: 0` stand for `rows: {equals: 0}`."""
    return {"equals": value} if isinstance(value, int) and not isinstance(value, bool) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, Mapping) else value


Number = Annotated[Decimal, BeforeValidator(_number)]
Values = Annotated[tuple[Annotated[Scalar, BeforeValidator(_scalar)], ...], BeforeValidator(_scalars)]


class Limits(Model):
    """What a number has to be; a span of time such as 5m is a number of seconds."""

    below: Number | None = None
    at_most: Number | None = None
    above: Number | None = None
    at_least: Number | None = None
    equals: Values | None = None

    @property
    def numeric(self) -> bool:
        """Whether it compares numbers."""
        return any(getattr(self, name) is not None for name in _BOUNDS)

    def allow(self, value: Scalar) -> bool:
        """Whether a value keeps to them."""
        if self.equals is not None and value not in self.equals:
            return False
        if not self.numeric:
            return True
        assert isinstance(value, Decimal)  # noqa: S101 - the caller's care
        return (
            (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
            and (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
        )

    def __str__(self) -> str:
        said = [f"{name.replace('_', ' ')} {value}" for name in _BOUNDS if (value := getattr(self, name)) is not None]
        if self.equals is not None:
            said.append(
                " or ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in self.equals)
            )
        return " and ".join(said)


class Threshold(Limits):
    """A rule on the number of rows (`rows`), or on a column's value in each row.

    A NULL keeps to no rule unless `null` is ok.
    """

    rows: Annotated[Limits, BeforeValidator(_short_count)] | None = None
    column: Text | None = None
    null: Literal["ok", "bad"] = "bad"

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.rows is None) == (self.column is None):
            raise ValueError("says nothing to look at. Write one of `rows: 0` and `column: name` with `below: 60`.")
        limits = self.rows if self.rows is not None else self
        if not limits.numeric and limits.equals is None:
            raise ValueError(f"has no limit. Write one of {', '.join((*_BOUNDS, 'equals'))}.")
        if self.rows is not None and (self.numeric or self.equals is not None or self.null == "ok"):
            raise ValueError("limits of a value need a `column`. Write limits of rows as `rows: {at_most: 10}`.")
        return self

    @property
    def subject(self) -> str:
        """What it looks at: the name of its check."""
        return ROWS if self.column is None else re.sub(r"[^A-Za-z0-9_]", "_", self.column)

    def __str__(self) -> str:
        return f"{self.column or ROWS} {super().__str__() if self.rows is None else self.rows}"


Thresholds = Annotated[tuple[Threshold, ...], BeforeValidator(_as_list)]


@dataclass(frozen=True)
class Watch:
    """A check of a monitor: the rules on one subject, by how bad it is when they are broken."""

    name: str
    column: str | None
    rules: tuple[tuple[Severity, Threshold], ...]

    @property
    def description(self) -> str:
        """The rules in words."""
        return "; ".join(f"{severity}: {rule}" for severity, rule in self.rules)


class MonitorKeys(Model):
    """The keys of a monitor: `expect` is `error` by another name."""

    expect: Thresholds = ()
    warn: Thresholds = ()
    error: Thresholds = ()

    @model_validator(mode="before")
    @classmethod
    def _no_rule_stays_silent(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in MONITOR_KEYS:
                if key in values and not values[key]:
                    raise at_key(key, "has no value. Give it one, such as {rows: 0}, or remove the key.")
        return values

    @property
    def watches(self) -> tuple[Watch, ...]:
        """The checks, empty for a file that is no monitor."""
        rules = [
            *((Severity.ERROR, rule) for rule in (*self.expect, *self.error)),
            *((Severity.WARN, rule) for rule in self.warn),
        ]
        return tuple(
            Watch(name, next(rule.column for _, rule in rules if rule.subject == name), tuple(_of(name, rules)))
            for name in dict.fromkeys(rule.subject for _, rule in rules)
        )


def _of(name: str, rules: list[tuple[Severity, Threshold]]) -> Iterator[tuple[Severity, Threshold]]:
    return ((severity, rule) for severity, rule in rules if rule.subject == name)


MONITOR_KEYS = ("expect", "warn", "error")
"""Keys that make a monitor of a file."""


class MonitorHeader(MonitorKeys, Header):
    """What the author says of maintenance that may be a monitor."""

    @model_validator(mode="after")
    def _names_that_differ(self) -> Self:
        if double := next(
            (watch.name for watch in self.watches if watch.name in (*self.checks.queries, *self.checks.rules)), None
        ):
            raise at_key(
                "checks", f"{double!r} names the check of a monitor's rule already. Give this one another name."
            )
        return self


def watches_of(header: Header) -> tuple[Watch, ...]:
    """Give the checks of a monitor; none of what is not one."""
    return header.watches if isinstance(header, MonitorKeys) else ()


def place_of_column(path: Path, column: str) -> Place:
    """Give the place in the file where a monitor's rule names a column."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    match = re.search(rf"\bcolumn:[ \t]*[\"']?{re.escape(column)}\b", text)
    if match is None:
        return Place(path, 1, 1)
    return SourceText(path, text).place(match.end() - len(column))


def monitor_problems(header: Header, place: Place) -> Iterator[QueryFileError]:
    """Give the keys that a monitor has no use for."""
    if not watches_of(header):
        return
    for key in ("autocommit", "idempotent"):
        if getattr(header, key):
            yield QueryFileError(
                f"`{key}` is for maintenance that writes: a monitor runs in a read-only transaction.",
                place=place,
                advice="Remove it.",
            )
