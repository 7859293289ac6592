from __future__ import annotations

import datetime as dt
import pickle
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.database.errors import DatabaseError
from cockroach_pipelines.database.values import (
    BY_NAME,
    Interval,
    UnrepresentableValueError,
    array_converter,
    built_in_converter,
)

UTC = dt.UTC


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("bool", "t", True),
        ("bool", "f", False),
        ("int8", "-9223372036854775808", -(2**63)),
        ("float8", "1e-310", 1e-310),
        ("float8", "-Infinity", float("-inf")),
        ("numeric", "1.10", Decimal("1.10")),
        ("numeric", "-Infinity", Decimal("-Infinity")),
        ("bytea", "\\x", b""),
        ("bytea", "\\x00ff5c", b"\x00\xff\\"),
        ("date", "0001-01-01", dt.date(1, 1, 1)),
        ("time", "23:59:59.999999", dt.time(23, 59, 59, 999999)),
        ("timetz", "12:00:00.5-15:59:59", dt.time(12, 0, 0, 500000, dt.timezone(-dt.timedelta(seconds=57599)))),
        ("timestamp", "2024-02-29 12:00:00.001", dt.datetime(2024, 2, 29, 12, 0, 0, 1000)),
        ("timestamptz", "2024-02-29 12:00:00+05:30", dt.datetime(2024, 2, 29, 6, 30, tzinfo=UTC)),
        ("timestamptz", "1900-01-01 00:00:00-04:56:02", dt.datetime(1900, 1, 1, 4, 56, 2, tzinfo=UTC)),
        ("uuid", "00000000-0000-0000-0000-00000000002a", uuid.UUID(int=42)),
    ],
)
def test_text_of_the_server_becomes_the_exact_value(type_name: str, text: str, value: object) -> None:
    converted = BY_NAME[type_name](text)
    assert (type(converted), repr(converted)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10000-01-01 13:59:59.999999+14", dt.datetime.max.replace(tzinfo=UTC)),
        ("0001-12-31 19:00:00-05 BC", dt.datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_a_moment_of_the_first_or_last_year_survives_a_session_zone_that_writes_another_year(
    text: str, value: dt.datetime
) -> None:
    assert BY_NAME["timestamptz"](text) == value


@pytest.mark.parametrize(
    ("type_name", "text", "reason"),
    [
        ("date", "infinity", "infinite"),
        ("date", "0044-03-15 BC", "before the year 1"),
        ("date", "10000-01-01", "after the year 9999"),
        ("timestamp", "-infinity", "infinite"),
        ("timestamp", "0044-03-15 12:00:00 BC", "before the year 1"),
        ("timestamp", "294276-12-31 23:59:59.999999", "after the year 9999"),
        ("timestamptz", "infinity", "infinite"),
        ("timestamptz", "0044-03-15 12:00:00+00 BC", "before the year 1"),
        ("timestamptz", "0001-12-31 19:00:00+05 BC", "before the year 1"),
        ("timestamptz", "10000-01-01 00:00:00-05", "after the year 9999"),
        ("timestamptz", "9999-12-31 23:59:59-01", "after the year 9999 in UTC"),
        ("timestamptz", "0001-01-01 00:00:00+01", "before the year 1 in UTC"),
        ("timestamptz", "9999-12-31 23:59:59 BC", "before the year 1"),
        ("timestamptz", "31/12/2024 10:00:00 UTC", "ISO|year"),
        ("time", "24:00:00", "24:00"),
        ("timetz", "24:00:00+00", "24:00"),
        ("interval", "infinity", "infinite"),
        ("interval", "1 mon 2 days", "IntervalStyle"),
        ("bytea", "abc\\000", "bytea_output"),
        ("bool", "yes", "neither"),
    ],
)
def test_text_without_a_python_value_is_an_error_that_says_why(type_name: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        BY_NAME[type_name](text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", []),
        ("{NULL,a}", [None, "a"]),
        ('{"NULL",null}', ["NULL", "null"]),
        ('{"",NULL}', ["", None]),
        (r'{"a\"b","c\\d","e,f","{g}","new' + "\n" + 'line"," "}', ['a"b', "c\\d", "e,f", "{g}", "new\nline", " "]),
        ("{{a,NULL},{b,c}}", [["a", None], ["b", "c"]]),
        ('{{{"x y"}},{{z}}}', [[["x y"]], [["z"]]]),
        ("[0:1]={a,b}", ["a", "b"]),
        ("[0:0][2:3]={{a,b}}", [["a", "b"]]),
    ],
)
def test_array_text_becomes_nested_lists(text: str, value: list[Any]) -> None:
    assert array_converter(str)(text) == value


def test_boxes_are_separated_by_semicolons() -> None:
    assert built_in_converter(1020)("{(1,1),(0,0);(2,2),(1,1)}") == ["(1,1),(0,0)", "(2,2),(1,1)"]


def test_elements_are_converted_like_single_values() -> None:
    assert built_in_converter(1231)("{1.10,NULL,NaN}")[0:2] == [Decimal("1.10"), None]
    assert built_in_converter(1001)(r'{"\\x00ff"}') == [b"\x00\xff"]


def test_a_type_that_is_not_known_stays_text() -> None:
    assert built_in_converter(9999)("{1,2}") == "{1,2}"


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("PT0S", Interval()),
        ("P1Y2M3DT4H5M6.789S", Interval(14, 3, 14_706_789_000)),
        ("P-1Y-2M3DT-4H-5M-6.5S", Interval(-14, 3, -14_706_500_000)),
        ("PT-0.000001S", Interval(microseconds=-1)),
        ("P1M-1D", Interval(1, -1)),
        ("PT2562047788H54.775807S", Interval(microseconds=2**63 - 1)),
    ],
)
def test_an_interval_keeps_months_days_and_microseconds_apart(text: str, interval: Interval) -> None:
    assert Interval.parse(text) == interval
    assert str(interval) == text


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1 day", "P1W", "PT1.1234567S"])
def test_an_interval_in_another_style_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="IntervalStyle"):
        Interval.parse(text)


small = st.integers(-(2**31), 2**31 - 1)


@given(small, small, st.integers(-(2**63), 2**63 - 1))
def test_the_text_of_any_interval_reads_back(months: int, days: int, microseconds: int) -> None:
    interval = Interval(months, days, microseconds)
    assert Interval.parse(str(interval)) == interval


@given(st.timedeltas())
def test_a_timedelta_survives_as_an_interval(span: dt.timedelta) -> None:
    assert Interval.from_timedelta(span).to_timedelta() == span


def test_an_interval_is_hashable_and_pickles() -> None:
    interval = Interval(1, 2, 3)
    assert pickle.loads(pickle.dumps(interval)) == interval  # noqa: S301 made here
    assert {interval: 1}[Interval(1, 2, 3)] == 1


@pytest.mark.parametrize("interval", [Interval(months=1), Interval(days=2**31 - 1)])
def test_an_interval_that_no_timedelta_equals_says_so(interval: Interval) -> None:
    with pytest.raises(UnrepresentableValueError) as caught:
        interval.to_timedelta()
    assert isinstance(caught.value, DatabaseError)
    assert str(interval) in str(caught.value)
