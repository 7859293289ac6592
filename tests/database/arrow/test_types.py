"""Every type of the server arrives exactly, by COPY and from a result set."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
import pytest

from cockroach_pipelines.database.arrow import UnreadableDataError, read
from cockroach_pipelines.database.arrow.describe import Description
from cockroach_pipelines.database.arrow.parse import parse_block
from cockroach_pipelines.database.arrow.types import column as column_type
from tests.database.arrow.rows import column, columns, execute

UTC = ZoneInfo("UTC")  # what pyarrow gives
INTERVAL = pa.month_day_nano_interval()


def interval(months: int = 0, days: int = 0, microseconds: int = 0) -> Any:
    return pa.MonthDayNano([months, days, microseconds * 1000])


@dataclass
class Case:
    sql_type: str
    arrow: Any
    values: dict[str, Any]  # the server's text of each value, and what it becomes

    def select(self) -> str:
        rows = ", ".join(f"({number}, $v${text}$v$::{self.sql_type})" for number, text in enumerate(self.values))
        return f"SELECT v FROM (VALUES {rows}, (9998, NULL::{self.sql_type}), (9999, NULL::{self.sql_type})) AS t(n, v) ORDER BY n"


def same(*texts: str) -> dict[str, str]:
    return {text: text for text in texts}


AWKWARD_TEXTS = same(
    "", "NULL", "\\N", "\\.", "a,b", 'say "hi"', '"', '""', "line\nline", "\n", "\r\n", "tab\t", "back\\slash", "\\\\n",
    "'", " space ", "\ufeffBOM", "žluťoučký kůň", "漢字", "🐘", "\x01\x7f", "a\n\\.\nb",
)  # fmt: skip

CASES = [
    Case("int2", pa.int16(), {"-32768": -32768, "0": 0, "32767": 32767}),
    Case("int4", pa.int32(), {"-2147483648": -(2**31), "2147483647": 2**31 - 1}),
    Case("int8", pa.int64(), {"-9223372036854775808": -(2**63), "9223372036854775807": 2**63 - 1}),
    Case("oid", pa.int64(), {"0": 0, "4294967295": 2**32 - 1}),
    Case("float4", pa.float32(), {"1.5": 1.5, "-Infinity": -math.inf, "1e-40": 9.99994610111476e-41}),
    Case("float8", pa.float64(), {"0.1": 0.1, "1e308": 1e308, "5e-324": 5e-324, "Infinity": math.inf, "-0": -0.0}),
    Case("bool", pa.bool_(), {"true": True, "false": False}),
    Case("date", pa.date32(), {"2024-02-29": dt.date(2024, 2, 29), "0001-01-01": dt.date.min, "9999-12-31": dt.date.max}),
    Case("time", pa.time64("us"), {"00:00": dt.time(), "23:59:59.999999": dt.time.max, "12:00:00.001": dt.time(12, 0, 0, 1000)}),
    Case(
        "timestamp",
        pa.timestamp("us"),
        {
            "2024-03-31 02:30:00.001": dt.datetime(2024, 3, 31, 2, 30, 0, 1000),
            "0001-01-01": dt.datetime.min,
            "9999-12-31 23:59:59.999999": dt.datetime.max,
        },
    ),
    Case(
        "timestamptz",
        pa.timestamp("us", "UTC"),
        {
            "2024-03-31 02:30:00.000001+05:30": dt.datetime(2024, 3, 30, 21, 0, 0, 1, UTC),
            "1969-12-31 23:59:59.999999+00": dt.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        },
    ),
    Case("numeric(10,2)", pa.decimal128(10, 2), {"1.50": Decimal("1.50"), "-12345678.90": Decimal("-12345678.90")}),
    Case("numeric(38,10)", pa.decimal128(38, 10), {f"{'9' * 28}.{'9' * 10}": Decimal(f"{'9' * 28}.{'9' * 10}")}),
    Case("numeric(60,20)", pa.decimal256(60, 20), {f"{'8' * 40}.{'1' * 20}": Decimal(f"{'8' * 40}.{'1' * 20}")}),
    Case("numeric(3,-2)", pa.decimal128(5, 0), {"12345": Decimal(12300)}),
    Case("numeric(2,4)", pa.decimal128(4, 4), {"0.0099": Decimal("0.0099")}),
    Case("numeric(100,2)", pa.string(), same("1" * 98 + ".25")),
    Case("numeric", pa.string(), same("1.10", "-0.000000000000000000000000000000000000000000001", "NaN", "Infinity")),
    Case("bytea", pa.binary(), {r"\x": b"", r"\x00ff22": b'\x00\xff"', r"\x0a2c5c": b"\n,\\"}),
    Case(
        "interval",
        INTERVAL,
        {
            "1 year 2 mons 3 days 04:05:06.789": interval(14, 3, 14706789000),
            "-1 mon +2 days -00:00:00.000001": interval(-1, 2, -1),
            "0": interval(),
            "-3 hours -2 minutes": interval(0, 0, -10920000000),
        },
    ),
    Case("int4[]", pa.list_(pa.int32()), {"{}": [], "{1,NULL,-3}": [1, None, -3], "{NULL}": [None]}),
    Case("int8[]", pa.list_(pa.int64()), {"{9223372036854775807}": [2**63 - 1]}),
    Case("float8[]", pa.list_(pa.float64()), {"{0.1,Infinity}": [0.1, math.inf]}),
    Case("bool[]", pa.list_(pa.bool_()), {"{t,f,NULL}": [True, False, None]}),
    Case("date[]", pa.list_(pa.date32()), {"{2024-02-29,NULL}": [dt.date(2024, 2, 29), None]}),
    Case("uuid[]", pa.list_(pa.string()), {f"{{{uuid.UUID(int=5)},NULL}}": [str(uuid.UUID(int=5)), None]}),
    Case("text[]", pa.list_(pa.string()), {
        '{a,"b,c",NULL,"NULL"}': ["a", "b,c", None, "NULL"], "{}": [], '{""}': [""], "{null}": [None],
        r'{"\"","\\","\\\"",\\}': ['"', "\\", '\\"', "\\"], '{"{x}"," y ","line\nline","漢"}': ["{x}", " y ", "line\nline", "漢"],
    }),
    Case("varchar(3)[]", pa.list_(pa.string()), {'{abc,""}': ["abc", ""]}),
    Case("numeric(5,2)[]", pa.list_(pa.decimal128(5, 2)), {"{1.50,NULL,-999.99}": [Decimal("1.50"), None, Decimal("-999.99")]}),
    Case("numeric[]", pa.list_(pa.string()), {"{1.50,NaN,1e100}": ["1.50", "NaN", "1" + "0" * 100]}),
    Case("bytea[]", pa.list_(pa.binary()), {r'{"\\x00ff","\\x",NULL}': [b"\x00\xff", b"", None]}),
    Case("time[]", pa.list_(pa.time64("us")), {"{12:00,NULL}": [dt.time(12), None]}),
    Case("jsonb[]", pa.list_(pa.string()), {r'{"{\"a\": [1, null]}",null}': ['{"a": [1, null]}', None]}),
    Case("timestamp[]", pa.list_(pa.timestamp("us")), {'{"2024-01-01 00:00:00.5"}': [dt.datetime(2024, 1, 1, microsecond=500_000)]}),
    Case("timestamptz[]", pa.list_(pa.timestamp("us", "UTC")), {'{"2024-01-01 00:00:00+00",NULL}': [dt.datetime(2024, 1, 1, tzinfo=UTC), None]}),
    Case("interval[]", pa.string(), same("{P1D,NULL}")),
    Case("text", pa.string(), AWKWARD_TEXTS),
    Case("varchar(30)", pa.string(), AWKWARD_TEXTS),
    Case("char(3)", pa.string(), {"a": "a  "}),
    Case('"char"', pa.string(), same("x")),
    Case("name", pa.string(), same("pg_class")),
    Case("uuid", pa.string(), same(str(uuid.UUID(int=2**127)))),
    Case("json", pa.string(), same('{"b" : 1,\n "a": "\\u010d, \\"x\\""}', "null")),
    Case("jsonb", pa.string(), same('{"a": "č, \\"x\\"", "b": [1, null]}')),
    Case("timetz", pa.string(), same("12:00:00+05:30")),
    Case("money", pa.string(), same("$1,234.50")),
    Case("inet", pa.string(), same("10.0.0.0/8", "::1")),
    Case("int4range", pa.string(), same("[1,5)", "empty")),
    Case("bit(3)", pa.string(), same("101")),
    Case("bit varying", pa.string(), same("")),
    Case("xml", pa.string(), same("<a>&amp;</a>")),
    Case("point", pa.string(), same("(1,2)")),
    Case("tsvector", pa.string(), same("'a' 'b':2")),
]  # fmt: skip


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "result_set"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql_type)
def test_a_type_arrives_exactly(jdbc: Any, case: Case, copy: bool) -> None:
    with read(jdbc, case.select(), copy=copy) as stream:
        assert stream.schema.field(0).type == case.arrow
        table = pa.Table.from_batches(list(stream), stream.schema)
    assert repr(table.column(0).to_pylist()) == repr([*case.values.values(), None, None])


def test_each_field_says_the_servers_type(jdbc: Any) -> None:
    stream = read(jdbc, "SELECT 1 AS a, 'x'::varchar AS b, ARRAY[1.5] AS c, NULL::uuid AS d")
    said = [field.metadata[b"pg.type"] for field in stream.schema]
    assert said == [b"int4", b"varchar", b"_numeric", b"uuid"]
    assert [field.metadata[b"pg.type"] for field in stream.to_table().schema] == said


def test_another_driver_sees_the_same_values(jdbc: Any, truth: psycopg.Connection[Any]) -> None:
    sql = """SELECT i, i / 7.0::float8, (i / 7.0)::float4, (i * 1.25)::numeric(12, 3), date '1600-01-01' + i * 37,
                    timestamp '1800-01-01' + i * interval '37 days 1.000001 s', i % 3 = 0, md5(i::text),
                    decode(md5(i::text), 'hex'), time '00:00' + i * interval '1.000001 s',
                    timestamptz '1800-01-01' + i * interval '37 days 1.000001 s', ARRAY[i, NULL, -i]
             FROM generate_series(1, 3000) AS i"""
    truth.execute("SET TimeZone = 'UTC'")
    expected = [list(values) for values in zip(*truth.execute(sql).fetchall(), strict=True)]
    expected[2] = pa.array(expected[2], pa.float32()).to_pylist()  # psycopg reads a float4 as the nearest double
    for copy in (True, False):
        assert columns(jdbc, sql, copy=copy) == expected


def test_types_made_by_the_user_arrive_as_text_or_as_their_base(jdbc: Any) -> None:
    execute(
        jdbc,
        "CREATE TYPE pg_temp.mood AS ENUM ('so, so', 'fine')",
        "CREATE TYPE pg_temp.pair AS (a int, b text)",
        "CREATE DOMAIN pg_temp.price AS numeric(8, 2) CHECK (VALUE >= 0)",
    )
    sql = """SELECT 'so, so'::pg_temp.mood, ROW(1, 'a "b"')::pg_temp.pair, 1.5::pg_temp.price, ROW(1, NULL),
                    ARRAY['fine']::pg_temp.mood[]"""
    for copy in (True, False):
        values = columns(jdbc, sql, copy=copy)
        assert values == [["so, so"], ['(1,"a ""b""")'], [Decimal("1.50")], ["(1,)"], [["fine"]]]


