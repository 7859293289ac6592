"""Rows are never cut, however the stream is."""

from __future__ import annotations

import pytest

from cockroach_pipelines.database.arrow.blocks import RowCutter

ROWS = [b"1,a\n", b'2,"two\nlines"\n', b'"""\n""",""\n', b"\n", b'"\n\n\n"\n', b'"","",","\n', b"last,row\n"]


def complete_rows(block: bytes) -> bool:
    return block == b"" or any(block == b"".join(ROWS[start:end]) for start in range(7) for end in range(start + 1, 8))


@pytest.mark.parametrize("size", range(1, 50))
def test_blocks_hold_whole_rows_and_lose_nothing(size: int) -> None:
    text = b"".join(ROWS)
    cutter = RowCutter()
    blocks = [cutter.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert all(map(complete_rows, blocks))
    assert b"".join(blocks) == text
    assert cutter.finish() == b""


def test_a_block_is_given_as_soon_as_a_row_is_complete() -> None:
    cutter = RowCutter()
    assert cutter.feed(b'1,"a\n') == b""
    assert cutter.feed(b'b"\n2,') == b'1,"a\nb"\n'
    assert cutter.feed(b"c\n3") == b"2,c\n"
    assert cutter.finish() == b"3"


def test_an_empty_piece_changes_nothing() -> None:
    cutter = RowCutter()
    assert cutter.feed(b'"\n') == b""
    assert cutter.feed(b"") == b""
    assert cutter.feed(b'"\n') == b'"\n"\n'


@pytest.mark.parametrize("lines", [0, 1, 31, 32, 33, 1000])
def test_a_row_is_found_before_a_text_of_many_lines(lines: int) -> None:
    text = b'2,"' + b"\n" * lines
    cutter = RowCutter()
    assert cutter.feed(b'1,"a\n"\n' + text) == b'1,"a\n"\n'
    assert cutter.feed(text[3:]) == b""
    assert cutter.feed(b'"\n3') == text + text[3:] + b'"\n'
    assert cutter.finish() == b"3"
