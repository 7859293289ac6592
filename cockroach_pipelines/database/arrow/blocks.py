"""Cutting a stream of CSV into blocks of whole rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from cockroach_pipelines.database.arrow.marks import USUAL, Marks

_NEWLINE = ord("\n")
_NEARBY = 4096
_NEWLINES_TO_TRY = 32


def ends_of_rows(rows: bytes, marks: Marks) -> Any:
    """Give where each of some whole rows ends, behind its newline, as a numpy array."""
    characters = np.frombuffer(rows, np.uint8)
    newlines = np.flatnonzero(characters == _NEWLINE)
    if marks.quote.encode() in rows:
        quotes_before = np.searchsorted(np.flatnonzero(characters == ord(marks.quote)), newlines)
        newlines = newlines[quotes_before % 2 == 0]
    return newlines + 1


class RowCutter:
    """Finds where the last whole row ends in pieces of a stream, of any length.

    A row ends at a newline with an even number of quotes before it: quotes in a value are doubled. What follows the
    last whole row of a piece comes again at the start of the next one; a piece without the end of a row comes once.
    """

    def __init__(self, marks: Marks = USUAL) -> None:
        self._quote = ord(marks.quote)
        self._quoted = False
        self._scratch = np.empty(0, np.bool_)

    def end_of_rows(self, piece: Any) -> int:
        """Give how many bytes of a piece, any buffer, end with a row; 0 when no row ends in it."""
        characters = np.frombuffer(piece, np.uint8)
        if len(self._scratch) < len(characters):
            self._scratch = np.empty(len(characters), np.bool_)
        is_quote = np.equal(characters, self._quote, out=self._scratch[: len(characters)])  # 70 microseconds per MiB
        quoted_at_end = self._quoted ^ _is_odd(is_quote)
        end = self._from_the_end(characters, is_quote, quoted_at_end)
        self._quoted = quoted_at_end if end == 0 else False
        return end

    def _from_the_end(self, characters: Any, is_quote: Any, quoted: bool) -> int:
        start = max(0, len(characters) - _NEARBY)
        tail, end = characters[start:].tobytes(), len(characters)
        for _ in range(_NEWLINES_TO_TRY):
            newline = int(tail.rfind(b"\n", 0, end - start)) + start
            if newline < start:
                break
            quoted ^= _is_odd(is_quote[newline:end])
            if not quoted:
                return newline + 1
            end = newline
        return self._from_the_start(characters[:end], is_quote)

    def _from_the_start(self, characters: Any, is_quote: Any) -> int:
        """Look at all newlines, which takes as long whatever a text of many lines or a long row has in it."""
        newlines = np.flatnonzero(characters == _NEWLINE)
        quotes_before = np.searchsorted(np.flatnonzero(is_quote), newlines)
        ends = newlines[quotes_before % 2 == self._quoted]
        return int(ends[-1]) + 1 if len(ends) else 0


def _is_odd(is_quote: Any) -> bool:
    return bool(np.count_nonzero(is_quote) % 2)
