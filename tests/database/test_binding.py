from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database.binding import UnbindableValueError, bind_all
from cockroach_pipelines.database.connection import CockroachDBConnection, connect
from cockroach_pipelines.database.errors import DatabaseError
from cockroach_pipelines.database.values import Interval
from tests.peers.postgres import PostgresServer
from tests.peers.second_driver import connect_by_psycopg

UTC = dt.UTC
QUICK = settings(max_examples=40, deadline=None)


@pytest.fixture(scope="module")
def connection(server: PostgresServer) -> Iterator[CockroachDBConnection]:
    with connect(server.config) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _clean_transaction(connection: CockroachDBConnection) -> Iterator[None]:
    yield
    connection.rollback()


@pytest.fixture(scope="module")
def witness(server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """A second driver, whose session writes values in the same style."""
    style = "-c TimeZone=UTC -c IntervalStyle=iso_8601 -c extra_float_digits=1"
    with connect_by_psycopg(server.config, options=style) as witness:
        yield witness


def bound(connection: CockroachDBConnection, value: object, type_name: str | None = None) -> tuple[str, str]:
    """Give type and text that the server sees in a bound value."""
    parameter = f"CAST(? AS {type_name})" if type_name else "?"
    ((seen_type, text),) = connection.query(
        f"SELECT pg_typeof(value)::text, value::text FROM (SELECT {parameter} AS value) AS bound", [value]
    )
    return seen_type, text


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(str):
    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize(
    ("value", "type_name", "text"),
    [
        (True, "boolean", "true"),
        (0, "bigint", "0"),
        (-(2**63), "bigint", "-9223372036854775808"),
        (2**63, "numeric", "9223372036854775808"),
        (-(2**64), "numeric", "-18446744073709551616"),
        (Level.HIGH, "bigint", "3"),
        (0.1, "double precision", "0.1"),
        (-0.0, "double precision", "-0"),
        (5e-324, "double precision", "5e-324"),
        (float("inf"), "double precision", "Infinity"),
        (float("-inf"), "double precision", "-Infinity"),
        (float("nan"), "double precision", "NaN"),
        (Decimal("1.10"), "numeric", "1.10"),
        (Decimal("1E+3"), "numeric", "1000"),
        (Decimal("1E-16383"), "numeric", "0." + "0" * 16382 + "1"),
        (Decimal("NaN"), "numeric", "NaN"),
        (Decimal("-Infinity"), "numeric", "-Infinity"),
        (b"", "bytea", "\\x"),
        (bytearray(b"\x00\xff"), "bytea", "\\x00ff"),
        (memoryview(b"\\x"), "bytea", "\\x5c78"),
        (uuid.UUID(int=42), "uuid", "00000000-0000-0000-0000-00000000002a"),
        (dt.date.min, "date", "0001-01-01"),
        (dt.date.max, "date", "9999-12-31"),
        (dt.datetime.min, "timestamp without time zone", "0001-01-01 00:00:00"),
        (dt.datetime.max, "timestamp without time zone", "9999-12-31 23:59:59.999999"),
        (dt.datetime(2024, 1, 2, 3, 4, 5, 1000), "timestamp without time zone", "2024-01-02 03:04:05.001"),
        (dt.datetime(2024, 1, 2, tzinfo=UTC), "timestamp with time zone", "2024-01-02 00:00:00+00"),
        (
            dt.datetime(1900, 1, 1, tzinfo=ZoneInfo("Asia/Kolkata")),
            "timestamp with time zone",
            "1899-12-31 18:38:50+00",
        ),
        (
            dt.datetime(2024, 11, 3, 1, 30, tzinfo=ZoneInfo("America/New_York"), fold=1),
            "timestamp with time zone",
            "2024-11-03 06:30:00+00",
        ),
        (dt.time(23, 59, 59, 999999), "time without time zone", "23:59:59.999999"),
        (dt.time(1, 2, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))), "time with time zone", "01:02:00+05:30"),
        (dt.timedelta(days=-1, microseconds=1), "interval", "P-1DT0.000001S"),
        (dt.timedelta.max, "interval", "P999999999DT23H59M59.999999S"),
        (Interval(14, -3, -1), "interval", "P1Y2M-3DT-0.000001S"),
        (Interval(microseconds=2**63 - 1), "interval", "PT2562047788H54.775807S"),
        (
            {"a": [1, None, True, Decimal("1.10"), 1e300], "b": {"é'\"\\": "\n"}},
            "jsonb",
            '{"a": [1, null, true, 1.10, 1' + "0" * 300 + '], "b": {"é\'\\"\\\\": "\\n"}}',
        ),
        ({}, "jsonb", "{}"),
        (np.int64(5), "bigint", "5"),
        (np.float32(0.5), "double precision", "0.5"),
        (np.float64(0.1), "double precision", "0.1"),
        (np.bool_(False), "boolean", "false"),
        (np.datetime64("2024-01-02"), "date", "2024-01-02"),
        (
            np.datetime64("2024-01-02T03:04:05.000001000", "ns"),
            "timestamp without time zone",
            "2024-01-02 03:04:05.000001",
        ),
        (np.timedelta64(1_000_000_000, "ns"), "interval", "PT1S"),
        (np.timedelta64(13, "M"), "interval", "P1Y1M"),
        (pd.Timestamp("2024-01-02T03:04:05", tz="UTC"), "timestamp with time zone", "2024-01-02 03:04:05+00"),
        (pd.Timedelta(hours=25), "interval", "P1DT1H"),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, (bytearray, memoryview)) else "bytes",
)
def test_a_value_arrives_with_its_type_and_exactly(
    connection: CockroachDBConnection, value: object, type_name: str, text: str
) -> None:
    assert bound(connection, value) == (type_name, text)