def test_a_statement_run_often_keeps_its_text(jdbc: Any) -> None:
    """The driver would prepare it on the server and take binary values, whose text it makes up itself."""
    sql = "SELECT 1e10::float8, 1e-7::float4, numeric '1e3', point '(1,2)', bytea '\\x00', date '2024-02-29', true"
    for _ in range(12):
        assert columns(jdbc, sql, copy=False) == columns(jdbc, sql, copy=True)


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("string", pa.string()),
        ("STRING", pa.string()),
        ("int", pa.int64()),
        ("bytes", pa.binary()),
        ("decimal", pa.string()),
        ("bool", pa.bool_()),
        ("timestamp with time zone", pa.timestamp("us", "UTC")),
        ("_int", pa.list_(pa.int64())),
        ("_string", pa.list_(pa.string())),
    ],
)
def test_names_of_cockroachdb_and_the_standard_are_understood(alias: str, expected: Any) -> None:
    assert column_type("c", alias).arrow == expected


def test_a_wide_result_arrives(jdbc: Any) -> None:
    width = 1600
    sql = "SELECT " + ", ".join(map(str, range(width)))
    for copy in (True, False):
        assert columns(jdbc, sql, copy=copy) == [[number] for number in range(width)]


def test_text_that_is_not_utf_8_is_refused_with_advice() -> None:
    with pytest.raises(UnreadableDataError, match="cast the column to bytea"):
        parse_block(b"\xff\xfe\n", Description((column_type("c", "text"),)), "error")


def test_values_larger_than_a_block_arrive(jdbc: Any) -> None:
    sql = "SELECT repeat(E'\"\\n', 1500000), i FROM generate_series(1, 3) AS i"
    for copy in (True, False):
        texts, numbers = columns(jdbc, sql, copy=copy)
        assert numbers == [1, 2, 3]
        assert set(texts) == {'"\n' * 1_500_000}


def test_a_column_of_one_null_per_row_keeps_its_rows(jdbc: Any) -> None:
    for copy in (True, False):
        assert column(jdbc, "SELECT NULL::int FROM generate_series(1, 5)", copy=copy) == [None] * 5
        assert column(jdbc, "SELECT nullif(i, 2)::text FROM generate_series(1, 3) i", copy=copy) == ["1", None, "3"]
