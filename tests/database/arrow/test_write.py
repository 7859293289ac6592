"""What is written to a table is what the table then holds."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from cockroach_pipelines.database.arrow import (
    UnrepresentableInArrowError,
    UnsupportedTypeError,
    WriteResult,
    read,
    write,
)
from cockroach_pipelines.database.errors import ConstraintError, InvalidStatementError
from tests.database.arrow.rows import column, columns, execute, still_works
from tests.database.arrow.test_types import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql_type)
def test_every_type_is_written_as_it_was_read(jdbc: Any, case: Case) -> None:
    execute(jdbc, f"CREATE TEMP TABLE target (n serial, v {case.sql_type})")
    data = pa.Table.from_batches(list(read(jdbc, case.select())))
    assert write(jdbc, "target", data) == WriteResult(len(case.values) + 2, pytest.approx(0, abs=10_000))
    texts = column(jdbc, "SELECT v::text FROM target ORDER BY n")
    assert texts == column(jdbc, f"SELECT v::text FROM ({case.select()}) AS s")


def written(jdbc: Any, sql_type: str, values: Any) -> list[str | None]:
    """Write an array to a table of one column and give the server's text of it."""
    execute(jdbc, f"CREATE TEMP TABLE target (n serial, v {sql_type})")
    write(jdbc, "target", pa.table({"v": values}))
    return column(jdbc, "SELECT v::text FROM target ORDER BY n")


@pytest.mark.parametrize(
    ("sql_type", "values", "texts"),
    [
        ("date", pa.array([-800000, 2**22, 0, None], pa.int32()).view(pa.date32()), ["0222-09-04 BC", "13453-08-13", "1970-01-01", None]),
        ("timestamp", pa.array([-62135596800000001, 253402300800000001], pa.int64()).view(pa.timestamp("us")),
         ["0001-12-31 23:59:59.999999 BC", "10000-01-01 00:00:00.000001"]),
        ("timestamptz", pa.array([-62198755200000000, 9 * 10**18, 1], pa.int64()).view(pa.timestamp("us", "Asia/Kolkata")),
         ["0002-01-01 00:00:00+00 BC", "287168-08-24 16:00:00+00", "1970-01-01 00:00:00.000001+00"]),
        ("timestamptz", pa.array([dt.datetime(2024, 7, 1, 12)], pa.timestamp("s", "America/New_York")), ["2024-07-01 12:00:00+00"]),
        ("timestamp", pa.array([1500], pa.timestamp("ms")), ["1970-01-01 00:00:01.5"]),
        ("timestamp", pa.array([1500000], pa.timestamp("ns")), ["1970-01-01 00:00:00.0015"]),
        ("date", pa.array([86_400_000], pa.int64()).view(pa.date64()), ["1970-01-02"]),
        ("time", pa.array([1], pa.time32("s")), ["00:00:01"]),
        ("time", pa.array([1_000], pa.time64("ns")), ["00:00:00.000001"]),
        ("interval", pa.array([-1, 90_061_000_001], pa.duration("us")), ["PT-0.000001S", "PT25H1M1.000001S"]),
        ("interval", pa.array([pa.MonthDayNano([-13, 2, -1000]), pa.MonthDayNano([0, 0, 9 * 10**18])]),
         ["P-1Y-1M2DT-0.000001S", "PT2500000H"]),
        ("numeric", pa.array([Decimal("1E-20"), Decimal("-0.5")]), ["0.00000000000000000001", "-0.50000000000000000000"]),
        ("numeric", pa.array([Decimal("1.5")], pa.decimal32(5, 2)), ["1.50"]),
        ("numeric", pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)]),
        ("float8", pa.array([float("nan"), float("-inf"), 1e22, -0.0]), ["NaN", "-Infinity", "1e+22", "-0"]),
        ("float4", pa.array([np.float16(1.5)], pa.float16()), ["1.5"]),
        ("text", pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        ("text", pa.array(["", None], pa.large_string()), ["", None]),
        ("text", pa.array(["é", None], pa.string_view()), ["é", None]),
        ("bytea", pa.array([b"\x00\xff", b"", None], pa.large_binary()), [r"\x00ff", r"\x", None]),
        ("bytea", pa.array([b"ab"], pa.binary(2)), [r"\x6162"]),
        ("uuid", pa.array([uuid.UUID(int=5).bytes, None], pa.uuid()), [str(uuid.UUID(int=5)), None]),
        ("uuid", pa.array([str(uuid.UUID(int=5))]), [str(uuid.UUID(int=5))]),
        ("json", pa.array(['{"a" : 1}', None], pa.json_()), ['{"a" : 1}', None]),
        ("jsonb", pa.array(['{"a" : "\\""}']), ['{"a": "\\""}']),
        ("text[]", pa.array([['a"b', "\\", "", "NULL", None, "{x}", "a,b"], [], None]),
         ['{"a\\"b","\\\\","","NULL",NULL,"{x}","a,b"}', "{}", None]),
        ("int[]", pa.array([[[1, 2], [3, None]]]), ["{{1,2},{3,NULL}}"]),
        ("int[]", pa.array([[1, 2]], pa.list_(pa.int64(), 2)), ["{1,2}"]),
        ("bytea[]", pa.array([[b"\x00", None]]), [r'{"\\x00",NULL}']),
        ("timestamptz[]", pa.array([[0, -62135596800000001]], pa.list_(pa.int64())).cast(pa.list_(pa.timestamp("us", "UTC"))),
         ['{"1970-01-01 00:00:00+00","0001-12-31 23:59:59.999999+00 BC"}']),
        ("numeric[]", pa.array([[Decimal("1.10"), None]]), ["{1.10,NULL}"]),
        ("int", pa.nulls(2), [None, None]),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)  # fmt: skip