@pytest.mark.parametrize(
    ("value", "type_name", "text"),
    [
        ([1, None, -3], "bigint[]", "{1,NULL,-3}"),
        ([2**63, 1], "numeric[]", "{9223372036854775808,1}"),
        ((1.5, None, 2), "double precision[]", "{1.5,NULL,2}"),
        ([float("inf"), float("-inf"), float("nan")], "double precision[]", "{Infinity,-Infinity,NaN}"),
        ([True, False, None], "boolean[]", "{t,f,NULL}"),
        ([Decimal("1.10"), 2, Decimal("NaN")], "numeric[]", "{1.10,2,NaN}"),
        (["", "NULL", None, 'a"b\\c{},é'], "text[]", r'{"","NULL",NULL,"a\"b\\c{},é"}'),
        ([b"\x00\\", b""], "bytea[]", r'{"\\x005c","\\x"}'),
        ([uuid.UUID(int=1)], "uuid[]", "{00000000-0000-0000-0000-000000000001}"),
        ([dt.date(2024, 1, 2)], "date[]", "{2024-01-02}"),
        ([dt.time(1, 2)], "time without time zone[]", "{01:02:00}"),
        ([dt.time(1, 2, tzinfo=UTC)], "time with time zone[]", "{01:02:00+00}"),
        ([dt.datetime(1, 2, 3, 4)], "timestamp without time zone[]", '{"0001-02-03 04:00:00"}'),
        ([dt.datetime(2024, 2, 3, tzinfo=UTC), None], "timestamp with time zone[]", '{"2024-02-03 00:00:00+00",NULL}'),
        ([dt.timedelta(days=1), Interval(months=1)], "interval[]", "{P1D,P1M}"),
        ([{"a": "b"}], "jsonb[]", '{"{\\"a\\": \\"b\\"}"}'),
        ([ipaddress.ip_address("::1")], "inet[]", "{::1}"),
        ([Colour.RED], "text[]", "{red}"),
        ([[1, 2], [3, None]], "bigint[]", "{{1,2},{3,NULL}}"),
        ([["a b"], [None]], "text[]", '{{"a b"},{NULL}}'),
        (np.array([[1, 2], [3, 4]]), "bigint[]", "{{1,2},{3,4}}"),
        (np.array(["2024-01-02", "NaT"], dtype="datetime64[D]"), "date[]", "{2024-01-02,NULL}"),
    ],
    ids=str,
)
def test_a_list_becomes_an_array_of_its_elements_type(
    connection: CockroachDBConnection, value: object, type_name: str, text: str
) -> None:
    assert bound(connection, value) == (type_name, text)


