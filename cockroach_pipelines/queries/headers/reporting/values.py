"""Values that the header of a report is written with."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from cockroach_pipelines.queries.headers.values import Text

_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%", re.ASCII)


class ReportFormat(StrEnum):
    """A file that a report is written as."""

    HTML = "html"
    XLSX = "xlsx"
    PDF = "pdf"
    PNG = "png"
    CSV = "csv"
    PARQUET = "parquet"


def as_list(value: object) -> object:
    """Let one value stand for a list of it."""
    return [value] if isinstance(value, str | dict) else value


def short(shorthand: str, *types: type) -> BeforeValidator:
    """Let a bare value of some types stand for a mapping with that one key."""

    def wrap(value: object) -> object:
        return {shorthand: value} if isinstance(value, types) and not isinstance(value, bool) else value

    return BeforeValidator(wrap)


def said(value: object) -> str:
    """Give a value as the header says it, for messages."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else "nothing" if value is None else str(value)


def _limit(value: object) -> object:
    if isinstance(value, str) and (percent := _PERCENT.fullmatch(value.strip())):
        return Decimal(percent[1]) / 100
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{said(value)} is no number. Write one such as 15, 0.5 or 10%.")  # noqa: TRY004 - pydantic's rule
    return Decimal(value)


def _change(value: object) -> object:
    if isinstance(value, Decimal):  # validated before
        return value
    if isinstance(value, str) and (percent := _PERCENT.fullmatch(value.strip())):
        return Decimal(percent[1]) / 100
    raise ValueError(f"{said(value)} is no change. Write a percentage, such as -20% or 10%.")


def whole(least: int, most: int) -> BeforeValidator:
    """Let whole numbers pass, from the least to the most."""

    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{said(value)} is no whole number from {least} to {most:,}")
        return value

    return BeforeValidator(check)


def different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a value that stands twice in a list."""
    if twice := next((value for value in values if values.count(value) > 1), None):
        raise ValueError(f"{str(twice)!r} stands in it twice. Remove one of them.")
    return values


def _not_empty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("is empty: write something, or remove the key")
    return values


Names = Annotated[tuple[Text, ...], BeforeValidator(as_list), AfterValidator(_not_empty), AfterValidator(different)]
"""One name, or a list of different ones."""

Formats = Annotated[
    tuple[ReportFormat, ...], BeforeValidator(as_list), AfterValidator(_not_empty), AfterValidator(different)
]
Limit = Annotated[Decimal, BeforeValidator(_limit)]
"""A number, or a percentage."""

Change = Annotated[Decimal, BeforeValidator(_change)]
"""A percentage."""
