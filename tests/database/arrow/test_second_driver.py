"""Whatever the server can print arrives as a second driver gives it, and, written back, is the same to the server."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import psycopg
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow import read, write
from tests.database.arrow.rows import execute

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
DIGITS = st.text("0123456789", min_size=1, max_size=30)


def dates(first: int, last: int) -> Any:
    """Give dates as the server writes them, the year before Christ with BC."""
    parts = st.tuples(st.integers(first, last), st.integers(1, 12), st.integers(1, 28))
    return parts.map(lambda p: f"{p[0] if p[0] > 0 else 1 - p[0]:04}-{p[1]:02}-{p[2]:02}{'' if p[0] > 0 else ' BC'}")


CLOCKS = st.times().map(str)
ZONES = st.tuples(st.sampled_from("+-"), st.integers(0, 15), st.integers(0, 59), st.integers(0, 59)).map(
    lambda p: f"{p[0]}{p[1]:02}:{p[2]:02}:{p[3]:02}"
)
FIELDS = st.integers(-100_000, 100_000)
INTERVALS = st.tuples(FIELDS, FIELDS, FIELDS, FIELDS, FIELDS, st.integers(-(10**9), 10**9)).map(
    lambda p: f"{p[0]} years {p[1]} mons {p[2]} days {p[3]} hours {p[4]} mins {p[5] / 1e6:.6f} secs"
)


def moment(date: str, clock: str, zone: str = "") -> str:
    day, _, era = date.partition(" ")
    return f"{day} {clock}{zone} {era}".strip()


def array(elements: Any) -> Any:
    quoted = elements.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return st.lists(quoted | st.just("NULL"), max_size=5).map(lambda parts: "{" + ",".join(parts) + "}")


NUMBERS = st.tuples(st.sampled_from(["", "-"]), DIGITS, DIGITS).map(lambda p: f"{p[0]}{p[1]}.{p[2]}")
FLOATS = st.floats().map(repr) | st.sampled_from(["Infinity", "-Infinity", "NaN", "-0"])

# The server's type, its texts, and whether the second driver gives the same Python value.
TYPES: dict[str, tuple[Any, bool]] = {
    "int2": (st.integers(-(2**15), 2**15 - 1).map(str), True),
    "int4": (st.integers(-(2**31), 2**31 - 1).map(str), True),
    "int8": (st.integers(-(2**63), 2**63 - 1).map(str), True),
    "float4": (st.floats(width=32).map(repr), False),
    "float8": (FLOATS, True),
    "bool": (st.sampled_from(["t", "f"]), True),
    "numeric": (NUMBERS, True),
    "numeric(76,30)": (NUMBERS, True),
    "text": (TEXT, True),
    "varchar(12)": (TEXT, True),
    "bytea": (st.binary(max_size=20).map(lambda octets: "\\x" + octets.hex()), True),
    "uuid": (st.uuids().map(str), True),
    "json": (TEXT.map(json.dumps), False),
    "date": (st.dates().map(str), True),
    "time": (CLOCKS, True),
    "timestamp": (st.datetimes().map(str), True),
    "timestamptz": (st.datetimes(dt.datetime(1, 1, 3), dt.datetime(9999, 12, 29)).map(lambda at: f"{at}+00"), True),
    "int4[]": (array(st.integers(-(2**31), 2**31 - 1).map(str)), True),
    "text[]": (array(TEXT), True),
    "numeric(60,30)[]": (array(NUMBERS), True),
    "timestamp[]": (array(st.datetimes().map(str)), True),
    "interval": (INTERVALS, False),
    "timetz": (st.tuples(CLOCKS, ZONES).map("".join), False),
    "inet": (st.ip_addresses().map(str), False),
    "int4range": (st.tuples(st.integers(0, 99), st.integers(100, 199)).map(lambda p: f"[{p[0]},{p[1]})"), False),
    "varbit": (st.text("01", max_size=70), False),
    "point": (st.tuples(FIELDS, FIELDS).map(lambda p: f"({p[0]},{p[1]})"), False),
}
ODD: dict[str, tuple[Any, bool]] = {
    "date": (dates(-4711, 5_874_896), False),
    "timestamp": (st.tuples(dates(-4711, 294_000), CLOCKS).map(lambda p: moment(*p)), False),
    "timestamptz": (st.tuples(dates(-4711, 294_000), CLOCKS, ZONES).map(lambda p: moment(*p)), False),
}


def plain(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return "NaN"
    return str(value) if isinstance(value, uuid.UUID) else value


def examples(types: dict[str, tuple[Any, bool]]) -> Any:
    return st.sampled_from(sorted(types)).flatmap(
        lambda name: st.tuples(st.just(name), st.lists(st.none() | types[name][0], min_size=1, max_size=6))
    )


def check(jdbc: Any, truth: psycopg.Connection[Any], sql_type: str, texts: list[str | None], same: bool) -> None:
    truth.execute("SET TimeZone = 'UTC'; SET extra_float_digits = 1; DROP TABLE IF EXISTS seen")
    truth.execute(f"CREATE TABLE seen (n int, v {sql_type}, w {sql_type})")
    with truth.cursor() as cursor:
        cursor.executemany(f"INSERT INTO seen VALUES (%s, %s::{sql_type})", list(enumerate(texts)))
    for copy in (True, False):
        table = pa.Table.from_batches(list(read(jdbc, "SELECT n, v FROM seen ORDER BY n", copy=copy)))
        jdbc.rollback()
        if same:
            second = truth.execute("SELECT v FROM seen ORDER BY n").fetchall()
            kept = read(jdbc, "SELECT v FROM seen ORDER BY n", copy=copy).to_table()
            jdbc.rollback()
            assert [plain(value) for value in kept.column(0).to_pylist()] == [plain(value) for (value,) in second]
        execute(jdbc, f"CREATE TEMP TABLE back (n int, v {sql_type})")
        write(jdbc, "back", table)
        wrong = read(jdbc, "SELECT s.v::text AS sent, b.v::text AS back FROM seen s JOIN back b USING (n) "
                           "WHERE s.v::text IS DISTINCT FROM b.v::text").to_table().to_pylist()  # fmt: skip
        assert wrong == []
        jdbc.rollback()


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(example=examples(TYPES))
def test_a_second_driver_agrees_and_the_server_does(
    jdbc: Any, truth: psycopg.Connection[Any], example: tuple[str, list[str | None]]
) -> None:
    check(jdbc, truth, *example, same=TYPES[example[0]][1])


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(example=examples(ODD))
def test_moments_beyond_pythons_calendar_come_back_as_they_were(
    jdbc: Any, truth: psycopg.Connection[Any], example: tuple[str, list[str | None]]
) -> None:
    check(jdbc, truth, *example, same=False)
