"""A parameter means the same as a bind and as the literal of a COPY."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow import UnsafeLiteralsError
from tests.database.arrow.rows import column, execute

HOSTILE_TEXTS = [
    "'", "''", "\\", "\\'", "\\\\'", "' OR 1=1 --", "'; DROP TABLE x; --", "$$", "$1", "?", "??", "/*", "*/", "--", "\n", "\r\n",
    ") TO STDOUT; SELECT (1", "E'\\047", "U&'\\0027'", "\u2019", "\u02bc", "ž", "🐘", "\ufeff", "%s", "{fn now()}", "{d '2024-01-01'}",
    "", " ", "\x01", "\x7f", "NULL", "\\N", "a\tb", "'" * 99, "\\" * 99, '"', "ｏ'ｏ", "\ud7ff\ue000", "::int", ":name",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_hostile_text_arrives_as_it_was_sent(jdbc: Any, text: str) -> None:
    sql = "SELECT ?::text -- is it '?'"
    assert column(jdbc, sql, text, copy=True) == column(jdbc, sql, text, copy=False) == [text]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=20))
def test_any_texts_arrive_as_they_were_sent(jdbc: Any, texts: list[str]) -> None:
    sql = (
        "SELECT * FROM (VALUES "
        + ", ".join(f"({number}, ?::text)" for number in range(len(texts)))
        + ") AS t ORDER BY 1"
    )
    assert column(jdbc, f"SELECT column2 FROM ({sql}) AS s", *texts) == texts


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -1, 2**31, -(2**63), 2**63, -(10**30), 1.5, -0.0, 1e300, 5e-324, float("inf"), float("nan"),
        Decimal("1.10"), Decimal("-1E-20"), Decimal("NaN"), b"", b"\x00'\\\xff", uuid.UUID(int=7), dt.date(2024, 2, 29),
        dt.date.min, dt.date.max, dt.time(23, 59, 59, 999999), dt.datetime(2024, 1, 1, 0, 0, 0, 1), dt.datetime.max,
        dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45))), [1, None, 3], ["a'b", None, '"\\'], [],
        [1.5], [b"\\'"], [True], [dt.date(2024, 1, 1)], {"a": "'\\"}, dt.timedelta(days=1, microseconds=-1), [[1, 2], [3, 4]],
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_of_any_type_means_the_same_both_ways(jdbc: Any, value: object) -> None:
    typed = value not in (None, [])
    for sql in ["SELECT ?::text", *(["SELECT pg_typeof(?)::text"] if typed else [])]:
        assert column(jdbc, sql, value, copy=True) == column(jdbc, sql, value, copy=False)


def test_a_list_serves_as_an_array(jdbc: Any) -> None:
    sql = "SELECT i FROM generate_series(1, 5) AS i WHERE i = ANY(?) OR i IN (SELECT unnest(?)) ORDER BY i"
    for copy in (True, False):
        assert column(jdbc, sql, [1, 2], [2, 5], copy=copy) == [1, 2, 5]


def test_operators_with_question_marks_are_doubled(jdbc: Any) -> None:
    sql = """SELECT '{"a": 1}'::jsonb ?? 'a', '?', ?::int"""
    for copy in (True, False):
        assert column(jdbc, f"SELECT s::text FROM ({sql}) AS s", 5, copy=copy) == ["(t,?,5)"]


def test_literals_are_refused_where_backslashes_could_end_them(jdbc: Any) -> None:
    execute(jdbc, "SET standard_conforming_strings = off")
    with pytest.raises(UnsafeLiteralsError, match="standard_conforming_strings=on"):
        column(jdbc, "SELECT ?::text", "\\'; --")
    assert column(jdbc, "SELECT 1") == [1]
    assert column(jdbc, "SELECT ?::text", "\\'; --", copy=False) == ["\\'; --"]


def test_a_parameter_too_few_is_an_error(jdbc: Any) -> None:
    from cockroach_pipelines.database.errors import DatabaseError

    for copy in (True, False):
        with pytest.raises(DatabaseError):
            column(jdbc, "SELECT ?::int, ?::int", 1, copy=copy)
        jdbc.rollback()
