"""Integers arrive as they are, by rows that are all of one size; what is no integer is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cockroach_pipelines.database.arrow import UnreadableDataError, copy_integers, read, read_integers
from cockroach_pipelines.database.arrow.copy_integers import CopyIntegers, integers_of_block
from cockroach_pipelines.database.arrow.marks import USUAL
from cockroach_pipelines.database.errors import CancelledError, StatementError
from tests.database.arrow.rows import still_works

_SPREAD = "SELECT i * 1000003 AS k, i - 9223372036854775807 AS h FROM generate_series(1, {}::int8) AS i"
_PER_READ = (1 << 20) // (2 + 2 * 12)


@pytest.mark.parametrize("rows", [0, 1, 2_000, _PER_READ - 1, _PER_READ, _PER_READ + 1, 3 * _PER_READ])
def test_rows_are_those_that_csv_gives(jdbc: Any, rows: int) -> None:
    sql = _SPREAD.format(rows)
    table = read_integers(jdbc, sql, ("k", "h")).to_table()
    assert table.equals(read(jdbc, sql).to_table().replace_schema_metadata())
    assert still_works(jdbc)


def test_the_outermost_numbers_are_exact(jdbc: Any) -> None:
    values = [2**63 - 1, -(2**63), 0, -1, 1]
    sql = f"SELECT unnest('{{{','.join(map(str, values))}}}'::int8[])"
    assert read_integers(jdbc, sql, ("n",)).to_table()["n"].to_pylist() == values


def test_parameters_are_bound_and_escaped_operators_are_not(jdbc: Any) -> None:
    sql = "SELECT ?::int8 AS k"
    assert read_integers(jdbc, sql, ("k",), (42,)).to_table()["k"].to_pylist() == [42]
    sql = """SELECT count(*) AS k FROM (VALUES ('{"a": 1}'::jsonb)) AS v (j) WHERE j ?? 'a'"""
    assert read_integers(jdbc, sql, ("k",)).to_table()["k"].to_pylist() == [1]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nullif(i, 700)::int8, i::int8 FROM generate_series(1, 1000) AS i",
        "SELECT i::int4, i::int8 FROM generate_series(1, 1000) AS i",
        "SELECT i::int8 FROM generate_series(1, 1000) AS i",
        "SELECT i::int8, i::int8, i::int8 FROM generate_series(1, 1000) AS i",
        "SELECT 'eightabc'::text || i, i::int8 FROM generate_series(1, 1000) AS i",
    ],
)
def test_what_is_no_integer_is_an_error_and_never_a_number(jdbc: Any, sql: str) -> None:
    stream = read_integers(jdbc, sql, ("k", "h"))
    with pytest.raises(UnreadableDataError, match="not of 2 integers of 64 bits"):
        stream.to_table()


def test_an_error_amid_the_rows_is_the_servers(jdbc: Any) -> None:
    with pytest.raises(StatementError, match="division by zero"):
        read_integers(
            jdbc, "SELECT i, 1 / (90000 - i) FROM generate_series(1::int8, 200000) AS i", ("k", "h")
        ).to_table()
    jdbc.rollback()
    assert still_works(jdbc)


def test_a_stream_that_is_left_is_cancelled(connections: Callable[[], Any]) -> None:
    jdbc = connections()
    stream = read_integers(jdbc, "SELECT generate_series(1::int8, 1000000000)", ("k",))
    next(iter(stream))
    stream.cancel()
    with pytest.raises(CancelledError):
        stream.to_table()


def test_a_server_without_the_binary_format_gives_the_same(jdbc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = _SPREAD.format(1000)
    binary = read_integers(jdbc, sql, ("k", "h")).to_table()
    monkeypatch.setattr(copy_integers, "knows_binary_copy", lambda _: False)
    assert read_integers(jdbc, sql, ("k", "h")).to_table().replace_schema_metadata() == binary.replace_schema_metadata()


@pytest.mark.parametrize("end", [5, 18, 20, 28, 34, 50])
def test_rows_that_are_cut_short_are_an_error(jdbc: Any, end: int) -> None:
    source = CopyIntegers(jdbc, "SELECT i FROM generate_series(1::int8, 9) AS i", (), ("i",))
    description = source.describe()
    source.open()
    block = source.next_block()
    source.close()
    assert len(integers_of_block(block, description, "error", USUAL)) == 9
    with pytest.raises(UnreadableDataError):
        integers_of_block(block[:end], description, "error", USUAL)
