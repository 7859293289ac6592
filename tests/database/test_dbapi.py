from __future__ import annotations

import datetime as dt
import math
import os
import pickle
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jaydebeapi
import jpype
import psycopg
import pytest

from cockroach_pipelines.database import dbapi
from cockroach_pipelines.database.connection import connect
from cockroach_pipelines.database.dbapi import Connection, Cursor, InterfaceError, dbapi_connection
from cockroach_pipelines.database.errors import (
    CancelledError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    InvalidStatementError,
    ReadOnlyError,
    UnrepresentableValueError,
)
from cockroach_pipelines.database.results import ResultTooLargeError
from cockroach_pipelines.database.values import ELEMENT_BY_OID, NAME_BY_OID, Interval
from tests.peers.postgres import PostgresServer
from tests.peers.second_driver import connect_by_psycopg

UTC = dt.UTC


@pytest.fixture(scope="module", autouse=True)
def _types(server: PostgresServer) -> Iterator[None]:
    """Types of users, in the database as long as this module's tests run."""
    server.psql(
        "CREATE TYPE mood AS ENUM ('so so', 'fine');"
        "CREATE TYPE pair AS (a int, b text);"
        "CREATE TYPE span AS RANGE (subtype = float8);"
        "CREATE DOMAIN positive AS int4 CHECK (value > 0);"
        "CREATE DOMAIN moods AS mood[]"
    )
    yield
    server.psql("DROP DOMAIN moods, positive; DROP TYPE span, pair, mood")


@pytest.fixture
def connection(server: PostgresServer) -> Iterator[Connection]:
    with connect(server.config) as opened:
        yield dbapi_connection(opened.jdbc)


@pytest.fixture
def cursor(connection: Connection) -> Cursor:
    return connection.cursor()


@pytest.fixture(scope="module")
def shared(server: PostgresServer) -> Iterator[Connection]:
    """A connection for the tests that only read values."""
    with connect(server.config) as opened:
        yield dbapi_connection(opened.jdbc)


@pytest.fixture
def reader(shared: Connection) -> Iterator[Cursor]:
    with shared.cursor() as cursor:
        yield cursor
    shared.rollback()


