"""Intervals between ISO 8601 text and Arrow's months, days and nanoseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow.errors import UnreadableDataError, UnrepresentableInArrowError
from cockroach_pipelines.database.arrow.types import NULL_TEXT, Column, Special
from cockroach_pipelines.database.special import special_advice

_ISO_8601 = (
    r"^P(?:(?P<years>-?\d+)Y)?(?:(?P<months>-?\d+)M)?(?:(?P<days>-?\d+)D)?"
    r"(?:T(?:(?P<hours>-?\d+)H)?(?:(?P<minutes>-?\d+)M)?"
    r"(?:(?P<sign>-?)(?P<seconds>\d+)(?:\.(?P<fraction>\d{1,6}))?S)?)?$"
)
_INFINITY = r"^-?infinity$"  # an interval since PostgreSQL 17
STORAGE = np.dtype([("months", "i4"), ("days", "i4"), ("nanoseconds", "i8")])
"""Arrow's layout of a month_day_nano_interval."""

_HIGHEST = (np.iinfo(np.int32).max, np.iinfo(np.int32).max, np.iinfo(np.int64).max)
_MOST_MICROSECONDS = np.iinfo(np.int64).max // 1000
_ADVICE = special_advice("null", "clamp", "text", otherwise="cast the column to text in the statement")


def intervals_from_text(texts: Any, column: Column, special: Special) -> Any:
    """Give the month_day_nano_interval array of a string array, read in one pass.

    Infinity, and a time of more than 292 years, have no counterpart and follow `special`.

    Raises:
        UnrepresentableInArrowError: A value has no counterpart and `special` is `error`.
        UnreadableDataError: The text is not ISO 8601.
    """
    valid = texts.is_valid().to_numpy(zero_copy_only=False)
    infinite = _mask(pc.match_substring_regex(texts, _INFINITY))
    parts = pc.extract_regex(texts, _ISO_8601)
    unread = valid & ~infinite & _mask(pc.is_null(parts))
    if unread.any():
        raise UnreadableDataError(
            f"Column {column.name!r}: the interval {_first(texts, unread)} is not ISO 8601.",
            advice="Set IntervalStyle=iso_8601 for the session, as this project's own connections do.",
        )
    negative = np.where(_mask(pc.equal(pc.struct_field(parts, "sign"), "-")), -1, 1)
    microseconds = _integers(parts, "hours") * 3_600_000_000 + _integers(parts, "minutes") * 60_000_000
    microseconds += negative * (_integers(parts, "seconds") * 1_000_000 + _microseconds(parts))
    unfit = infinite | (np.abs(microseconds) > _MOST_MICROSECONDS)
    storage = np.zeros(len(texts), STORAGE)
    storage["months"] = _integers(parts, "years") * 12 + _integers(parts, "months")
    storage["days"] = _integers(parts, "days")
    storage["nanoseconds"] = np.where(unfit, 0, microseconds) * 1000
    if unfit.any():
        if special == "null":
            valid &= ~unfit
        elif special == "clamp":
            _clamp(storage, infinite, unfit, texts, microseconds)
        else:
            raise UnrepresentableInArrowError(
                column.name, _first(texts, unfit), column.pg_type, str(column.arrow), advice=_ADVICE
            )
    return intervals_from_storage(storage, valid)


def intervals_from_storage(storage: Any, valid: Any) -> Any:
    """Give the array of a numpy array of `STORAGE` and a mask of what is not NULL."""
    bitmap = pa.array(valid).buffers()[1]
    return pa.Array.from_buffers(pa.month_day_nano_interval(), len(storage), [bitmap, pa.py_buffer(storage)])


def storage_of_intervals(intervals: Any) -> Any:
    """Give a month_day_nano_interval array as a numpy array of `STORAGE`."""
    storage = np.frombuffer(intervals.buffers()[1] or b"", STORAGE)
    return storage[intervals.offset : intervals.offset + len(intervals)]


def microseconds_of_intervals(intervals: Any, column: str) -> Any:
    """Give the clock part of a month_day_nano_interval array.

    Raises:
        UnrepresentableInArrowError: A value is finer than a microsecond, which is all that the database keeps.
    """
    microseconds, finer = np.divmod(storage_of_intervals(intervals)["nanoseconds"], 1000)
    finer[~intervals.is_valid().to_numpy(zero_copy_only=False)] = 0
    if finer.any():
        row = int(np.flatnonzero(finer)[0])
        raise UnrepresentableInArrowError(
            column,
            str(intervals[row].as_py()),
            "interval",
            "the database",
            row=row,
            advice="It keeps microseconds: round the column first.",
        )
    return microseconds


def text_of_intervals(intervals: Any, column: str) -> Any:
    """Give ISO 8601 text of a month_day_nano_interval array.

    Raises:
        UnrepresentableInArrowError: A value is finer than a microsecond, which is all that the database keeps.
    """
    storage = storage_of_intervals(intervals)
    months, days = (pa.array(storage[part]).cast(pa.string()) for part in ("months", "days"))
    clock = _clock_of_microseconds(microseconds_of_intervals(intervals, column))
    text = pc.binary_join_element_wise("P", months, "M", days, "DT", clock, "")
    return pc.if_else(intervals.is_valid(), text, NULL_TEXT)


def text_of_durations(durations: Any) -> Any:
    """Give ISO 8601 text of a duration array of microseconds, in hours, minutes and seconds."""
    microseconds = durations.view(pa.int64())
    text = pc.binary_join_element_wise("PT", _clock_of_microseconds(microseconds.fill_null(0).to_numpy()), "")
    return pc.if_else(durations.is_valid(), text, NULL_TEXT)


def _clock_of_microseconds(microseconds: Any) -> Any:
    # Hours, minutes and seconds apart: the server reads each as a double, too coarse for a long time in microseconds.
    sign = pa.array(np.where(microseconds < 0, "-", ""))
    rest, fraction = np.divmod(np.abs(microseconds), 1_000_000)
    rest, seconds = np.divmod(rest, 60)
    hours, minutes = np.divmod(rest, 60)
    parts = (hours, minutes, seconds, fraction)
    hours, minutes, seconds, fraction = (pa.array(part).cast(pa.string()) for part in parts)
    fraction = pc.utf8_lpad(fraction, 6, "0")
    return pc.binary_join_element_wise(sign, hours, "H", sign, minutes, "M", sign, seconds, ".", fraction, "S", "")


def _clamp(storage: Any, infinite: Any, unfit: Any, texts: Any, microseconds: Any) -> None:
    below = infinite & _mask(pc.starts_with(texts, "-"))
    storage[infinite] = _HIGHEST
    storage[below] = tuple(-limit for limit in _HIGHEST)
    too_long = unfit & ~infinite
    storage["nanoseconds"][too_long] = np.sign(microseconds[too_long]) * (_MOST_MICROSECONDS * 1000)


def _integers(parts: Any, name: str) -> Any:
    digits = pc.fill_null(pc.struct_field(parts, name), "0")
    return pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64()).to_numpy(zero_copy_only=False)


def _microseconds(parts: Any) -> Any:
    digits = pc.utf8_rpad(pc.fill_null(pc.struct_field(parts, "fraction"), ""), 6, "0")
    return digits.cast(pa.int64()).to_numpy(zero_copy_only=False)


def _mask(booleans: Any) -> Any:
    return pc.fill_null(booleans, False).to_numpy(zero_copy_only=False)


def _first(texts: Any, mask: Any) -> str:
    return str(texts[int(np.flatnonzero(mask)[0])].as_py())
