"""Python values from the text in which a PostgreSQL or CockroachDB server writes them.

    bool                          bool
    int2, int4, int8, oid         int
    float4, float8                float; of a float4 the shortest decimal that names it, as the server writes it
    numeric                       Decimal with the server's scale; NaN and the infinities too
    bytea                         bytes
    uuid                          UUID
    date, time, timestamp         date, naive time, naive datetime
    timetz                        time with the value's own offset
    timestamptz                   datetime in UTC, whatever the session's zone
    interval                      Interval
    arrays of any of these        list, nested for further dimensions, NULL as None; lower bounds are left out
    everything else               str: text, char(n) with its blanks, json, xml, bit, money, inet, ranges, enums, rows

JSON stays text because parsing loses: a JSON null would look like a SQL NULL, and of duplicate keys one would be kept.

What Python has no value for is an error, never a near value: infinite and BC dates, years after 9999, 24:00, infinite
intervals. The Arrow path calls this policy `special="error"`.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from cockroach_pipelines.database.errors import UnrepresentableValueError

Converter = Callable[[str], Any]
"""Gives the Python value for a text, raising ValueError where there is none."""


@dataclass(frozen=True)
class Interval:
    """A span of time in the three parts that the server keeps, since neither a month nor a day has a fixed length.

    `str` gives ISO 8601 as the server writes it, such as `P1Y2M3DT4H5M6.5S`.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ISO 8601 from years to seconds, each with its own sign, as `IntervalStyle=iso_8601` writes it.

        Raises:
            ValueError: It is another style, or infinite.
        """
        parts = _INTERVAL.fullmatch(text)
        if parts is None or text.endswith(("P", "T")):
            raise ValueError("it is infinite, or the session's IntervalStyle is not iso_8601")
        years, months, days, hours, minutes = (int(part or 0) for part in parts.groups()[:5])
        sign, seconds, fraction = parts.groups()[5:]
        micros = int(seconds or 0) * 1_000_000 + int((fraction or "").ljust(6, "0"))
        return cls(
            months=years * 12 + months,
            days=days,
            microseconds=(hours * 60 + minutes) * 60_000_000 + (-micros if sign == "-" else micros),
        )

    @classmethod
    def from_timedelta(cls, span: dt.timedelta) -> Self:
        """Give the interval with the same days and the same remainder."""
        return cls(days=span.days, microseconds=span.seconds * 1_000_000 + span.microseconds)

    def to_timedelta(self) -> dt.timedelta:
        """Give the span with every day as 24 hours.

        Raises:
            UnrepresentableValueError: It has months, or is longer than a timedelta can be.
        """
        if self.months:
            raise UnrepresentableValueError(
                f"The interval {self} has months, whose length depends on where they begin.",
                advice="Use its months, days and microseconds, or add it to a timestamp in the statement.",
            )
        try:
            return dt.timedelta(days=self.days, microseconds=self.microseconds)
        except OverflowError as error:
            raise UnrepresentableValueError(f"The interval {self} is longer than a timedelta can be.") from error

    def __str__(self) -> str:
        years, months = _parts(self.months, 12)
        hours, micros = _parts(self.microseconds, 3_600_000_000)
        minutes, micros = _parts(micros, 60_000_000)
        seconds, fraction = divmod(abs(micros), 1_000_000)
        second = f"{'-' if micros < 0 else ''}{seconds}" + (f".{fraction:06}".rstrip("0") if fraction else "")
        date = "".join(f"{number}{unit}" for number, unit in ((years, "Y"), (months, "M"), (self.days, "D")) if number)
        time = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M")) if number)
        if micros:
            time += f"{second}S"
        return f"P{date}T{time}" if time else f"P{date or 'T0S'}"


_INTERVAL = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?"
    r"(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d{1,6}))?S)?)?",
    re.ASCII,
)


def _parts(number: int, unit: int) -> tuple[int, int]:
    """Divide towards zero, so that both parts keep the sign."""
    whole, rest = divmod(abs(number), unit)
    return (-whole, -rest) if number < 0 else (whole, rest)


def _boolean(text: str) -> bool:
    if text in ("t", "true"):
        return True
    if text in ("f", "false"):
        return False
    raise ValueError("it is neither true nor false")


def _bytes(text: str) -> bytes:
    if not text.startswith("\\x"):
        raise ValueError("the session's bytea_output is not hex")
    return bytes.fromhex(text[2:])


def _date(text: str) -> dt.date:
    _refuse_special(text)
    return dt.date.fromisoformat(text)


def _time(text: str) -> dt.time:
    if text.startswith("24"):  # Python 3.14 would read it as midnight
        raise ValueError("a time ends before 24:00")
    return dt.time.fromisoformat(text)


def _timestamp(text: str) -> dt.datetime:
    _refuse_special(text)
    return dt.datetime.fromisoformat(text)


def _timestamp_with_zone(text: str) -> dt.datetime:
    try:
        return _timestamp(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return _timestamp_at_the_edge(text)


_CYCLE = 400  # years, after which the Gregorian calendar repeats itself
_EDGE = re.compile(r"(?P<year>0001|9999|10000)(?P<rest>-[^B]+?)(?P<bc> BC)?")


def _timestamp_at_the_edge(text: str) -> dt.datetime:
    """Read a moment that the session's offset or UTC puts into a year that Python lacks."""
    parts = _EDGE.fullmatch(text)
    if parts is None or (parts["bc"] and parts["year"] != "0001"):
        _refuse_special(text)
        raise ValueError("it is no timestamp in the style ISO")
    year = 1 - int(parts["year"]) if parts["bc"] else int(parts["year"])  # year 0 is 1 BC
    cycle = _CYCLE if year < 5000 else -_CYCLE
    moment = dt.datetime.fromisoformat(f"{year + cycle:04}{parts['rest']}").astimezone(dt.UTC)
    year = moment.year - cycle
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        raise ValueError(f"it lies {'before the year 1' if year < 1 else 'after the year 9999'} in UTC")
    return moment.replace(year=year)


