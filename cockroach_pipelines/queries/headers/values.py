"""Values that several models of headers share."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from cockroach_pipelines.config.models import Seconds
from cockroach_pipelines.config.suggestions import did_you_mean

_ASSET_NAME = re.compile(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*")

KEYS_BELOW = "|"
"""Between the keys of a way that leads further down."""


def at_key(key: str, message: str) -> PydanticCustomError:
    """Give the error of a rule between several keys, to be shown at one of them, or at one below: `report|compare`."""
    return PydanticCustomError("at_key", "{text}", {"text": message, "key": key})


def refuse_silence(values: Any, keys: Iterable[str]) -> Any:
    """Give a mapping back, unless a key has no value: a line that was not finished, and no wish for the default.

    Raises:
        PydanticCustomError: At the first such key; see `at_key`.
    """
    if isinstance(values, dict):
        for key in keys:
            if key in values and values[key] is None:
                raise at_key(key, "has no value. Give it one, or remove the key.")
    return values


def known_timezone(name: str) -> str:
    """Give the name of a time zone back.

    Raises:
        ValueError: There is none of that name.
    """
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        hint = did_you_mean(name, available_timezones())
        advice = (
            hint if hint.startswith("Did") else "Names are those of the IANA database, such as UTC or Europe/Berlin."
        )
        raise ValueError(f"{name!r} is no time zone. {advice}") from error
    return name


def _nonempty(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: write something, or remove the key")
    return text.strip()


def _strict_date(value: object) -> object:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return dt.date.fromisoformat(value)
    raise ValueError(f"{str(value)!r} is no date such as 2013-01-31")


def _asset_name(name: str) -> str:
    if not _ASSET_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no asset: write its path, such as reporting/finance/daily_revenue")
    return name


def _no_boolean(value: object) -> object:
    if isinstance(value, bool) and value in (True, False):
        raise ValueError(f"{str(value).lower()!r} is no span of time: write a number of seconds, or 20s, 5m, 2h")
    return value


def _yes_or_no(value: object) -> object:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is neither true nor false")


def as_mapping_with(key: str) -> BeforeValidator:
    """Take text alone for the value of one key of a mapping."""

    def wrap(value: object) -> object:
        return {key: value} if isinstance(value, str) else value

    return BeforeValidator(wrap)


def as_list(value: object) -> object:
    """Let one text stand for a list of one."""
    return [value] if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_nonempty)]
Timeout = Annotated[Seconds, BeforeValidator(_no_boolean)]
YesOrNo = Annotated[bool, BeforeValidator(_yes_or_no)]
Timezone = Annotated[str, AfterValidator(known_timezone)]
Date = Annotated[dt.date, BeforeValidator(_strict_date)]
AssetName = Annotated[str, AfterValidator(_asset_name)]
AssetNames = Annotated[tuple[AssetName, ...], BeforeValidator(as_list)]
