"""The row that the server refused is named, whatever its values hold."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow import UnrepresentableInArrowError, copy_in, write
from cockroach_pipelines.database.arrow.encode import csv_of
from cockroach_pipelines.database.arrow.sent_rows import SentRows
from cockroach_pipelines.database.errors import ConstraintError, InvalidStatementError, ServerMessage, StatementError
from tests.database.arrow.rows import execute, still_works


@pytest.fixture(params=[True, False], ids=["binary", "csv"])
def binary(request: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(copy_in, "reads_binary_well", lambda _: request.param)
    return bool(request.param)


@pytest.mark.usefixtures("binary")
@pytest.mark.parametrize("filling", ["x", "line\nline\n", '"\n"\r\n,'])
@pytest.mark.parametrize("row", [0, 1, 777, 49_999])
def test_a_row_that_breaks_a_rule_is_named(jdbc: Any, filling: str, row: int) -> None:
    execute(jdbc, "CREATE TABLE IF NOT EXISTS ruled (i int CHECK (i >= 0), t text)", "TRUNCATE ruled")
    jdbc.commit()
    numbers = [*range(50_000)]
    numbers[row] = -1
    with pytest.raises(ConstraintError) as caught:
        write(jdbc, "ruled", pa.table({"i": numbers, "t": [filling * (number % 3) for number in range(50_000)]}))
    assert caught.value.server.row == row
    assert f"Row: {row + 1:,}" in str(caught.value)
    assert still_works(jdbc)


def test_a_row_that_the_server_cannot_convert_is_named_with_its_column(jdbc: Any) -> None:
    execute(jdbc, 'CREATE TEMP TABLE addresses (t text, "the address" inet)')
    jdbc.commit()
    with pytest.raises(InvalidStatementError, match=r"(?s)Row: 3, column the address") as caught:
        write(jdbc, "addresses", pa.table({"t": ["\n", "\n\n", "a\nb"], "the address": ["::1", None, "nowhere"]}))
    assert (caught.value.server.row, caught.value.server.column) == (2, "the address")


@pytest.mark.usefixtures("binary")
def test_a_value_that_does_not_fit_is_named_by_its_row_in_the_whole_data(jdbc: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE numbers (n int2)")
    batches = [pa.record_batch({"n": [1] * 1000})] * 5 + [pa.record_batch({"n": [1] * 10 + [40_000]})]
    with pytest.raises(UnrepresentableInArrowError, match="Column 'n', row 5,011") as caught:
        write(jdbc, "numbers", batches)
    assert caught.value.row == 5010


def test_a_text_too_long_and_a_missing_value_are_named(jdbc: Any) -> None:
    execute(jdbc, "CREATE TABLE IF NOT EXISTS short (t varchar(3) NOT NULL)")
    jdbc.commit()
    for value, error in (("long", InvalidStatementError), (None, ConstraintError)):
        with pytest.raises(error) as caught:
            write(jdbc, "short", pa.table({"t": ["a", "b", value, "c"]}))
        assert caught.value.server.row == 2
        jdbc.rollback()


@settings(max_examples=300)
@given(
    pieces=st.lists(st.lists(st.none() | st.text('a"\n,', max_size=5), min_size=1, max_size=6), min_size=1, max_size=4),
    data=st.data(),
)
def test_a_line_of_csv_belongs_to_its_row(pieces: list[list[str | None]], data: st.DataObject) -> None:
    sent, line_of_row, lines = SentRows(), [], 0
    for values in pieces:
        encoded = csv_of(pa.record_batch({"v": pa.array(values, pa.string()), "w": pa.array(values, pa.string())}))
        sent.add(len(values), encoded)
        for value in values:
            lines += 1 + 2 * (value or "").count("\n")
            line_of_row.append(lines)
    row = data.draw(st.integers(0, len(line_of_row) - 1))
    said = ServerMessage("22P02", "wrong", context=f'COPY t, line {line_of_row[row]}, column v: "x"')
    assert sent.located(StatementError(said)).server.row == row


def test_an_error_that_names_no_line_stays_as_it_is() -> None:
    error = StatementError(ServerMessage("23503", "a foreign key", context='SQL statement "SELECT 1"'))
    assert SentRows().located(error) is error
