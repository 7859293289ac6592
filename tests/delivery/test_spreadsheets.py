"""CSV for people runs nothing in a spreadsheet and loses nothing but that."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.delivery import spreadsheet_csv

CELLS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("", '""'),
        (-5, "-5"),
        (0.1, "0.1"),
        (True, "TRUE"),
        ("=1+1", '"\'=1+1"'),
        ("-5", '"\'-5"'),
        ("@SUM(A1)", '"\'@SUM(A1)"'),
        ("\t=1", '"\'\t=1"'),
        ("＝1", '"\'＝1"'),
        ('say "hi", you', '"say ""hi"", you"'),
        ("two\nlines", '"two\nlines"'),
    ],
)
def test_cells(value: object, cell: str) -> None:
    assert spreadsheet_csv(["a"], [{"a": value}]).decode("utf-8-sig") == f'"a"\r\n{cell}\r\n'


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_every_row_comes_back_and_none_begins_a_formula(rows: list[tuple[object, object]]) -> None:
    text = spreadsheet_csv(["a", "=b"], [{"a": a, "=b": b} for a, b in rows]).decode("utf-8-sig")
    header, *read = csv.reader(io.StringIO(text, newline=""))
    assert header == ["a", "'=b"]
    assert len(read) == len(rows)
    for cells, values in zip(read, rows, strict=True):
        for cell, value in zip(cells, values, strict=True):
            if isinstance(value, str):
                assert cell.removeprefix("'") == value.removeprefix("'") or cell == value
                assert cell[:1] not in tuple("=+-@\t\r\n") or cell == ""
            elif value is not None and not isinstance(value, bool):
                assert float(cell) == float(value)  # type: ignore[arg-type]