def test_arrow_types_that_no_result_has_are_written_too(
    jdbc: Any, sql_type: str, values: Any, texts: list[str | None]
) -> None:
    assert written(jdbc, sql_type, values) == texts


def test_another_driver_reads_what_was_written(jdbc: Any, truth: psycopg.Connection[Any]) -> None:
    truth.execute("DROP TABLE IF EXISTS seen; CREATE TABLE seen (i int8, t text, b bytea, d numeric, at timestamptz)")
    rows = [
        (number, None if number % 7 == 0 else f'"{number}"\n,' * (number % 3), bytes(range(number % 256)), Decimal(number) / 8,
         dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=number))
        for number in range(2000)
    ]  # fmt: skip
    names = ["i", "t", "b", "d", "at"]
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    write(jdbc, "public.seen", table)
    jdbc.commit()
    truth.execute("SET TimeZone = 'UTC'")
    assert truth.execute("SELECT * FROM seen ORDER BY i").fetchall() == rows


def test_rows_and_bytes_are_counted(jdbc: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE target (a text, b int)")
    execute(jdbc, "CREATE TEMP TABLE addresses (a inet, b int)")
    assert write(jdbc, "addresses", pa.table({"a": ["::1", None], "b": [1, 2]})) == WriteResult(2, len('"::1",1\n,2\n'))
    in_binary = len("nn" + "llllx" + "llllvvvv") + len("nn" + "llll" + "llllvvvv") + len("nn" + "llll" + "llll")
    assert write(jdbc, "target", pa.table({"a": ["x", "", None], "b": [1, 2, None]})) == WriteResult(3, in_binary)
    assert write(jdbc, "target", pa.table({"a": pa.array([], pa.string())})) == WriteResult(0, 0)


def test_null_stays_apart_from_an_empty_text_even_alone_in_its_row(jdbc: Any) -> None:
    assert written(jdbc, "text", pa.array(["", None, "NULL", '""'])) == ["", None, "NULL", '""']
    execute(jdbc, "CREATE TEMP TABLE single (v text)")
    write(jdbc, "single", pa.table({"v": ["", None, "\\.", "\n"]}))
    assert column(jdbc, "SELECT v FROM single") == ["", None, "\\.", "\n"]


def test_names_are_quoted_and_may_be_given(jdbc: Any) -> None:
    execute(jdbc, 'CREATE TEMP TABLE "odd ""table""" ("select" int, "a ""b""" int DEFAULT 7, c int)')
    write(jdbc, '"odd ""table"""', pa.table({"c": [3], "select": [1]}))
    write(jdbc, 'pg_temp."odd ""table"""', pa.table({"x": [4], "y": [5]}), columns=["select", 'a "b"'])
    assert columns(jdbc, 'SELECT * FROM "odd ""table""" ORDER BY 1') == [[1, 4], [7, 5], [3, None]]
    with pytest.raises(ValueError, match="names 1 columns and the data has 2"):
        write(jdbc, "t", pa.table({"x": [4], "y": [5]}), columns=["c"])


def test_a_stream_is_written_while_it_is_read(jdbc: Any, connections: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE target (i int, t text)")
    source = read(connections(), "SELECT i, repeat('é', i % 50) AS t FROM generate_series(1, 100000) AS i")
    assert write(jdbc, "target", source).rows == 100_000
    assert columns(jdbc, "SELECT count(*), sum(length(t)) FROM target") == [[100_000], [2_450_000]]


def test_large_batches_and_large_rows_are_written(jdbc: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE target (t text)")
    table = pa.table({"t": ["é" * 3_000_000, None, *(["x" * 1000] * 10_000)]})
    assert write(jdbc, "target", table).rows == 10_002
    assert columns(jdbc, "SELECT sum(length(t)), count(*) FROM target") == [[13_000_000], [10_002]]


def test_slices_of_arrays_are_written_as_slices(jdbc: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE target (b bytea, l int[], i interval, t text[])")
    table = pa.table(
        {
            "b": [b"zero", b"one", None, b"three"],
            "l": [[0], [1, None], None, []],
            "i": [pa.MonthDayNano([number, 0, 0]) for number in range(4)],
            "t": [["zero"], ["one"], None, ["three"]],
        }
    )
    write(jdbc, "target", table.slice(1, 3))
    assert read(jdbc, "SELECT b, l, i FROM target").to_table().to_pylist() == table.slice(1, 3).drop(["t"]).to_pylist()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (pa.array([1], pa.timestamp("ns")), "1970-01-01 00:00:00.000000001"),
        (pa.array([1], pa.time64("ns")), "00:00:00.000000001"),
        (pa.array([None, pa.MonthDayNano([1, 0, 5])]), "nanoseconds=5"),
        (pa.array([2**62], pa.timestamp("s")), ""),
        (pa.array([1], pa.duration("ns")), "1"),
    ],
    ids=str,
)
def test_a_value_that_the_database_would_round_is_refused(jdbc: Any, values: Any, named: str) -> None:
    execute(jdbc, "CREATE TEMP TABLE target (v text)")
    jdbc.commit()
    with pytest.raises(UnrepresentableInArrowError, match=r"'v'.*\n.*microseconds") as caught:
        write(jdbc, "target", pa.table({"v": values}))
    assert named in caught.value.value
    assert still_works(jdbc)


@pytest.mark.parametrize(
    "values", [pa.array([{"a": 1}]), pa.array([[{"a": 1}]]), pa.MapArray.from_arrays([0, 1], ["k"], [1])]
)
def test_a_type_without_counterpart_is_refused(jdbc: Any, values: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE target (v text)")
    jdbc.commit()
    with pytest.raises(UnsupportedTypeError, match=r"'v'.*\n.*JSON"):
        write(jdbc, "target", pa.table({"v": values}))
    assert still_works(jdbc)


def test_a_refused_row_keeps_every_row_out(jdbc: Any) -> None:
    execute(jdbc, "DROP TABLE IF EXISTS strict; CREATE TABLE strict (i int PRIMARY KEY)")
    jdbc.commit()
    for values, error in (
        ([*range(50_000), 7], ConstraintError),
        ([*map(str, range(50_000)), "x"], InvalidStatementError),
    ):
        with pytest.raises(error):
            write(jdbc, "strict", pa.table({"i": values}))
        assert still_works(jdbc)
        assert column(jdbc, "SELECT count(*) FROM strict") == [0]


def test_a_table_that_does_not_exist_is_named(jdbc: Any) -> None:
    with pytest.raises(InvalidStatementError, match="no_such_table"):
        write(jdbc, "no_such_table", pa.table({"i": range(1_000_000)}))
    assert still_works(jdbc)


def test_data_that_fails_on_its_way_keeps_every_row_out(jdbc: Any) -> None:
    execute(jdbc, "DROP TABLE IF EXISTS broken; CREATE TABLE broken (i int)")
    jdbc.commit()

    def batches() -> Iterator[Any]:
        yield pa.record_batch({"i": pa.array(range(100_000), pa.int32())})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(jdbc, "broken", pa.RecordBatchReader.from_batches(pa.schema([("i", pa.int32())]), batches()))
    assert still_works(jdbc)
    assert column(jdbc, "SELECT count(*) FROM broken") == [0]


def test_an_enum_is_written_as_text(jdbc: Any) -> None:
    execute(
        jdbc, "CREATE TYPE pg_temp.mood AS ENUM ('so, so', 'fine')", "CREATE TEMP TABLE moods (n int, m pg_temp.mood)"
    )
    data = pa.table({"n": [1, 2, 3], "m": ["so, so", None, "fine"]})
    write(jdbc, "moods", data)
    assert read(jdbc, "SELECT * FROM moods").to_table().to_pylist() == data.to_pylist()