@pytest.mark.parametrize(("value", "text"), [([], "{}"), ([None], "{NULL}")])
def test_a_list_without_a_telling_element_takes_the_type_of_its_place(
    connection: CockroachDBConnection, value: object, text: str
) -> None:
    assert bound(connection, value, "uuid[]") == ("uuid[]", text)
    assert connection.query("SELECT 5 = ANY(?)", [value]) == [(None if value else False,)]


@pytest.mark.parametrize(
    ("value", "type_name", "text"),
    [
        ("2024-01-02T00:00:00Z", "timestamptz", "2024-01-02 00:00:00+00"),
        ("00000000-0000-0000-0000-000000000001", "uuid", "00000000-0000-0000-0000-000000000001"),
        ('{"a": 1}', "json", '{"a": 1}'),
        ("", "text", ""),
        ("a'b\\c\"d?é𝄞", "text", "a'b\\c\"d?é𝄞"),
        (Word("itself"), "text", "itself"),
        (np.str_("itself"), "text", "itself"),
        (Colour.RED, "text", "red"),
        (ipaddress.ip_network("10.0.0.0/8"), "cidr", "10.0.0.0/8"),
        (ipaddress.ip_interface("10.1.2.3/8"), "inet", "10.1.2.3/8"),
    ],
    ids=str,
)
def test_text_takes_the_type_of_its_place(
    connection: CockroachDBConnection, value: object, type_name: str, text: str
) -> None:
    assert bound(connection, value, type_name)[1] == text


@pytest.mark.parametrize("value", [None, pd.NA, pd.NaT, np.datetime64("NaT"), np.timedelta64("NaT", "s")], ids=str)
def test_a_missing_value_is_null(connection: CockroachDBConnection, value: object) -> None:
    assert connection.query("SELECT CAST(? AS timestamptz) IS NULL", [value]) == [(True,)]


@pytest.mark.parametrize("value", [1, 1.5, [1, 2], "x", uuid.UUID(int=1), dt.datetime.max, {"a": 1}], ids=str)
def test_null_and_a_value_may_alternate_in_one_place(connection: CockroachDBConnection, value: object) -> None:
    with connection.cursor() as cursor:
        for parameter in (None, value, None, value):
            cursor.execute("SELECT num_nulls(CAST(? AS text))", [parameter])
            assert cursor.fetchall() == [(int(parameter is None),)]


class Meter:
    def __repr__(self) -> str:
        return "the secret"


class OffsetlessZone(dt.tzinfo):
    def utcoffset(self, moment: dt.datetime | None) -> None:
        return None


