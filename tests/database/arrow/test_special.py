"""Values that no Arrow type holds: exact where a counterpart exists, else as `special` says."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from cockroach_pipelines.database.arrow import Special, UnrepresentableInArrowError, read
from cockroach_pipelines.database.arrow.intervals import intervals_from_text
from cockroach_pipelines.database.arrow.moments import civil_from_days, days_since_1970
from cockroach_pipelines.database.arrow.types import column as column_type
from tests.database.arrow.rows import column, execute, still_works

DAY = 86_400_000_000
BOTH_WAYS = pytest.mark.parametrize("copy", [True, False], ids=["copy", "result_set"])


def units(jdbc: Any, sql: str, *, copy: bool = True, special: Special = "error") -> list[int | None]:
    """The integers that Arrow keeps, since Python has no such dates."""
    with read(jdbc, sql, copy=copy, special=special) as stream:
        (values,) = pa.Table.from_batches(list(stream), stream.schema).columns
        storage = pa.int32() if pa.types.is_date(values.type) else pa.int64()
        return [value for chunk in values.chunks for value in chunk.view(storage).to_pylist()]


@BOTH_WAYS
def test_dates_that_python_lacks_are_exact(jdbc: Any, copy: bool) -> None:
    sql = """SELECT d FROM (VALUES (1, date '0044-03-15 BC'), (2, '4713-01-01 BC'), (3, '10000-01-01'), (4, '5874897-12-31'),
             (5, NULL), (6, '2000-01-01')) AS t(n, d) ORDER BY n"""
    by_the_server = column(jdbc, sql.replace("SELECT d", "SELECT d - date '1970-01-01'"))
    assert units(jdbc, sql, copy=copy) == by_the_server
    assert by_the_server[0] == days_since_1970(-43, 3, 15)


@BOTH_WAYS
def test_timestamps_that_python_lacks_are_exact(jdbc: Any, copy: bool) -> None:
    sql = """SELECT t FROM (VALUES (1, timestamp '0044-03-15 12:00:00.000001 BC'), (2, '12345-06-07 08:09:10.5'),
             (3, NULL), (4, '294246-12-31 23:59:59.999999'), (5, '2000-01-01')) AS t(n, t) ORDER BY n"""
    by_the_server = column(jdbc, sql.replace("SELECT t", "SELECT (extract(epoch FROM t) * 1000000)::int8"))
    assert units(jdbc, sql, copy=copy) == by_the_server


@BOTH_WAYS
def test_old_offsets_with_seconds_are_exact(jdbc: Any, copy: bool) -> None:
    execute(jdbc, "SET TimeZone = 'Europe/Amsterdam'")
    sql = """SELECT t FROM (VALUES (1, timestamptz '1900-01-01 12:00:00+00'), (2, '0044-03-15 00:00:00+00 BC'),
             (3, '2024-07-01 00:00:00+00')) AS t(n, t) ORDER BY n"""
    assert re.search(r"\+00:\d\d:\d\d$", column(jdbc, f"SELECT t::text FROM ({sql}) AS s")[0])
    by_the_server = column(jdbc, sql.replace("SELECT t", "SELECT (extract(epoch FROM t) * 1000000)::int8"))
    assert units(jdbc, sql, copy=copy) == by_the_server


WITHOUT_COUNTERPART = [
    ("date 'infinity'", "infinity", 2**31 - 1),
    ("date '-infinity'", "-infinity", -(2**31) + 1),
    ("timestamp 'infinity'", "infinity", 2**63 - 1),
    ("timestamptz '-infinity'", "-infinity", -(2**63) + 1),
    ("timestamp '294276-12-31'", "294276-12-31 00:00:00", 2**63 - 1),
    ("time '24:00:00'", "24:00:00", DAY - 1),
]


@BOTH_WAYS
@pytest.mark.parametrize(("literal", "text", "clamped"), WITHOUT_COUNTERPART, ids=lambda value: str(value))
def test_a_moment_without_counterpart_follows_special(
    jdbc: Any, literal: str, text: str, clamped: int, copy: bool
) -> None:
    sql = f"SELECT v AS until FROM (VALUES (1, {literal}), (2, NULL)) AS t(n, v) ORDER BY n"
    assert units(jdbc, sql, special="null", copy=copy) == [None, None]
    assert units(jdbc, sql, special="clamp", copy=copy) == [clamped, None]
    assert column(jdbc, sql, special="text", copy=copy) == [text, None]
    with pytest.raises(UnrepresentableInArrowError, match="special='null'") as caught:
        column(jdbc, sql, copy=copy)
    assert (caught.value.column, caught.value.value) == ("until", text)
    assert caught.value.type_name == literal.split()[0]
    assert still_works(jdbc)


def test_one_odd_value_leaves_the_others_of_its_block_exact(jdbc: Any) -> None:
    sql = "SELECT CASE WHEN i = 500 THEN 'infinity' ELSE timestamp '2024-01-01' + i * interval '1 us' END FROM generate_series(1, 1000) i"
    values = units(jdbc, sql, special="null")
    assert values == [None if i == 500 else 19723 * DAY + i for i in range(1, 1001)]


@BOTH_WAYS
def test_not_a_number_follows_special(jdbc: Any, copy: bool) -> None:
    sql = "SELECT v FROM (VALUES (1, 'NaN'::numeric(5, 2)), (2, '1.25'::numeric(5, 2))) AS t(n, v) ORDER BY n"
    assert column(jdbc, sql, special="null", copy=copy) == [None, Decimal("1.25")]
    assert column(jdbc, sql, special="text", copy=copy) == ["NaN", "1.25"]
    for special in ("error", "clamp"):
        with pytest.raises(UnrepresentableInArrowError, match=r"'v': the numeric value NaN .*\n.*float8"):
            column(jdbc, sql, special=special, copy=copy)
        assert still_works(jdbc)


@BOTH_WAYS
def test_an_array_that_is_not_flat_follows_special(jdbc: Any, copy: bool) -> None:
    for literal in ("ARRAY[[1,2],[3,4]]", "'[0:1]={1,2}'::int[]"):
        sql = f"SELECT a FROM (VALUES (1, {literal}), (2, ARRAY[5])) AS t(n, a) ORDER BY n"
        assert column(jdbc, sql, special="null", copy=copy) == [None, [5]]
        texts = column(jdbc, sql, special="text", copy=copy)
        assert texts == [column(jdbc, f"SELECT ({literal})::text")[0], "{5}"]
        with pytest.raises(UnrepresentableInArrowError, match="unnest"):
            column(jdbc, sql, copy=copy)
        assert still_works(jdbc)


def test_elements_of_arrays_follow_special(jdbc: Any) -> None:
    assert column(jdbc, "SELECT ARRAY[date 'infinity', '2024-01-01', NULL]", special="null")[0][0] is None
    with read(jdbc, "SELECT ARRAY[date '0044-03-15 BC', '2024-01-01']") as stream:
        assert next(iter(stream)).column(0).flatten().view(pa.int32()).to_pylist() == [
            days_since_1970(-43, 3, 15),
            19723,
        ]
    with pytest.raises(UnrepresentableInArrowError, match="infinity"):
        column(jdbc, "SELECT ARRAY[date 'infinity']")


def test_an_interval_of_centuries_in_hours_follows_special(jdbc: Any) -> None:
    sql = "SELECT v FROM (VALUES (1, interval '2600000 hours'), (2, '-2600000 hours'), (3, '1 mon')) AS t(n, v) ORDER BY n"
    assert column(jdbc, sql, special="null") == [None, None, pa.MonthDayNano([1, 0, 0])]
    clamped = column(jdbc, sql, special="clamp")
    assert clamped[0].nanoseconds == -clamped[1].nanoseconds > 9.2e18
    assert column(jdbc, sql, special="text") == ["PT2600000H", "PT-2600000H", "P1M"]
    with pytest.raises(UnrepresentableInArrowError, match="PT2600000H"):
        column(jdbc, sql)


def test_infinite_intervals_of_newer_servers_follow_special() -> None:
    """PostgreSQL has them since version 17, which Debian's is not yet."""
    interval = column_type("i", "interval")
    texts = pa.array(["infinity", "-infinity", None, "P1D"])
    day, most = pa.MonthDayNano([0, 1, 0]), pa.MonthDayNano([2**31 - 1, 2**31 - 1, 2**63 - 1])
    least = pa.MonthDayNano([-(2**31) + 1, -(2**31) + 1, -(2**63) + 1])
    assert intervals_from_text(texts, interval, "null").to_pylist() == [None, None, None, day]
    assert intervals_from_text(texts, interval, "clamp").to_pylist() == [most, least, None, day]
    with pytest.raises(UnrepresentableInArrowError, match="infinity"):
        intervals_from_text(texts, interval, "error")


def test_special_has_four_values(jdbc: Any) -> None:
    with pytest.raises(ValueError, match="error, null, clamp, text"):
        read(jdbc, "SELECT 1", special="ignore")  # type: ignore[arg-type]


def test_days_are_counted_as_python_counts_them() -> None:
    import datetime as dt

    for day in range(1, dt.date.max.toordinal() + 1, 97):
        date = dt.date.fromordinal(day)
        assert days_since_1970(date.year, date.month, date.day) == day - dt.date(1970, 1, 1).toordinal()
    for day in range(-2_500_000, 5_000_000, 1013):
        assert days_since_1970(*civil_from_days(day)) == day
