"""A moment in the past is written anew from what was understood; no other text ever reaches the SQL."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.database import AsOf


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("-10s", "'-10s'"),
        ("-500ms", "'-0.5s'"),
        ("-1.5m", "'-90s'"),
        ("-2h", "'-7200s'"),
        (" -1d ", "'-86400s'"),
        ("follower_read", "follower_read_timestamp()"),
        ("Follower_Read_Timestamp()", "follower_read_timestamp()"),
        ("1700000000000000000.0000000001", "'1700000000000000000.0000000001'"),
        ("2024-01-31T12:00:00Z", "'2024-01-31 12:00:00.000000+00:00'"),
        ("2024-01-31 14:00:00.5+02:00", "'2024-01-31 12:00:00.500000+00:00'"),
    ],
)
def test_moment_is_written_anew(text: str, sql: str) -> None:
    assert AsOf.parse(text).sql == sql


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10s", "no moment"),
        ("-0s", "is now"),
        ("-10", "no moment"),
        ("now()", "no moment"),
        ("-10s'; DROP TABLE t; --", "no moment"),
        ("-\u0661s", "no moment"),
        ("2024-01-31T12:00:00", "has no time zone"),
        ("2024-01-31", "has no time zone"),
        ("", "no moment"),
    ],
)
def test_anything_else_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        AsOf.parse(text)


SAFE = re.compile(r"follower_read_timestamp\(\)|'[-+:. 0-9]+s?'")


@given(
    st.text()
    | st.from_regex(r"-\d{1,9}(\.\d{1,6})?(ms|s|m|h|d)'?", fullmatch=True)
    | st.datetimes(timezones=st.just(dt.UTC)).map(str)
)
def test_what_becomes_sql_is_always_one_harmless_literal(text: str) -> None:
    try:
        moment = AsOf.parse(text)
    except ValueError:
        return
    assert SAFE.fullmatch(moment.sql)
