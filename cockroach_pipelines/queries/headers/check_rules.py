"""The checks that a header may declare, each with what holds when it passes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from cockroach_pipelines.config.durations import parse_seconds
from cockroach_pipelines.config.models import Model, Seconds
from cockroach_pipelines.queries.headers.values import Text, YesOrNo, as_list, at_key

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_MEASURE = re.compile(r"(sum|avg)\s*\(\s*(.+?)\s*\)", re.IGNORECASE | re.DOTALL)
_QUERY_BEGINS = re.compile(r"\s*(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)

ROWS = "rows"
"""The measure of `no_change_beyond` that every result has."""


class Severity(StrEnum):
    """How bad a failed check is."""

    WARN = "warn"
    ERROR = "error"


class Rule(Model):
    """What every check says of itself, whatever it looks at."""

    severity: Severity = Severity.ERROR
    blocking: YesOrNo = False
    description: str = ""

    @property
    def said(self) -> str:
        """What holds when it passes, in a sentence."""
        raise NotImplementedError

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns of the result that it looks at."""
        return ()

    def parts(self) -> Iterator[tuple[str, Rule]]:
        """Give the checks that this comes to, each with what tells its name from the others'."""
        yield "_".join(self.columns_used), self


class Check(Rule):
    """A query that returns the rows that are wrong; `result` in it is the asset's own result."""

    sql: Text

    @property
    def said(self) -> str:
        """That the query gives no rows."""
        return f"No rows: {self.sql}"


def _names(value: object) -> object:
    if isinstance(value, str) and _QUERY_BEGINS.match(value):
        raise ValueError("is built in and takes columns. A query of your own needs another name.")
    return as_list(value)


def _some(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no column. Write one, or remove the key.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice!r} stands in it twice. Remove one of them.")
    return names


Columns = Annotated[tuple[Text, ...], BeforeValidator(_names), AfterValidator(_some)]


class NotNull(Rule):
    """Columns that always have a value; each is a check of its own."""

    columns: Columns

    @property
    def said(self) -> str:
        """That the column has a value everywhere."""
        return f"{_listed(self.columns)} {'is' if len(self.columns) == 1 else 'are'} never NULL."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def parts(self) -> Iterator[tuple[str, Rule]]:
        """Give one check a column."""
        for column in self.columns:
            yield column, self.model_copy(update={"columns": (column,)})


class Unique(Rule):
    """Columns whose values together no two rows share; as in SQL, a row with NULL in one of them shares nothing."""

    columns: Columns

    @property
    def said(self) -> str:
        """That no two rows share the values."""
        return f"No two rows have the same {_listed(self.columns)}."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns


def _accepted(values: tuple[object, ...]) -> tuple[object, ...]:
    if not values:
        raise ValueError("accepts nothing. List the values.")
    if wrong := next((each for each in values if isinstance(each, list | dict)), None):
        raise ValueError(f"a value is {'a list' if isinstance(wrong, list) else 'a mapping'}. List plain values.")
    return values


class AcceptedValues(Rule):
    """The only values of a column; NULL is not looked at."""

    column: Text
    values: Annotated[tuple[Any, ...], AfterValidator(_accepted)]

    @property
    def said(self) -> str:
        """That the column has no other values."""
        shown = ", ".join(as_written(value) for value in self.values[:10])
        return f"{self.column!r} is one of {shown}{', …' if len(self.values) > 10 else ''}."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


class RowCount(Rule):
    """How many rows the result has, both bounds inclusive."""

    least: int | None = Field(None, alias="min", ge=0)
    most: int | None = Field(None, alias="max", ge=0)

    @property
    def said(self) -> str:
        """How many rows there are."""
        return f"The result has {self.wanted} rows."

    @property
    def wanted(self) -> str:
        """The bounds in words."""
        if self.least == self.most:
            return f"exactly {self.least:,}"
        if self.least is None:
            return f"at most {self.most:,}"
        return f"at least {self.least:,}" if self.most is None else f"{self.least:,} to {self.most:,}"

    def parts(self) -> Iterator[tuple[str, Rule]]:
        """Give itself; of several each has its bounds in its name."""
        yield f"{self.least or 0}_{'' if self.most is None else self.most}".rstrip("_"), self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.least is None and self.most is None:
            raise at_key("min", 'neither `min` nor `max` is there. Write one, or `row_count: ">= 1"`.')
        if self.least is not None and self.most is not None and self.least > self.most:
            raise at_key("max", f"{self.most} is less than `min`, {self.least}. No result is both.")
        return self


class FreshColumn(Rule):
    """How old the newest moment of a column may be, when the result is made or, if earlier, when its partition ended.

    A moment without a time zone is in that of the file; a date is its midnight.
    """

    column: Text
    within: Annotated[Seconds, BeforeValidator(parse_seconds)]

    @property
    def said(self) -> str:
        """How old the newest value may be."""
        return f"The newest {self.column!r} is at most {dt.timedelta(seconds=self.within)} old."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


def _share(value: object) -> object:
    """Read a percentage, or a number such as 0.2."""
    number: object = value
    if isinstance(value, str) and (percent := _PERCENT.fullmatch(value.strip())):
        number = Decimal(percent[1]) / 100
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal) or number < 0:
        raise ValueError(f"{as_written(value)} is no share. Write a percentage such as 20%.")
    if isinstance(value, int) and value > 1:
        raise ValueError(f"{value} would be {value * 100}%. Write {value}% if that is meant.")
    return Decimal(str(number))


Share = Annotated[Decimal, BeforeValidator(_share)]


def _measure(name: str) -> str:
    if name.strip().lower() == ROWS:
        return ROWS
    if match := _MEASURE.fullmatch(name.strip()):
        return f"{match[1].lower()}({match[2]})"
    raise PydanticCustomError(
        "at_name", "{text}", {"text": f"{name!r} cannot be measured. Write rows, sum(column) or avg(column)."}
    )


class NoChangeBeyond(Rule):
    """By how much of its last value a measure may change, up or down, from one materialization to the next."""

    limits: dict[Annotated[str, AfterValidator(_measure)], Share]

    @property
    def said(self) -> str:
        """What changes by no more than how much."""
        shown = ", ".join(f"{name} changed by at most {percent(limit)}" for name, limit in self.limits.items())
        return f"Since the previous materialization {shown}."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns that are added up."""
        return tuple(dict.fromkeys(measured for name in self.limits if (measured := column_of(name))))


def column_of(measure: str) -> str:
    """Give the column of `sum(column)` and `avg(column)`; nothing for `rows`."""
    match = _MEASURE.fullmatch(measure)
    return match[2] if match else ""


def percent(share: Decimal) -> str:
    """Write a share as a percentage."""
    return f"{(share * 100).normalize():f}%"


def as_written(value: object) -> str:
    """Give a value as a header has it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, str) else str(value)


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(map(repr, columns))
