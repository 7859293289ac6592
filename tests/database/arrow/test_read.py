"""A result arrives whole, in the shape the statement gives it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from cockroach_pipelines.database.arrow import (
    MultipleStatementsError,
    NoResultError,
    StreamClosedError,
    UnrepresentableInArrowError,
    read,
)
from cockroach_pipelines.database.errors import InvalidStatementError
from tests.database.arrow.rows import column, columns, execute, still_works

BOTH_WAYS = pytest.mark.parametrize("copy", [True, False], ids=["copy", "result_set"])


@BOTH_WAYS
def test_null_differs_from_an_empty_text(jdbc: Any, copy: bool) -> None:
    sql = "SELECT v, 1 FROM (VALUES (1, ''), (2, NULL), (3, 'NULL'), (4, '\"\"')) AS t(n, v) ORDER BY n"
    assert columns(jdbc, sql, copy=copy)[0] == ["", None, "NULL", '""']
    assert column(jdbc, sql.replace(", 1", ""), copy=copy) == ["", None, "NULL", '""']


@BOTH_WAYS
def test_the_marks_between_values_may_stand_in_them(jdbc: Any, copy: bool) -> None:
    texts = ["\x1e", "\x1f", "a\x1fb", "\x1e\x1e", "\x1e\n\x1f", '{"a": "b, c"}', "\r", "\\."]
    sql = "SELECT t, t FROM unnest(?::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n"
    assert columns(jdbc, sql, texts, copy=copy) == [texts, texts]
    assert column(jdbc, sql.replace("t, t", "t"), texts, copy=copy) == texts


@BOTH_WAYS
def test_columns_may_have_the_same_name_or_an_odd_one(jdbc: Any, copy: bool) -> None:
    with read(jdbc, 'SELECT 1 AS a, \'x\' AS a, 3 AS " ", 4 AS "say ""hi"", ?", 5', copy=copy) as stream:
        assert stream.schema.names == ["a", "a", " ", 'say "hi", ?', "?column?"]
        table = stream.to_table()
    assert [values.to_pylist() for values in table.columns] == [[1], ["x"], [3], [4], [5]]
    assert table.schema.names == stream.schema.names


@BOTH_WAYS
def test_a_result_without_rows_has_its_schema(jdbc: Any, copy: bool) -> None:
    sql = "SELECT 1 AS a, 'x'::text AS b, 1.5 AS c WHERE false"
    with read(jdbc, sql, copy=copy) as stream:
        table = stream.to_table()
    assert (table.num_rows, table.schema.names) == (0, ["a", "b", "c"])
    assert read(jdbc, sql, copy=copy).to_pandas().shape == (0, 3)


@BOTH_WAYS
def test_batches_of_a_long_result_keep_its_order(jdbc: Any, copy: bool) -> None:
    with read(jdbc, "SELECT i FROM generate_series(1, 300000) AS i", copy=copy) as stream:
        batches = list(stream)
    assert len(batches) > 1
    assert pa.Table.from_batches(batches).column(0).to_pylist() == list(range(1, 300_001))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "  select 1;",
        "/* a */ -- b\n(SELECT 1)",
        "SELECT 1; -- done",
        "SELECT 1 -- done",
        "SELECT 1;;\n/* the end */\n",
        "WITH t AS (SELECT 1 AS i) SELECT i FROM t",
        "VALUES (1)",
        "/* one /* in */ another */ SELECT 1",
    ],
)
def test_comments_and_semicolons_around_a_statement_do_not_matter(jdbc: Any, sql: str) -> None:
    assert read(jdbc, sql).to_table().column(0).to_pylist() == [1]


def test_statements_that_copy_cannot_run_are_read_too(jdbc: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE seen (i int, t text)")
    execute(jdbc, "CREATE PROCEDURE pg_temp.twice(INOUT i int) LANGUAGE sql AS 'SELECT i * 2'")
    assert column(jdbc, "INSERT INTO seen VALUES (1, ?), (2, NULL) RETURNING t", 'a "b"', copy=False) == ['a "b"', None]
    assert read(jdbc, "DELETE FROM seen WHERE i = ? RETURNING i", [1]).to_table().to_pylist() == [{"i": 1}]
    assert read(jdbc, "SHOW standard_conforming_strings").to_table().column(0).to_pylist() == ["on"]
    assert "Seq Scan" in read(jdbc, "EXPLAIN SELECT * FROM seen").to_table().column(0)[0].as_py()
    assert read(jdbc, "CALL pg_temp.twice(?::int)", [21]).to_table().to_pylist() == [{"i": 42}]
    assert column(jdbc, "SELECT i FROM seen") == [2]


@pytest.mark.parametrize(
    "sql", ["SELECT", "SELECT FROM pg_class", "CREATE TEMP TABLE t (i int)", "", " ; ", "-- nothing"]
)
def test_a_statement_without_columns_is_refused_before_it_runs(jdbc: Any, sql: str) -> None:
    with pytest.raises(NoResultError):
        read(jdbc, sql)
    assert still_works(jdbc)


def test_a_write_without_returning_is_refused_before_it_runs(jdbc: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE untouched (i int)")
    for sql in ("INSERT INTO untouched VALUES (1)", "WITH a AS (SELECT 1) INSERT INTO untouched SELECT * FROM a"):
        with pytest.raises(NoResultError, match="RETURNING"):
            read(jdbc, sql)
    assert column(jdbc, "SELECT count(*) FROM untouched") == [0]


@BOTH_WAYS
def test_two_statements_are_refused_before_they_run(jdbc: Any, copy: bool) -> None:
    for sql in ("SELECT 1; SELECT 2", "SELECT 1; DROP TABLE x; -- y", "SELECT 1) TO STDOUT; SELECT (2"):
        with pytest.raises((MultipleStatementsError, InvalidStatementError)):
            read(jdbc, sql, copy=copy)
        assert still_works(jdbc)


@BOTH_WAYS
def test_a_wrong_statement_says_where_in_the_authors_text(jdbc: Any, copy: bool) -> None:
    sql = f"SELECT {', '.join(['?::int'] * 12)}, no_such_column FROM pg_class"
    with pytest.raises(InvalidStatementError) as caught:
        read(jdbc, sql, range(12), copy=copy)
    assert caught.value.sqlstate == "42703"
    assert caught.value.server.position == sql.index("no_such_column") + 1
    assert still_works(jdbc)


@BOTH_WAYS
@pytest.mark.parametrize(
    "sql", ["SELECT 1 /* x", "SELECT 'x", 'SELECT "x', "SELECT $$x", "SELECT 1)", "SELECT 1) TO STDOUT --"]
)
def test_a_statement_that_does_not_end_is_refused(jdbc: Any, sql: str, copy: bool) -> None:
    with pytest.raises(InvalidStatementError, match="42601"):
        read(jdbc, sql, copy=copy)
    assert still_works(jdbc)


@BOTH_WAYS
def test_an_error_in_mid_stream_reaches_the_reader(jdbc: Any, copy: bool) -> None:
    stream = read(jdbc, "SELECT i, 1 / (500000 - i) FROM generate_series(1, 1000000) AS i", copy=copy)
    rows = 0
    with pytest.raises(InvalidStatementError, match=r"\[22012\] division by zero"):
        for batch in stream:
            rows += batch.num_rows
    assert 0 < rows < 500_000
    assert not stream.tainted
    with pytest.raises(StreamClosedError, match="not the whole result"):
        next(iter(stream))
    assert still_works(jdbc)


def test_a_numeric_without_scale_is_text_in_the_stream_and_fitted_in_the_whole(jdbc: Any) -> None:
    sql = "SELECT v AS sum FROM (VALUES (1, 1.5), (2, -12.25), (3, NULL), (4, 1e6), (5, 0.000)) AS t(n, v) ORDER BY n"
    with read(jdbc, sql) as stream:
        assert stream.schema.field("sum").type == pa.string()
        assert next(iter(stream)).column(0).to_pylist() == ["1.5", "-12.25", None, "1000000", "0.000"]
    table = read(jdbc, sql).to_table()
    assert table.schema.field("sum").type == pa.decimal128(38, 3)
    assert table.schema.field("sum").metadata == {b"pg.type": b"numeric"}
    assert table.column(0).to_pylist() == [Decimal("1.5"), Decimal("-12.25"), None, Decimal(10**6), Decimal(0)]


@pytest.mark.parametrize(
    ("literals", "expected"),
    [
        (["1e37"], pa.decimal128(38, 0)),
        (["1e38"], pa.decimal256(76, 0)),
        (["1e20", "1e-30"], pa.decimal256(76, 30)),
        (["1e80", "1.5"], pa.string()),
        (["NULL"], pa.decimal128(38, 0)),
        (["0.00000000000000000000000000000000000001"], pa.decimal128(38, 38)),
    ],
)
def test_a_whole_column_gets_the_narrowest_decimal_that_loses_nothing(
    jdbc: Any, literals: list[str], expected: Any
) -> None:
    rows = ", ".join(f"({literal}::numeric)" for literal in literals)
    values = read(jdbc, f"SELECT v FROM (VALUES {rows}) AS t(v)").to_table().column(0)
    assert values.type == expected
    wanted = [None if literal == "NULL" else Decimal(literal) for literal in literals]
    assert [None if value is None else Decimal(value) for value in values.to_pylist()] == wanted


def test_numbers_in_scientific_notation_are_fitted_too() -> None:
    from cockroach_pipelines.database.arrow.convert import fit_decimals
    from cockroach_pipelines.database.arrow.types import column as column_type

    texts = pa.chunked_array([["1E+5", "-2.50E-3"], [None, "007.10"]])
    fitted = fit_decimals(texts, column_type("d", "decimal"), "error")
    assert fitted.type == pa.decimal128(38, 5)
    assert fitted.to_pylist() == [Decimal(100000), Decimal("-0.0025"), None, Decimal("7.1")]


def test_not_a_number_in_a_numeric_without_scale_follows_special(jdbc: Any) -> None:
    sql = "SELECT v FROM (VALUES (1, 'NaN'::numeric), (2, '-Infinity'), (3, 1.5)) AS t(n, v) ORDER BY n"
    assert column(jdbc, sql) == ["NaN", "-Infinity", "1.5"]
    assert read(jdbc, sql, special="null").to_table().column(0).to_pylist() == [None, None, Decimal("1.5")]
    assert read(jdbc, sql, special="text").to_table().column(0).to_pylist() == ["NaN", "-Infinity", "1.5"]
    with pytest.raises(UnrepresentableInArrowError, match="NaN"):
        read(jdbc, sql).to_table()


def test_a_frame_keeps_every_value(jdbc: Any) -> None:
    sql = """SELECT 9007199254740993 AS big, nullif(i, 2) AS maybe, i > 1 AS yes, nullif(i > 1, true) AS perhaps,
                    1.10::numeric(5, 2) AS price, sum(1.5) OVER () AS total, date '9999-12-31' AS until, time '12:00' AS at,
                    timestamptz '2024-01-01 00:00:00.000001+00' AS seen, ARRAY[i] AS list, nullif(i, 1)::text AS a,
                    'x' AS a, '1 mon'::interval AS step, '\\x00'::bytea AS raw
             FROM generate_series(1, 2) AS i"""
    frame = read(jdbc, sql).to_pandas()
    first = frame.iloc[0]
    assert list(frame.columns).count("a") == 2
    assert str(frame["big"].dtype) == "int64"
    assert frame["big"][0] == 9007199254740993
    assert frame["maybe"].tolist() == [1, pd.NA]
    assert str(frame["yes"].dtype) == "bool"
    assert frame["perhaps"].tolist() == [False, pd.NA]
    assert (first["price"], first["total"]) == (Decimal("1.10"), Decimal("3.0"))
    assert (first["until"], first["at"]) == (dt.date(9999, 12, 31), dt.time(12))
    assert first["seen"] == pd.Timestamp("2024-01-01 00:00:00.000001+00")
    assert list(first["list"]) == [1]
    assert first["raw"] == b"\x00"


def test_anything_that_speaks_arrow_can_read_the_stream(jdbc: Any) -> None:
    stream = read(jdbc, "SELECT i FROM generate_series(1, 100000) AS i")
    reader = pa.RecordBatchReader.from_stream(stream)
    del stream  # the reader alone keeps it alive
    assert sum(batch.num_rows for batch in reader) == 100_000
    assert still_works(jdbc)


def test_streams_of_several_connections_do_not_mix(connections: Callable[[], Any]) -> None:
    streams = [
        read(connections(), "SELECT ?::int, i FROM generate_series(1, 100000) AS i", [number]) for number in range(5)
    ]
    iterators = [iter(stream) for stream in streams]
    seen: list[list[int]] = [[] for _ in streams]
    while any(iterators):
        for number, batches in enumerate(iterators):
            batch = next(batches, None) if batches else None
            if batch is None:
                iterators[number] = None  # type: ignore[call-overload]
            else:
                assert set(batch.column(0).to_pylist()) == {number}
                seen[number] += batch.column(1).to_pylist()
    assert all(rows == list(range(1, 100_001)) for rows in seen)


@pytest.mark.parametrize("copy", [True, False])
def test_a_table_whose_types_change_meanwhile_is_read_on(jdbc: Any, truth: psycopg.Connection[Any], copy: bool) -> None:
    """A plan kept on the server would fail with `cached plan must not change result type` from the sixth time on."""
    for number, sql_type in enumerate(["int", "text"] * 8):
        truth.execute(f"DROP TABLE IF EXISTS altered; CREATE TABLE altered AS SELECT {number}::{sql_type} AS v")
        assert column(jdbc, "SELECT v FROM altered", copy=copy) == [number if sql_type == "int" else str(number)]
        jdbc.rollback()