@pytest.fixture(scope="module")
def witness(server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """A second driver."""
    with connect_by_psycopg(server.config, options="-c TimeZone=UTC -c IntervalStyle=iso_8601") as witness:
        yield witness


def zone(**offset: int) -> dt.timezone:
    return dt.timezone(dt.timedelta(**offset))


# Type, literal, value. Where psycopg has the same value for the type, the two are compared.
SAME_IN_PSYCOPG: list[tuple[str, str, object]] = [
    ("int2", "-32768", -32768),
    ("int4", "2147483647", 2147483647),
    ("int8", "-9223372036854775808", -(2**63)),
    ("oid", "4294967295", 4294967295),
    ("float4", "0.1", 0.1),
    ("float4", "-Infinity", -math.inf),
    ("float8", "0.30000000000000004", 0.30000000000000004),
    ("float8", "5e-324", 5e-324),
    ("float8", "1.7976931348623157e308", sys.float_info.max),
    ("float8", "Infinity", math.inf),
    ("bool", "true", True),
    ("bool", "false", False),
    ("numeric", "1.10", Decimal("1.10")),
    ("numeric", "Infinity", Decimal("Infinity")),
    ("numeric", "-Infinity", Decimal("-Infinity")),
    ("numeric(38,10)", "1234567890123456789012345678.0123456789", Decimal("1234567890123456789012345678.0123456789")),
    ("numeric(76,0)", "9" * 76, Decimal("9" * 76)),
    ("numeric(2,-3)", "12345", Decimal(12000)),
    ("numeric", "1e-16383", Decimal("1e-16383")),
    ("text", "", ""),
    ("text", "NULL", "NULL"),
    ("text", "é𝄞\t\n\r\\\"'{}", "é𝄞\t\n\r\\\"'{}"),
    ("varchar(5)", "ab", "ab"),
    ("char(5)", "ab", "ab   "),
    ('"char"', "x", "x"),
    ("name", "n", "n"),
    ("bytea", "", b""),
    ("bytea", "\\x00ff5c27", b"\x00\xff\\'"),
    ("date", "0001-01-01", dt.date.min),
    ("date", "9999-12-31", dt.date.max),
    ("time", "00:00", dt.time()),
    ("time", "23:59:59.999999", dt.time.max),
    ("timetz", "12:00:00.001+05:30", dt.time(12, 0, 0, 1000, zone(hours=5, minutes=30))),
    ("timetz", "00:00:00-15:59", dt.time(tzinfo=zone(hours=-15, minutes=-59))),
    ("timestamp", "0001-01-01 00:00:00", dt.datetime.min),
    ("timestamp", "9999-12-31 23:59:59.999999", dt.datetime.max),
    ("timestamp", "2024-01-02 03:04:05.001", dt.datetime(2024, 1, 2, 3, 4, 5, 1000)),
    ("timestamptz", "2024-01-02 03:04:05.000001-03:30", dt.datetime(2024, 1, 2, 6, 34, 5, 1, UTC)),
    ("timestamptz", "0001-01-01 00:00:00+00", dt.datetime.min.replace(tzinfo=UTC)),
    ("timestamptz", "9999-12-31 23:59:59.999999+00", dt.datetime.max.replace(tzinfo=UTC)),
    ("timestamptz(0)", "2024-01-02 03:04:05.5+00", dt.datetime(2024, 1, 2, 3, 4, 6, tzinfo=UTC)),
    ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ("xml", "<a>&amp;</a>", "<a>&amp;</a>"),
    ("money", "-1234.5", "-$1,234.50"),
    ("bit(3)", "101", "101"),
    ("bit(1)", "1", "1"),
    ("varbit", "", ""),
    ("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03"),
    ("point", "(1,2)", "(1,2)"),
    ("tsvector", "a b", "'a' 'b'"),
    ("pg_lsn", "16/B374D848", "16/B374D848"),
    ("mood", "so so", "so so"),
    ("positive", "7", 7),
    ("int4[]", "{}", []),
    ("int4[]", "{1,NULL,3}", [1, None, 3]),
    ("int8[]", "{{1,2},{3,NULL}}", [[1, 2], [3, None]]),
    ("int4[]", "[0:1]={5,6}", [5, 6]),
    ("float8[]", "{Infinity,0.1}", [math.inf, 0.1]),
    ("bool[]", "{t,f,NULL}", [True, False, None]),
    ("numeric[]", "{1.10,NULL}", [Decimal("1.10"), None]),
    ("text[]", '{"",NULL,"NULL","a\\"b","c\\\\d","{e,f}"," "}', ["", None, "NULL", 'a"b', "c\\d", "{e,f}", " "]),
    ("text[]", '{{{"a b",c}}}', [[["a b", "c"]]]),
    ("char(2)[]", "{a,b}", ["a ", "b "]),
    ("bytea[]", '{"\\\\x00ff",NULL}', [b"\x00\xff", None]),
    ("uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", [uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")]),
    ("date[]", "{2024-01-02,NULL}", [dt.date(2024, 1, 2), None]),
    ("time[]", "{01:02:03}", [dt.time(1, 2, 3)]),
    ("timestamp[]", '{"2024-01-02 03:04:05.001"}', [dt.datetime(2024, 1, 2, 3, 4, 5, 1000)]),
    ("timestamptz[]", '{"2024-01-02 03:04:05+02"}', [dt.datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC)]),
]
ONLY_HERE: list[tuple[str, str, object]] = [
    ("interval", "1 year 2 months -3 days 04:05:06.789", Interval(14, -3, 14_706_789_000)),
    ("interval", "-0.000001 seconds", Interval(microseconds=-1)),
    ("interval", "0", Interval()),
    ("interval", "178000000 years", Interval(months=178000000 * 12)),
    ("interval[]", "{1 day,NULL,24 hours}", [Interval(days=1), None, Interval(microseconds=86_400_000_000)]),
    ("timetz", "12:00:00-04:56:02", dt.time(12, tzinfo=zone(hours=-4, minutes=-56, seconds=-2))),
    ("json", '{"a": 1.10, "a": null}', '{"a": 1.10, "a": null}'),
    ("jsonb", '{"b": [1.10, "\\u00e9"], "a": null}', '{"a": null, "b": [1.10, "é"]}'),
    ("jsonb", "null", "null"),
    ("jsonb[]", '{"{\\"a\\": 1}",NULL}', ['{"a": 1}', None]),
    ("inet", "10.1.2.3/8", "10.1.2.3/8"),
    ("inet", "::1", "::1"),
    ("cidr", "10.0.0.0/8", "10.0.0.0/8"),
    ("inet[]", "{::1,10.1.2.3}", ["::1", "10.1.2.3"]),
    ("int4range", "[1,5]", "[1,6)"),
    ("tstzrange", "[2024-01-01,infinity)", '["2024-01-01 00:00:00+00",infinity)'),
    ("numrange[]", '{"[1.5,2)",empty}', ["[1.5,2)", "empty"]),
    ("int4multirange", "{[1,3),[5,8)}", "{[1,3),[5,8)}"),
    ("span", "[0.5,1)", "[0.5,1)"),
    ("pair", '(1,"a b")', '(1,"a b")'),
    ("box[]", "{(1,1),(0,0);(3,3),(2,2)}", ["(1,1),(0,0)", "(3,3),(2,2)"]),
    ("mood[]", '{"so so",fine,NULL}', ["so so", "fine", None]),
    ("moods", "{fine}", ["fine"]),
    ("positive[]", "{7,NULL}", [7, None]),
    ("pair[]", '{"(1,\\"a b\\")",NULL}', ['(1,"a b")', None]),
]
EVERY_VALUE = SAME_IN_PSYCOPG + ONLY_HERE
every_value = pytest.mark.parametrize(
    ("type_name", "literal", "value"), EVERY_VALUE, ids=[f"{kind}:{text[:20]}" for kind, text, _ in EVERY_VALUE]
)


def exact(value: object) -> str:
    """Tell values apart that compare equal: 1 and True, 1.1 and 1.10, 0.0 and -0.0, one moment in two zones."""
    return repr(value)


@every_value
def test_every_type_reads_exactly(reader: Cursor, type_name: str, literal: str, value: object) -> None:
    row = reader.execute(f"SELECT CAST(? AS {type_name}), CAST(NULL AS {type_name})", [literal]).fetchone()
    assert row is not None
    assert exact(row[0]) == exact(value)
    assert row[1] is None


@pytest.mark.parametrize(
    ("type_name", "literal", "value"),
    SAME_IN_PSYCOPG,
    ids=[f"{kind}:{text[:20]}" for kind, text, _ in SAME_IN_PSYCOPG],
)
def test_another_driver_reads_the_same(
    witness: psycopg.Connection[Any], type_name: str, literal: str, value: object
) -> None:
    seen = witness.execute(f"SELECT CAST(%s AS {type_name})", [literal]).fetchone()
    assert seen is not None
    assert seen[0] == value


@every_value
def test_every_value_can_be_written_back(
    reader: Cursor, witness: psycopg.Connection[Any], type_name: str, literal: str, value: object
) -> None:
    (written,) = reader.execute(f"SELECT CAST(CAST(? AS {type_name}) AS text)", [value]).fetchall()
    seen = witness.execute(f"SELECT CAST(CAST(%s AS {type_name}) AS text)", [literal.removeprefix("[0:1]=")]).fetchone()
    assert written == seen


@every_value
def test_every_value_is_plain_python_that_pickles(reader: Cursor, type_name: str, literal: str, value: object) -> None:
    row = reader.execute(f"SELECT CAST(? AS {type_name})", [literal]).fetchone()
    assert pickle.loads(pickle.dumps(row)) == row  # noqa: S301 made here
    assert b"jpype" not in pickle.dumps(row)
    assert b"java" not in pickle.dumps(row)


def test_nan_reads_as_nan(reader: Cursor) -> None:
    ((single, double, decimal),) = reader.execute("SELECT 'NaN'::float4, 'NaN'::float8, 'NaN'::numeric").fetchall()
    assert math.isnan(single)
    assert math.isnan(double)
    assert isinstance(decimal, Decimal)
    assert decimal.is_nan()


def test_null_and_the_empty_text_stay_apart(reader: Cursor) -> None:
    rows = reader.execute("SELECT '', NULL, ARRAY['', NULL], ''::bytea").fetchall()
    assert rows == [("", None, ["", None], b"")]


def test_values_stay_exact_when_a_statement_runs_often(cursor: Cursor) -> None:
    """The driver turns to binary values after the fifth run, and prints these in its own way."""
    columns = ", ".join(f"CAST('{text.replace(chr(39), chr(39) * 2)}' AS {kind})" for kind, text, _ in EVERY_VALUE)
    expected = [exact(value) for _, _, value in EVERY_VALUE]
    for fetch_rows in (0, 10):
        cursor.fetch_rows = fetch_rows
        for _ in range(7):
            (row,) = cursor.execute(f"SELECT {columns.replace('?', '??')}").fetchall()
            assert [exact(value) for value in row] == expected


@pytest.mark.parametrize("session_zone", ["America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_the_zone_of_the_session_changes_no_value(cursor: Cursor, session_zone: str) -> None:
    cursor.execute(f"SET TIME ZONE '{session_zone}'")
    moments = [
        dt.datetime(1, 1, 1, tzinfo=UTC),
        dt.datetime(1883, 11, 18, 12, tzinfo=UTC),
        dt.datetime(2024, 7, 1, 12, 0, 0, 1, UTC),
        dt.datetime.max.replace(tzinfo=UTC),
    ]
    assert cursor.execute("SELECT ?, ?, ?, ?", moments).fetchall() == [tuple(moments)]
    assert cursor.execute("SELECT ?", [moments]).fetchall() == [(moments,)]
    naive, local, offset = (
        dt.datetime(2024, 3, 31, 2, 30),
        dt.time(1, 2, 3),
        dt.time(1, 2, 3, tzinfo=zone(minutes=-210)),
    )
    assert cursor.execute("SELECT ?, ?, ?", [naive, local, offset]).fetchall() == [(naive, local, offset)]


@pytest.mark.parametrize(
    ("type_name", "literal", "reason"),
    [
        ("date", "infinity", "infinite"),
        ("date", "0044-03-15 BC", "before the year 1"),
        ("date", "10000-01-01", "after the year 9999"),
        ("timestamp", "-infinity", "infinite"),
        ("timestamp", "294276-12-31 23:59:59.999999", "after the year 9999"),
        ("timestamptz", "infinity", "infinite"),
        ("timestamptz", "4713-01-01 00:00:00+00 BC", "before the year 1"),
        ("time", "24:00", "24:00"),
        ("timetz", "24:00+02", "24:00"),
        ("timestamptz[]", "{2024-01-01,infinity}", "infinite"),
    ],
)
def test_a_value_that_python_lacks_is_an_error_that_names_the_column(
    reader: Cursor, type_name: str, literal: str, reason: str
) -> None:
    reader.execute(f"VALUES (1, CAST('{literal}' AS {type_name})), (2, NULL)")
    with pytest.raises(UnrepresentableValueError, match=f"Column 2, 'column2'.*{reason}") as caught:
        reader.fetchone()
    assert isinstance(caught.value, DatabaseError)
    assert "Cast the column to text" in str(caught.value)
    assert reader.fetchone() == (2, None)  # the others are still there
    assert reader.execute(f"SELECT CAST('{literal}' AS {type_name})::text").fetchone() is not None


@pytest.mark.parametrize(
    ("setting", "column"), [("IntervalStyle = postgres", "'P1M'::interval"), ("bytea_output = escape", "'a'::bytea")]
)
def test_a_session_that_writes_values_in_another_style_is_told(cursor: Cursor, setting: str, column: str) -> None:
    cursor.execute(f"SET {setting}")
    with pytest.raises(UnrepresentableValueError, match=setting.split()[0]):
        cursor.execute(f"SELECT {column}").fetchall()


def test_built_in_types_have_the_servers_own_numbers(witness: psycopg.Connection[Any]) -> None:
    types = witness.execute(
        "SELECT t.oid::int8, t.typname, t.typelem::int8, t.typdelim FROM pg_type t"
        " LEFT JOIN pg_type element ON element.oid = t.typelem"
        " WHERE t.oid < 10000 AND t.typrelid = 0 AND coalesce(element.typrelid, 0) = 0"
    ).fetchall()
    names = {oid: name for oid, name, _, _ in types}
    assert {oid: names[oid] for oid in NAME_BY_OID} == dict(NAME_BY_OID)
    arrays = {oid: element for oid, name, element, _ in types if name.startswith("_") and element}
    assert {oid: arrays.get(oid) for oid in ELEMENT_BY_OID} == dict(ELEMENT_BY_OID)
    assert not {name for oid, name, _, _ in types if name.startswith("_") and oid not in ELEMENT_BY_OID}
    assert [name for _, name, _, delimiter in types if delimiter != "," and not name.startswith("_")] == ["box"]


def test_description_has_names_type_objects_precision_and_scale(reader: Cursor) -> None:
    assert reader.description is None
    reader.execute(
        "SELECT 1 AS \"A b\", 1.5::numeric(9,2) AS n, 1.5::numeric AS u, 1::numeric(2,-3) AS m, 'x' AS t, now() AS z,"
        " ''::bytea AS b, 0.5::float4 AS f, now()::date AS d, now()::time AS c, 1::int8 AS t"
    )
    assert reader.description is not None
    assert [(name, code, precision, scale) for name, code, _, _, precision, scale, _ in reader.description] == [
        ("A b", jaydebeapi.NUMBER, None, None),
        ("n", jaydebeapi.DECIMAL, 9, 2),
        ("u", jaydebeapi.DECIMAL, None, None),
        ("m", jaydebeapi.DECIMAL, 2, -3),
        ("t", jaydebeapi.STRING, None, None),
        ("z", jaydebeapi.DATETIME, None, None),
        ("b", jaydebeapi.BINARY, None, None),
        ("f", jaydebeapi.FLOAT, None, None),
        ("d", jaydebeapi.DATE, None, None),
        ("c", jaydebeapi.TIME, None, None),
        ("t", jaydebeapi.NUMBER, None, None),
    ]
    assert all(len(column) == 7 for column in reader.description)
    reader.fetchall()
    assert reader.description is not None
    reader.execute("SET application_name = 'x'")
    assert reader.description is None


def test_reading_built_in_types_asks_the_catalogue_nothing(server: PostgresServer) -> None:
    """CockroachDB refuses another statement while a result is open."""
    users = ("mood", "pair", "span", "positive")
    columns = ", ".join(f"CAST(NULL AS {kind})" for kind, _, _ in EVERY_VALUE if not kind.startswith(users))
    server.psql("ALTER ROLE tester SET log_statement = 'all'")
    try:
        with connect(server.config) as opened, opened.cursor() as cursor:
            before = len(server.log.read_text())
            cursor.execute(f"SELECT {columns} FROM generate_series(1, 3000)")
            assert cursor.description
            assert len(cursor.fetchall()) == 3000
            logged = server.log.read_text()[before:]
    finally:
        server.psql("ALTER ROLE tester RESET log_statement")
    statements = [line for line in logged.splitlines() if "LOG:  execute" in line]
    assert any("generate_series" in line for line in statements)
    assert not [line for line in statements if "pg_type" in line or "pg_catalog" in line]


def test_types_of_users_are_asked_before_the_result_is_open(server: PostgresServer) -> None:
    server.psql("ALTER ROLE tester SET log_statement = 'all'")
    try:
        with connect(server.config) as opened, opened.cursor() as cursor:
            before = len(server.log.read_text())
            cursor.execute("SELECT '{fine}'::mood[] FROM generate_series(1, 3000)")
            logged = server.log.read_text()[before:]
    finally:
        server.psql("ALTER ROLE tester RESET log_statement")
    catalogue, query = (
        next(place for place, line in enumerate(logged.splitlines()) if "LOG:  execute" in line and mark in line)
        for mark in ("t.typbasetype", "generate_series(1, 3000)")
    )
    assert catalogue < query


def open_results(connection: Connection) -> int:
    """Count the portals of the session, without the one that counts."""
    return int(connection.cursor().execute("SELECT count(*) FROM pg_cursors").fetchall()[0][0]) - 1


def test_one_result_at_most_is_open_and_no_row_is_lost(connection: Connection) -> None:
    first, second = connection.cursor(), connection.cursor()
    first.fetch_rows = second.fetch_rows = 10
    first.execute("SELECT * FROM generate_series(1, 100)")
    assert first.fetchone() == (1,)
    second.execute("SELECT * FROM generate_series(201, 300)")
    assert second.fetchone() == (201,)
    assert open_results(connection) == 0
    assert [row[0] for row in first] == list(range(2, 101))
    assert [row[0] for row in second] == list(range(202, 301))


def test_cursors_of_every_handle_know_of_each_other(server: PostgresServer) -> None:
    with connect(server.config) as opened, opened.cursor() as first, opened.cursor() as second:
        assert first.connection is second.connection is dbapi_connection(opened.jdbc)
        first.execute("SELECT * FROM generate_series(1, 3000)")
        assert opened.query("SELECT count(*) FROM pg_cursors") == [(1,)]
        assert len(first.fetchall()) == 3000


def test_an_abandoned_cursor_leaves_no_open_result(connection: Connection) -> None:
    connection.cursor().execute("SELECT * FROM generate_series(1, 3000)").fetchone()
    assert open_results(connection) == 0


def test_a_result_is_read_in_pieces(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("CREATE TEMP SEQUENCE reached")
    cursor.fetch_rows = 10
    cursor.execute("SELECT nextval('reached') FROM generate_series(1, 1000)")
    assert cursor.fetchmany(3) == [(1,), (2,), (3,)]
    cursor.close()
    assert connection.cursor().execute("SELECT last_value FROM reached").fetchall() == [(10,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT nextval('reached') FROM generate_series(1, 3000)",
        "INSERT INTO rows SELECT nextval('reached') FROM generate_series(1, 3000) RETURNING 1",
    ],
)
def test_a_statement_whose_rows_nobody_asks_for_runs_to_its_end(connection: Connection, statement: str) -> None:
    connection.cursor().execute("CREATE TEMP SEQUENCE reached")
    connection.cursor().execute("CREATE TEMP TABLE rows (n int8)")
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert connection.cursor().execute("SELECT last_value FROM reached").fetchall() == [(3000,)]


def test_a_statement_that_writes_has_run_when_its_first_row_is_there(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("CREATE TEMP TABLE rows (n int8)")
    cursor.execute("INSERT INTO rows SELECT * FROM generate_series(1, 3000) RETURNING n")
    assert cursor.fetchone() == (1,)
    cursor.close()
    assert connection.cursor().execute("SELECT count(*) FROM rows").fetchall() == [(3000,)]


def test_fetching_one_many_all_and_by_iteration(cursor: Cursor) -> None:
    cursor.execute("SELECT * FROM generate_series(1, 10)")
    assert cursor.rowcount == -1
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany() == [(2,)]
    cursor.arraysize = 2
    assert cursor.fetchmany() == [(3,), (4,)]
    assert cursor.fetchmany(3) == [(5,), (6,), (7,)]
    assert next(cursor) == (8,)
    assert cursor.fetchmany(0) == []
    assert cursor.fetchall() == [(9,), (10,)]
    assert cursor.fetchall() == []
    assert cursor.fetchone() is None
    assert list(cursor) == []


def test_rows_can_be_fetched_after_a_commit(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("SELECT * FROM generate_series(1, 3000)")
    assert cursor.fetchone() == (1,)
    connection.commit()
    assert len(cursor.fetchall()) == 2999


def test_rows_that_ended_with_a_rollback_are_told(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("SELECT * FROM generate_series(1, 3000)")
    connection.rollback()
    with pytest.raises(InterfaceError, match="rolled back"):
        cursor.fetchall()
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_rowcount_tells_affected_rows(cursor: Cursor) -> None:
    cursor.execute("CREATE TEMP TABLE counted (n int8)")
    assert cursor.rowcount == 0
    assert cursor.execute("INSERT INTO counted SELECT * FROM generate_series(1, 5)").rowcount == 5
    assert cursor.execute("DELETE FROM counted WHERE n > ?", [3]).rowcount == 2
    assert cursor.execute("SELECT * FROM counted").rowcount == -1


def test_executemany_runs_in_batches(cursor: Cursor) -> None:
    cursor.execute("CREATE TEMP TABLE many (n int8 PRIMARY KEY, t text, m timestamptz)")
    moment = dt.datetime(2024, 1, 1, tzinfo=UTC)
    cursor.executemany(
        "INSERT INTO many VALUES (?, ?, ?)", ((n, None if n % 2 else str(n), moment) for n in range(2500))
    )
    assert cursor.execute("SELECT count(*), count(t), min(m) FROM many").fetchall() == [(2500, 1250, moment)]
    cursor.executemany("UPDATE many SET t = ? WHERE n <= ?", [("a", 1), ("b", 2)])
    assert cursor.rowcount == 5
    cursor.executemany("DELETE FROM many WHERE n = ?", [])
    assert cursor.rowcount == 0


def test_a_failed_batch_says_what_the_server_said_and_shows_no_parameters(cursor: Cursor) -> None:
    cursor.execute("CREATE TEMP TABLE many (n int8 CHECK (n < 3), secret text)")
    with pytest.raises(ConstraintError) as caught:
        cursor.executemany("INSERT INTO many SELECT ?, ?", [(n, "hunter2") for n in range(2500)])
    assert caught.value.server.text.startswith('new row for relation "many" violates check constraint')
    assert "INSERT" not in str(caught.value)


@pytest.mark.parametrize(
    ("statement", "error", "sqlstate"),
    [
        ("SELEC 1", InvalidStatementError, "42601"),
        ("SELECT * FROM absent", InvalidStatementError, "42P01"),
        ("SELECT 1 / (g - 2000) FROM generate_series(1, 3000) g", InvalidStatementError, "22012"),
        ("INSERT INTO once VALUES (1), (1)", ConstraintError, "23505"),
    ],
)
def test_the_server_refusal_is_an_error_of_this_project(
    connection: Connection, statement: str, error: type[DatabaseError], sqlstate: str
) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE once (n int PRIMARY KEY)")
    with pytest.raises(error) as caught:
        cursor.execute(statement).fetchall()
    assert caught.value.sqlstate == sqlstate  # type: ignore[attr-defined]
    assert isinstance(caught.value, connection.Error)
    connection.rollback()
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_a_write_in_a_read_only_session_is_refused(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("SET TRANSACTION READ ONLY")
    with pytest.raises(ReadOnlyError):
        cursor.execute("CREATE TABLE refused (n int)")


def test_cancelling_from_another_thread_ends_the_statement(connection: Connection, cursor: Cursor) -> None:
    pg_connection = connection.jconn.unwrap(jpype.JClass("org.postgresql.PGConnection"))
    timer = threading.Timer(0.2, pg_connection.cancelQuery)
    timer.start()
    with pytest.raises(CancelledError):
        cursor.execute("SELECT pg_sleep(30)").fetchall()
    timer.join()


def test_a_connection_that_the_server_ends_is_told(server: PostgresServer) -> None:
    with connect(server.config) as opened:
        connection = dbapi_connection(opened.jdbc)
        cursor = connection.cursor()
        ((pid,),) = cursor.execute("SELECT pg_backend_pid()").fetchall()
        server.psql(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(ConnectionLostError):
            cursor.execute("SELECT 1").fetchall()
        cursor.close()
        with pytest.raises(InterfaceError, match="closed"):
            connection.commit()


def test_a_result_beyond_the_memory_of_java_is_told(cursor: Cursor) -> None:
    cursor.fetch_rows = 0
    with pytest.raises(ResultTooLargeError, match="in pieces"):
        cursor.execute("SELECT repeat('x', 90000000) FROM generate_series(1, 4)")


def test_pep_249_names_are_errors_of_this_project(connection: Connection) -> None:
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 1, "qmark")
    assert dbapi.Error is connection.Error is DatabaseError
    for name in ("InterfaceError", "DatabaseError", "OperationalError", "IntegrityError", "ProgrammingError"):
        assert getattr(connection, name) is getattr(dbapi, name)
        assert issubclass(getattr(dbapi, name), DatabaseError)


def test_connection_and_cursor_are_those_of_jaydebeapi(connection: Connection, cursor: Cursor) -> None:
    assert isinstance(connection, jaydebeapi.Connection)
    assert isinstance(cursor, jaydebeapi.Cursor)


@pytest.mark.parametrize("parameters", ["abc", b"abc", {"a": 1}, {}, 5, {1}])
def test_parameters_that_are_no_sequence_are_refused(reader: Cursor, parameters: Any) -> None:
    with pytest.raises(InterfaceError, match=f"came as a {type(parameters).__name__}"):
        reader.execute("SELECT ?", parameters)


@pytest.mark.parametrize("parameters", [[], [1], [1, 2, 3]])
def test_a_wrong_number_of_parameters_is_an_error_of_this_project(reader: Cursor, parameters: list[int]) -> None:
    with pytest.raises(InvalidStatementError):
        reader.execute("SELECT ?, ?", parameters)


def test_the_operator_with_a_question_mark_is_written_twice(cursor: Cursor) -> None:
    assert cursor.execute("SELECT ?::jsonb ?? 'a'", [{"a": 1}]).fetchall() == [(True,)]


@pytest.mark.parametrize("statement", ["", "  ", "-- nothing", "DO $$ BEGIN END $$", "SET application_name = 'x'"])
def test_a_statement_without_a_result_has_nothing_to_fetch(reader: Cursor, statement: str) -> None:
    reader.execute(statement)
    assert reader.description is None
    with pytest.raises(InterfaceError, match="no result"):
        reader.fetchone()


@pytest.mark.parametrize("statement", ["SHOW TimeZone", "EXPLAIN SELECT 1", "VALUES (1)", "TABLE pg_class", "SELECT"])
def test_any_statement_with_a_result_can_be_read(reader: Cursor, statement: str) -> None:
    assert reader.execute(statement).fetchone() is not None


def test_autocommit_needs_no_commit(server: PostgresServer, connection: Connection) -> None:
    connection.jconn.setAutoCommit(True)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE autocommitted (n int)")
    connection.commit()
    connection.rollback()
    assert server.psql("SELECT count(*) FROM autocommitted") == "0"
    cursor.execute("DROP TABLE autocommitted")
    assert len(cursor.execute("SELECT * FROM generate_series(1, 3000)").fetchall()) == 3000


def test_commit_keeps_and_rollback_undoes(server: PostgresServer, connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE committed (n int)")
    connection.commit()
    cursor.execute("INSERT INTO committed VALUES (1)")
    connection.rollback()
    cursor.execute("INSERT INTO committed VALUES (2)")
    connection.commit()
    assert server.psql("TABLE committed") == "2"
    cursor.execute("DROP TABLE committed")
    connection.commit()


def test_what_is_closed_says_so(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    cursor.close()
    for use in (
        cursor.fetchone,
        cursor.fetchall,
        lambda: cursor.execute("SELECT 1"),
        lambda: cursor.executemany("", []),
    ):
        with pytest.raises(InterfaceError):
            use()
    other = connection.cursor()
    with connection:
        pass
    connection.close()
    for use in (connection.cursor, connection.commit, connection.rollback, lambda: other.execute("SELECT 1")):
        with pytest.raises(InterfaceError, match="connection is closed"):
            use()
    other.close()


def test_after_an_error_no_query_runs_on(connection: Connection) -> None:
    connection.cursor().execute("CREATE TEMP SEQUENCE reached")
    with pytest.raises(KeyError), connection.cursor() as cursor:
        cursor.execute("SELECT nextval('reached') FROM generate_series(1, 3000)")
        raise KeyError
    assert connection.cursor().execute("SELECT last_value FROM reached").fetchall() == [(dbapi.FETCH_ROWS,)]


def test_a_schema_change_under_a_repeated_statement_is_seen(connection: Connection, cursor: Cursor) -> None:
    cursor.execute("CREATE TEMP TABLE changing AS SELECT 1 AS a")
    for _ in range(7):
        assert cursor.execute("SELECT * FROM changing").fetchall() == [(1,)]
    connection.commit()
    cursor.execute("ALTER TABLE changing ADD b mood[] DEFAULT '{fine}'")
    connection.commit()
    assert cursor.execute("SELECT * FROM changing").fetchall() == [(1, ["fine"])]


def test_importing_warns_of_nothing_even_when_jaydebeapi_is_compiled_anew(tmp_path: Path) -> None:
    source = Path(jaydebeapi.__file__).parent
    shutil.copytree(source, tmp_path / "jaydebeapi", ignore=shutil.ignore_patterns("__pycache__"))
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(root)))}
    command = "import cockroach_pipelines.database.dbapi, jaydebeapi; print(jaydebeapi.__file__)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(str(tmp_path)), done.stderr
    assert not done.stderr
