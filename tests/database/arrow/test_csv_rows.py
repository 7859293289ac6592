"""Rows as the server writes them can be told apart, chosen and read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from cockroach_pipelines.database.arrow import describe, read, read_csv
from cockroach_pipelines.database.arrow.blocks import ends_of_rows
from cockroach_pipelines.database.arrow.csv_rows import CSVRows
from cockroach_pipelines.database.arrow.marks import RARE, USUAL, Marks
from cockroach_pipelines.database.errors import CancelledError, StatementError
from tests.database.arrow.rows import still_works
from tests.database.arrow.test_blocks import ROWS
from tests.database.arrow.test_blocks import ends_of_rows as true_ends

AWKWARD = (
    "SELECT i, CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'two\\nlines' WHEN 3 THEN 'a,b\"c' "
    "WHEN 4 THEN E'\\x1e\\x1f' ELSE 'plain' END, 1.50::numeric, true FROM generate_series(1, 3000) AS i"
)


def rows_of(jdbc: Any, sql: str, *parameters: object, portable: bool = False) -> CSVRows:
    with read_csv(jdbc, sql, parameters, portable=portable) as stream:
        return stream.rows()


@pytest.mark.parametrize("portable", [True, False])
def test_rows_are_those_of_the_statement_as_text(jdbc: Any, portable: bool) -> None:
    rows = rows_of(jdbc, AWKWARD, portable=portable)
    assert len(rows) == len(rows.lines) == 3000
    typed = read(jdbc, AWKWARD).to_table()
    texts = rows.to_table()
    assert texts.column(1).to_pylist() == typed.column(1).to_pylist()
    assert texts.column(0).to_pylist() == list(map(str, typed.column(0).to_pylist()))
    assert {*texts.column(2).to_pylist()} == {"1.50"}
    assert b"".join(rows.lines.to_pylist()) == b"".join(rows.blocks)


def test_chosen_rows_keep_their_order_and_their_values(jdbc: Any) -> None:
    rows = rows_of(jdbc, AWKWARD)
    mask = pa.array([number % 7 == 3 for number in range(3000)])
    assert rows.chosen(mask).to_table().equals(rows.to_table().filter(mask).combine_chunks())
    assert len(rows.chosen(pa.array([False] * 3000)).to_table()) == 0


def test_marks_that_every_database_knows_are_commas_and_quotes(jdbc: Any) -> None:
    sql = "SELECT ?::int, ?::text"
    assert rows_of(jdbc, sql, 1, 'it\'s, "so"', portable=True).blocks == (b'1,"it\'s, ""so"""\n',)
    assert rows_of(jdbc, sql, 1, "it's, so").blocks == (b"1\x1fit's, so\n",)


@pytest.mark.parametrize("marks", [USUAL, RARE])
def test_rows_end_at_newlines_outside_of_quotes(marks: Marks) -> None:
    text = b"".join(ROWS).replace(b'"', marks.quote.encode())
    ends = true_ends(text.replace(marks.quote.encode(), b'"'))
    assert {0, *ends_of_rows(text, marks).tolist()} == ends


def test_errors_and_cancels_leave_the_connection_in_order_or_closed(connections: Callable[[], Any]) -> None:
    jdbc = connections()
    with pytest.raises(StatementError, match="division by zero"):
        rows_of(jdbc, "SELECT 1 / (i - 5000) FROM generate_series(1, 9000) AS i")
    assert still_works(jdbc)
    with pytest.raises(CancelledError), read_csv(jdbc, "SELECT pg_sleep(60)") as stream:
        stream.cancel()
        stream.rows()
    assert jdbc.isClosed() if stream.tainted else still_works(jdbc)


def test_describing_gives_the_schema_of_the_result_without_running_it(jdbc: Any) -> None:
    sql = "SELECT 1 / ?::int AS a, 'x'::text AS b, now() AS c"
    schema = describe(jdbc, sql, (0,))
    assert schema.equals(read(jdbc, sql, (1,)).schema, check_metadata=True)
