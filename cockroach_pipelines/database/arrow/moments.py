"""Dates, times and timestamps from the server's text, those included that no calendar library reads."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow.errors import UnrepresentableInArrowError
from cockroach_pipelines.database.arrow.types import NULL_TEXT, Column, Special
from cockroach_pipelines.database.special import special_advice

# What Arrow's own casts read; everything else is odd.
_USUAL = r"^(?:\d{4}-\d\d-\d\d)?[ T]?(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?)?(?:[+-]\d\d(?::\d\d)?)?$"
_MOMENT = re.compile(
    r"(?P<year>\d+)-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[ T](?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?"
    r"(?:(?P<sign>[+-])(?P<zone_hour>\d\d)(?::(?P<zone_minute>\d\d))?(?::(?P<zone_second>\d\d))?)?"
    r"(?P<before_christ> BC)?"
)
_MICROSECONDS = "us"
_DAY_MICROSECONDS = 86_400_000_000
_LAST_OF_DAY = _DAY_MICROSECONDS - 1
_ADVICE = special_advice("null", "clamp", "text", otherwise="cast the column to text in the statement")


def moments_from_text(texts: Any, column: Column, special: Special) -> Any:
    """Give dates, times or timestamps of a string array.

    Years before Christ, after 9999, and offsets with seconds become exact values. Infinities, 24:00:00 and
    timestamps after the year 294246 have none and follow `special`.

    Raises:
        UnrepresentableInArrowError: A value has no counterpart and `special` is `error`.
    """
    usual = pc.match_substring_regex(texts, _USUAL)
    if pc.all(usual).as_py() is not False:  # None when there is no value at all
        return _cast(texts, column.arrow)
    # An open end is the same infinity in every row: each different odd value is read once.
    odd = pc.fill_null(pc.invert(usual), False)
    values = texts.filter(odd).dictionary_encode()
    units = [_units(text, column, special) for text in values.dictionary.to_pylist()]
    storage = pa.int32() if pa.types.is_date32(column.arrow) else pa.int64()
    converted = pa.array(units, storage).take(values.indices)
    plain = _cast(pc.if_else(odd, NULL_TEXT, texts), column.arrow).view(storage)
    return pc.replace_with_mask(plain, odd, converted).view(column.arrow)


def text_of_moments(moments: Any) -> Any:
    """Give dates or timestamps of microseconds such that CSV by pyarrow is the server's text for them.

    Moments without a zone of the years 1 to 9999 pyarrow writes by itself. Those of other years, for which it would give
    `-0043` or an error's text as the value, come as text, the year before Christ as the server writes it; and so do
    those with a zone, which it looks up in the zone's rules one by one, at a sixteenth of the speed.
    """
    storage_type, day = (pa.int32(), 1) if pa.types.is_date(moments.type) else (pa.int64(), _DAY_MICROSECONDS)
    storage = moments.view(storage_type)
    first, end = (days_since_1970(year, 1, 1) * day for year in (1, 10_000))
    odd = pc.fill_null(pc.or_(pc.less(storage, first), pc.greater_equal(storage, end)), False)
    if not pc.any(odd).as_py():
        return _usual_text(moments) if _has_zone(moments.type) else moments
    plain = _usual_text(pc.if_else(odd, pa.nulls(1, moments.type)[0], moments))
    texts = [_text(units, moments.type) for units in storage.filter(odd).to_pylist()]
    return pc.replace_with_mask(plain, odd, pa.array(texts, pa.string()))


def _has_zone(arrow_type: Any) -> bool:
    return pa.types.is_timestamp(arrow_type) and arrow_type.tz is not None


def _usual_text(moments: Any) -> Any:
    if not _has_zone(moments.type):
        return moments.cast(pa.string())
    return pc.binary_join_element_wise(moments.view(pa.timestamp(_MICROSECONDS)).cast(pa.string()), "+00", "")


def _text(units: int, arrow_type: Any) -> str:
    is_date = pa.types.is_date(arrow_type)
    days, microseconds = (units, 0) if is_date else divmod(units, _DAY_MICROSECONDS)
    year, month, day = civil_from_days(days)
    era = "" if year > 0 else " BC"
    date = f"{year if year > 0 else 1 - year:04}-{month:02}-{day:02}"
    if is_date:
        return date + era
    seconds, fraction = divmod(microseconds, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"
    return f"{date} {clock}{'+00' if arrow_type.tz else ''}{era}"


def _cast(texts: Any, arrow_type: Any) -> Any:
    if not pa.types.is_time(arrow_type):
        return texts.cast(arrow_type)
    # There is no cast from text to time.
    moments = pc.binary_join_element_wise("1970-01-01", texts, " ").cast(pa.timestamp(_MICROSECONDS))
    return moments.cast(arrow_type)


def _units(text: str, column: Column, special: Special) -> int | None:
    """Give the integer that Arrow keeps for one odd value: days, or microseconds."""
    exact = _exact_units(text, column.arrow)
    lowest, highest = _range(column.arrow)
    if exact is not None and lowest <= exact <= highest:
        return exact
    if special == "null":
        return None
    if special == "clamp":
        return lowest if text.startswith("-") else highest
    raise UnrepresentableInArrowError(column.name, text, column.pg_type, str(column.arrow), advice=_ADVICE)


def _range(arrow_type: Any) -> tuple[int, int]:
    if pa.types.is_time(arrow_type):
        return 0, _LAST_OF_DAY
    limits = np.iinfo(np.int32 if pa.types.is_date32(arrow_type) else np.int64)
    return int(limits.min) + 1, int(limits.max)  # numpy and pandas read the lowest as "not a time"


def _exact_units(text: str, arrow_type: Any) -> int | None:
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    year = 1 - int(match["year"]) if match["before_christ"] else int(match["year"])
    days = days_since_1970(year, int(match["month"]), int(match["day"]))
    if pa.types.is_date32(arrow_type):
        return days
    seconds = _seconds(match["hour"], match["minute"], match["second"])
    offset = _seconds(match["zone_hour"], match["zone_minute"], match["zone_second"])
    seconds += offset if match["sign"] == "-" else -offset
    return days * _DAY_MICROSECONDS + seconds * 1_000_000 + int((match["fraction"] or "").ljust(6, "0"))


def _seconds(hours: str | None, minutes: str | None, seconds: str | None) -> int:
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)


def days_since_1970(year: int, month: int, day: int) -> int:
    """Count days in the proleptic Gregorian calendar; the year 0 is 1 BC.

    Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    """
    year -= month <= 2  # years that start in March end with the leap day
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Give year, month and day of `days_since_1970`.

    Source: the same paper, `civil_from_days`.
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return era * 400 + year_of_era + (month <= 2), month, day_of_year - (153 * shifted_month + 2) // 5 + 1
