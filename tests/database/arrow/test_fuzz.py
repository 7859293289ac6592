"""Whatever bytes arrive, the parsers give the values that they mean or an error of ours; never a wrong value."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow.describe import Description
from cockroach_pipelines.database.arrow.marks import RARE, USUAL, Marks
from cockroach_pipelines.database.arrow.parse import parse_block
from cockroach_pipelines.database.arrow.types import column
from cockroach_pipelines.database.errors import DatabaseError

FIELD = re.compile(rb'"(?:[^"]|"")*"|[^",\n\r]*', re.DOTALL)
BYTES = st.sampled_from(
    [
        b'"',
        b'""',
        b",",
        b"\n",
        b"\r",
        b"\\",
        b"1",
        b"-",
        b".",
        b"e",
        b"t",
        b"NULL",
        b"\xff",
        b"\0",
        b" ",
        b"\xef\xbb\xbf",
        b"\xc3\xa9",
        b"{",
        b"}",
    ]
)

USUAL_MARKS, RARE_MARKS = (marks.separator + marks.quote for marks in (USUAL, RARE))
RARE_BYTES = bytes.maketrans(USUAL_MARKS.encode(), RARE_MARKS.encode())
RARE_TEXT = str.maketrans(USUAL_MARKS, RARE_MARKS)


def parsed(block: bytes, *types: str, marks: Marks = USUAL) -> list[list[Any]] | None:
    """Give the rows that the parser makes of a block, None when it refuses."""
    description = Description(tuple(column(f"c{number}", name) for number, name in enumerate(types)))
    try:
        batch = parse_block(block, description, "error", marks)
    except DatabaseError:
        return None
    batch.validate(full=True)
    return [list(row.values()) for row in batch.to_pylist()]


def meaning(block: bytes, width: int) -> list[list[str | None]] | None:
    """Give the rows of text that a block means by PostgreSQL's CSV, None when it is no such CSV."""
    if not block.endswith(b"\n"):
        return None
    rows, position = [], 0
    while position < len(block):
        row: list[str | None] = []
        while True:
            field = FIELD.match(block, position)
            assert field is not None
            position = field.end()
            try:
                text = field[0].decode()
            except UnicodeDecodeError:
                return None
            row.append(text[1:-1].replace('""', '"') if text.startswith('"') else text or None)
            if position == len(block) or block[position : position + 1] not in (b",", b"\n"):
                return None
            position += 1
            if block[position - 1 : position] == b"\n":
                break
        if len(row) != width:
            return None
        rows.append(row)
    return rows


@settings(max_examples=1500, deadline=None)
@given(block=st.lists(BYTES, max_size=24).map(b"".join), width=st.integers(1, 3))
def test_random_bytes_are_what_they_mean_or_refused(block: bytes, width: int) -> None:
    if not block:
        return  # no block is the end of the stream
    rows, meant = parsed(block, *(["text"] * width)), meaning(block, width)
    if meant is not None:
        assert rows == meant
    rare = parsed(block.translate(RARE_BYTES), *(["text"] * width), marks=RARE)
    if meant is not None:
        assert rare == [[text and text.translate(RARE_TEXT) for text in row] for row in meant]


@settings(max_examples=500, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=2, max_size=2),
        min_size=1,
        max_size=9,
    )
)
def test_what_another_writer_of_csv_wrote_is_read_equal(rows: list[list[str | None]]) -> None:
    file = io.StringIO()
    csv.writer(
        file, lineterminator="\n", quoting=csv.QUOTE_NOTNULL if hasattr(csv, "QUOTE_NOTNULL") else csv.QUOTE_ALL
    ).writerows([["" if value is None else value for value in row] for row in rows])
    assert parsed(file.getvalue().encode(), "text", "text") == [
        ["" if value is None else value for value in row] for row in rows
    ]


NUMBERS = st.text("0123456789+-.eENaInfity ", min_size=1, max_size=12)


@settings(max_examples=500, deadline=None)
@given(text=NUMBERS, name=st.sampled_from(["int2", "int4", "int8", "float8"]))
def test_numbers_are_exact_or_refused(text: str, name: str) -> None:
    rows = parsed(f"{text}\n".encode(), name)
    if rows is not None and rows[0][0] is not None:
        value = float(text) if name == "float8" else int(text)
        assert rows[0][0] == value or value != value


@settings(max_examples=500, deadline=None)
@given(text=st.text("0123456789-: .+BCinfty", min_size=1, max_size=26) | st.datetimes().map(str))
def test_moments_are_exact_or_refused(text: str) -> None:
    rows = parsed(f'"{text}"\n'.encode(), "timestamp")
    if rows is not None and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?", text):
        assert rows[0][0] == dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("int4", "1.5"), ("int4", "x"), ("int4", "99999999999"), ("bool", "maybe"), ("date", "2024-02-30"), ("timestamp", "yesterday"),
        ("time", "25:00:00"), ("interval", "1 day"), ("bytea", "abc"), ("bytea", r"\x0"), ("bytea", r"\xzz"),
        ("_int4", "1,2"), ("_int4", "{1"), ("_int4", "{x}"), ("_text", '{"a}'), ("_bool", "{maybe}"), ("_bytea", "{abc}"),
    ],
)  # fmt: skip
def test_text_that_is_none_of_its_type_is_refused(name: str, text: str) -> None:
    assert parsed(f"{text}\n".encode(), name) is None


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_row_of_another_width_is_refused(width: int) -> None:
    assert parsed(b"a,b,c,d\n", *(["text"] * width)) is None


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(
        st.none()
        | st.lists(
            st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
            max_size=4,
        ),
        max_size=5,
    )
)
def test_arrays_are_taken_apart_as_they_were_written(values: list[list[str | None] | None]) -> None:
    from cockroach_pipelines.database.arrow.encode import csv_of

    batch = pa.record_batch({"v": pa.array([[], *values], pa.list_(pa.string()))})
    assert parsed(csv_of(batch), "_text") == [[value] for value in [[], *values]]