nested: list[object] = []
nested.append(nested)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Meter(), "no counterpart"),
        ([Meter()], "Meter has no counterpart"),
        ({1, 2}, "no counterpart"),
        (1j, "no counterpart"),
        (np.longdouble(1), "no counterpart"),
        ("the secret\0", "NUL"),
        (["the secret\0"], "NUL"),
        ("the secret\ud800", "surrogate"),
        (Decimal("sNaN"), "signalling"),
        (Decimal("1E+131072"), "digits"),
        (Decimal("1E-16384"), "digits"),
        (1 << 500_000, "digits"),
        (dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))), "out of range"),
        (dt.datetime(2024, 1, 1, tzinfo=OffsetlessZone()), "offset"),
        (dt.time(1, tzinfo=ZoneInfo("Europe/Berlin")), "fixed offset"),
        (dt.time(1, tzinfo=dt.timezone(dt.timedelta(microseconds=1))), "whole seconds"),
        (pd.Timestamp("2024-01-02T03:04:05.000000001"), "nanoseconds"),
        (pd.Timedelta(1, "ns"), "nanoseconds"),
        (np.datetime64(1, "ns"), "finer than a microsecond"),
        (np.timedelta64(1, "ns"), "finer than a microsecond"),
        (np.datetime64("10000-01-01"), "out of range"),
        ([1, "a"], "mixes values for int8, text"),
        ([True, 1], "mixes values for bool, int8"),
        ([0.5, 2**53 + 1], "no float holds exactly"),
        ([Decimal(1), 0.5], "mixes values"),
        ([dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC)], "timestamp, timestamptz"),
        ([[1, 2], [3]], "rectangular"),
        ([[1], 2], "rectangular"),
        ([[1], None], "rectangular"),
        ([[], []], "empty"),
        (nested, "nested too deeply"),
        ({1: "a"}, "keys of JSON"),
        ({"a": float("nan")}, "JSON compliant"),
        ({"a": Decimal("NaN")}, "JSON cannot hold"),
        ({"a": Meter()}, "JSON cannot hold this Meter"),
        ({"a\0": 1}, "NUL"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else repr(value)[1:30],
)
def test_a_value_that_would_arrive_changed_is_refused_without_being_shown(
    connection: CockroachDBConnection, value: object, reason: str
) -> None:
    with pytest.raises(UnbindableValueError, match=reason) as caught:
        connection.query("SELECT ?, ?", [1, value])
    assert isinstance(caught.value, DatabaseError)
    assert str(caught.value).startswith("Parameter 2, a ")
    assert "secret" not in str(caught.value)
    assert caught.value.advice


def test_a_refused_value_leaves_the_transaction_as_it_was(connection: CockroachDBConnection) -> None:
    connection.execute("CREATE TEMP TABLE kept (n int8)")
    with pytest.raises(UnbindableValueError):
        connection.execute("INSERT INTO kept VALUES (?)", [object()])
    assert connection.execute("INSERT INTO kept VALUES (?)", [1]) == 1


def test_arrays_fit_columns_of_narrower_types(connection: CockroachDBConnection) -> None:
    connection.execute("CREATE TEMP TABLE narrow (a int4[], b varchar(5)[], c numeric(9,2)[], d float4[])")
    connection.execute("INSERT INTO narrow VALUES (?, ?, ?, ?)", [[1, 2], ["x"], [Decimal("1.5")], [0.1]])
    assert connection.query("SELECT * FROM narrow") == [([1, 2], ["x"], [Decimal("1.50")], [0.1])]


@pytest.mark.parametrize(
    "value",
    [
        1,
        2**70,
        0.1,
        float("nan"),
        Decimal("-1.50"),
        "a'b\\c",
        b"\x00'\\",
        uuid.UUID(int=9),
        dt.date(1, 1, 1),
        dt.time(1),
        dt.datetime(2024, 1, 1, 2, 3, 4, 5),
        dt.datetime(2024, 1, 1, tzinfo=UTC),
        dt.timedelta(1, 2, 3),
        dt.time(1, tzinfo=UTC),
        Decimal("NaN"),
        None,
        True,
        [1, None],
        ["a'\\\"b", None],
        [[0.5], [1.5]],
        {"a": "'\\"},
    ],
    ids=str,
)
def test_the_driver_renders_a_bound_value_as_a_literal_of_the_same_meaning(
    connection: CockroachDBConnection, value: object
) -> None:
    """COPY takes no parameters: the Arrow path writes the rendered text into it."""
    prepared = connection.jdbc.prepareStatement("SELECT CAST(? AS text)")
    try:
        bind_all(prepared, [value])
        rendered = str(prepared.toString())
    finally:
        prepared.close()
    ((literal,),) = connection.query(rendered.replace("?", "??"))
    ((parameter,),) = connection.query("SELECT CAST(? AS text)", [value])
    if isinstance(value, list):  # an array's literal has no type of its own, so its text stays as it was written
        element = {int: "int8", float: "float8", str: "text"}[type(np.array(value, dtype=object).flat[0])]
        ((literal,),) = connection.query("SELECT CAST(CAST(? AS text) AS " + element + "[])::text", [literal])
    if isinstance(value, dict):
        ((literal,),) = connection.query("SELECT CAST(? AS jsonb)::text", [literal])
    assert literal == parameter


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
moments = st.datetimes(timezones=st.timezones() | st.just(UTC), allow_imaginary=False)