def _refuse_special(text: str) -> None:
    if text.endswith("infinity"):
        raise ValueError("it is infinite")
    if text.endswith("BC"):
        raise ValueError("it lies before the year 1")
    if text[4:5] != "-":
        raise ValueError("it lies after the year 9999")


def array_converter(element: Converter, delimiter: str = ",") -> Converter:
    """Give the converter of arrays whose elements `element` converts.

    Args:
        element: Converts the text of one element.
        delimiter: What stands between elements: `;` for box, a comma for every other built-in type.
    """
    token = re.compile(rf'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^{{}}"{delimiter}]+)|(?P<brace>[{{}}])', re.DOTALL)

    def convert(text: str) -> list[Any]:
        if text.startswith("["):  # lower bounds other than 1, as in [0:1]={5,6}
            text = text[text.index("=") + 1 :]
        if '"' not in text and text.rfind("{") == 0:
            words = text[1:-1].split(delimiter) if text != "{}" else []
            return [None if word == "NULL" else element(word) for word in words]
        outermost: list[Any] = []
        open_lists = [outermost]
        for match in token.finditer(text):
            quoted, plain, brace = match.groups()
            if brace == "{":
                inner: list[Any] = []
                open_lists[-1].append(inner)
                open_lists.append(inner)
            elif brace == "}":
                open_lists.pop()
            elif quoted is not None:
                open_lists[-1].append(element(_ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted))
            elif plain is not None:
                open_lists[-1].append(None if plain == "NULL" else element(plain))
        return list(outermost[0])

    return convert


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

BY_NAME: Mapping[str, Converter] = {
    "bool": _boolean,
    "bytea": _bytes,
    "date": _date,
    "float4": float,
    "float8": float,
    "int2": int,
    "int4": int,
    "int8": int,
    "interval": Interval.parse,
    "numeric": Decimal,
    "oid": int,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamp_with_zone,
    "timetz": _time,
    "uuid": uuid.UUID,
}
"""Converters by the server's name of the type; a type that is missing stays text."""

FIRST_UNFIXED_OID = 10_000
"""Types below have the same number on every server, CockroachDB included (`FirstGenbkiObjectId` of PostgreSQL)."""

# pg_type.dat of PostgreSQL: numbers of the types above, and of every built-in array with that of its elements.
NAME_BY_OID: Mapping[int, str] = {
    16: "bool", 17: "bytea", 20: "int8", 21: "int2", 23: "int4", 26: "oid", 700: "float4", 701: "float8",
    1082: "date", 1083: "time", 1114: "timestamp", 1184: "timestamptz", 1186: "interval", 1266: "timetz",
    1700: "numeric", 2950: "uuid",
}  # fmt: skip
ELEMENT_BY_OID: Mapping[int, int] = {
    143: 142, 199: 114, 271: 5069, 629: 628, 651: 650, 719: 718, 775: 774, 791: 790, 1000: 16, 1001: 17, 1002: 18,
    1003: 19, 1005: 21, 1006: 22, 1007: 23, 1008: 24, 1009: 25, 1010: 27, 1011: 28, 1012: 29, 1013: 30, 1014: 1042,
    1015: 1043, 1016: 20, 1017: 600, 1018: 601, 1019: 602, 1020: 603, 1021: 700, 1022: 701, 1027: 604, 1028: 26,
    1034: 1033, 1040: 829, 1041: 869, 1115: 1114, 1182: 1082, 1183: 1083, 1185: 1184, 1187: 1186, 1231: 1700,
    1263: 2275, 1270: 1266, 1561: 1560, 1563: 1562, 2201: 1790, 2207: 2202, 2208: 2203, 2209: 2204, 2210: 2205,
    2211: 2206, 2287: 2249, 2949: 2970, 2951: 2950, 3221: 3220, 3643: 3614, 3644: 3642, 3645: 3615, 3735: 3734,
    3770: 3769, 3807: 3802, 3905: 3904, 3907: 3906, 3909: 3908, 3911: 3910, 3913: 3912, 3927: 3926, 4073: 4072,
    4090: 4089, 4097: 4096, 4192: 4191, 5039: 5038, 6150: 4451, 6151: 4532, 6152: 4533, 6153: 4534, 6155: 4535,
    6157: 4536,
}  # fmt: skip
BOX = 603


def built_in_converter(oid: int) -> Converter:
    """Give the converter of a built-in type by its number in `pg_type`; `str` for a type that stays text."""
    element = ELEMENT_BY_OID.get(oid)
    if element is not None:
        return array_converter(built_in_converter(element), ";" if element == BOX else ",")
    return BY_NAME.get(NAME_BY_OID.get(oid, ""), str)
