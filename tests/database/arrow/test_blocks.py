"""Rows are never cut, however the stream is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow.blocks import RowCutter
from cockroach_pipelines.database.arrow.marks import RARE, USUAL, Marks

ROWS = [b"1,a\n", b'2,"two\nlines"\n', b'"""\n""",""\n', b"\n", b'"\n\n\n"\n', b'"","",","\n', b"last,row\n"]


def blocks_of(text: bytes, size: int, marks: Marks = USUAL) -> Iterator[bytes]:
    """Cut a text as a reader does that has room for so many bytes; the last block is what is left."""
    cutter, block, start = RowCutter(marks), b"", 0
    while start + size <= len(text):
        end = cutter.end_of_rows(text[start : start + size])
        block += text[start : start + (end or size)]
        start += end or size
        if end:
            yield block
            block = b""
    yield block + text[start:]


def ends_of_rows(text: bytes) -> set[int]:
    return {
        0,
        *(place + 1 for place in range(len(text)) if text[place] == ord("\n") and text.count(b'"', 0, place) % 2 == 0),
    }


@pytest.mark.parametrize("size", range(1, 50))
def test_blocks_hold_whole_rows_and_lose_nothing(size: int) -> None:
    text = b"".join(ROWS)
    *blocks, rest = blocks_of(text, size)
    assert b"".join(blocks) + rest == text
    ends = ends_of_rows(text)
    assert all(len(b"".join(blocks[:count])) in ends for count in range(len(blocks) + 1))


@given(st.text('"\n\n,a').map(str.encode), st.integers(1, 60))
def test_every_block_ends_at_the_last_row_of_its_piece(text: bytes, size: int) -> None:
    place, ends = 0, ends_of_rows(text)
    for block in list(blocks_of(text, size))[:-1]:
        place += len(block)
        assert place in ends
        assert not any(place < end <= place - len(block) + size for end in ends)


def test_a_block_is_given_as_soon_as_a_row_is_complete() -> None:
    cutter = RowCutter()
    assert cutter.end_of_rows(b'1,"a\n') == 0
    assert cutter.end_of_rows(b'b"\n2,') == len(b'b"\n')
    assert cutter.end_of_rows(b"2,c\n3") == len(b"2,c\n")


def test_with_rare_marks_the_usual_ones_are_text() -> None:
    text = b'1\x1f{"a": "b"\n2\x1f\x1etwo "\n lines\x1e\n3\x1f"\n'
    *blocks, rest = blocks_of(text, 20, RARE)
    assert blocks == [b'1\x1f{"a": "b"\n', b'2\x1f\x1etwo "\n lines\x1e\n']
    assert rest == b'3\x1f"\n'


def test_an_empty_piece_changes_nothing() -> None:
    cutter = RowCutter()
    assert cutter.end_of_rows(b'"\n') == 0
    assert cutter.end_of_rows(b"") == 0
    assert cutter.end_of_rows(b'"\n') == 2


@pytest.mark.parametrize("lines", [0, 1, 31, 32, 33, 1000, 5000])
def test_a_row_is_found_before_a_text_of_many_lines(lines: int) -> None:
    cutter = RowCutter()
    assert cutter.end_of_rows(b'1,"a\n"\n2,"' + b"\n" * lines) == len(b'1,"a\n"\n')
    assert cutter.end_of_rows(b'2,"' + b"\n" * lines) == 0
    assert cutter.end_of_rows(b"\n" * lines + b'"\n3') == lines + 2


def test_a_row_is_found_before_a_long_one() -> None:
    assert RowCutter().end_of_rows(b'1,"a\n"\n2,' + b"x" * 100_000) == len(b'1,"a\n"\n')