def both(
    connection: CockroachDBConnection, witness: psycopg.Connection[Any], value: object, type_name: str
) -> tuple[Any, Any]:
    """Give the value as this project reads it back, having checked that another driver's server sees the same text."""
    ((read, text),) = connection.query(
        f"SELECT value, value::text FROM (SELECT CAST(? AS {type_name}) AS value) AS bound", [value]
    )
    seen = witness.execute(f"SELECT CAST(%s AS {type_name})::text", [value]).fetchone()
    return read, (text, seen and seen[0])


@QUICK
@given(st.lists(texts | st.none(), max_size=5))
def test_any_list_of_texts_survives(connection: Any, witness: Any, value: list[str | None]) -> None:
    read, (text, seen) = both(connection, witness, value, "text[]")
    assert read == value
    assert text == seen


@QUICK
@given(texts)
def test_any_text_survives(connection: Any, witness: Any, value: str) -> None:
    read, (text, seen) = both(connection, witness, value, "text")
    assert read == text == seen == value


@QUICK
@given(moments.filter(lambda moment: 2 <= moment.year <= 9998))
def test_any_moment_survives_as_utc(connection: Any, witness: Any, value: dt.datetime) -> None:
    read, (text, seen) = both(connection, witness, value, "timestamptz")
    assert read == value.astimezone(UTC)
    assert read.tzinfo is UTC
    assert text == seen


@QUICK
@given(st.datetimes())
def test_any_naive_datetime_survives(connection: Any, witness: Any, value: dt.datetime) -> None:
    read, (text, seen) = both(connection, witness, value, "timestamp")
    assert read == value
    assert text == seen


@QUICK
@given(st.decimals(allow_nan=False))
def test_any_decimal_survives_with_its_scale(connection: Any, witness: Any, value: Decimal) -> None:
    read, (text, seen) = both(connection, witness, value, "numeric")
    assert read == value
    if value.is_finite() and int(value.as_tuple().exponent) <= 0 and value:
        assert read.as_tuple() == value.as_tuple()
    assert text == seen


@QUICK
@given(st.floats(allow_nan=False))
def test_any_float_survives(connection: Any, witness: Any, value: float) -> None:
    read, (text, seen) = both(connection, witness, value, "float8")
    assert repr(read) == repr(value)
    assert text == seen


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes_survive(connection: Any, witness: Any, value: bytes) -> None:
    read, (text, seen) = both(connection, witness, value, "bytea")
    assert read == value
    assert text == seen


@QUICK
@given(st.timedeltas())
def test_any_timedelta_survives(connection: Any, witness: Any, value: dt.timedelta) -> None:
    read, (text, seen) = both(connection, witness, value, "interval")
    assert read.to_timedelta() == value
    assert text == seen


@QUICK
@given(
    st.builds(
        Interval,
        st.integers(-(2**31) + 1, 2**31 - 1),
        st.integers(-(2**31) + 1, 2**31 - 1),
        st.integers(-(2**63) + 2, 2**63 - 2),
    )
)
def test_any_interval_survives(connection: Any, value: Interval) -> None:
    assert connection.query("SELECT ?", [value]) == [(value,)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@QUICK
@given(st.dictionaries(texts, json_values, max_size=3))
def test_any_json_object_survives(connection: Any, witness: Any, value: dict[str, Any]) -> None:
    ((text,),) = connection.query("SELECT ?::text", [value])
    seen = witness.execute("SELECT %s::jsonb::text", [psycopg.types.json.Jsonb(value)]).fetchone()
    assert seen == (text,)
