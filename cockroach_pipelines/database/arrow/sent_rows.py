"""Which row of the data a COPY failed at."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from cockroach_pipelines.database.errors import StatementError, statement_error

_CONTEXT = re.compile(r"^COPY .*?, line (?P<line>\d+)(?:, column (?P<column>[^:\n]+))?", re.MULTILINE)
_KEPT = 4  # more than lies between this process and the server's parser


@dataclass(frozen=True)
class _Piece:
    first_row: int
    first_line: int
    text: bytes
    """The CSV, where its lines are not its rows."""


class SentRows:
    """Remembers how the lines that the server counts relate to rows: a value in CSV may hold line ends."""

    def __init__(self) -> None:
        self.count = 0
        self._lines = 0
        self._pieces: deque[_Piece] = deque(maxlen=_KEPT)

    def add(self, rows: int, csv: bytes | None) -> None:
        """Note a piece of so many rows, sent as CSV or in the binary format, where each row is a line."""
        lines = rows if csv is None else csv.count(b"\n")
        self._pieces.append(_Piece(self.count, self._lines, b"" if csv is None or lines == rows else csv))
        self.count += rows
        self._lines += lines

    def located(self, error: StatementError) -> StatementError:
        """Give the server's error with the row and the column that it names."""
        context = _CONTEXT.search(error.server.context)
        if context is None:
            return error
        server = replace(error.server, row=self._row(int(context["line"]) - 1), column=context["column"])
        return statement_error(server, place=error.place)

    def _row(self, line: int) -> int | None:
        """Give the row that ends with a line; both are counted from 0."""
        for piece in reversed(self._pieces):
            if piece.first_line <= line:
                return piece.first_row + _rows_before(piece.text, line - piece.first_line)
        return None


def _rows_before(text: bytes, line: int) -> int:
    if not text:
        return line
    characters = np.frombuffer(text, np.uint8)
    line_ends = np.flatnonzero(characters == ord("\n"))[:line]
    quotes_before = np.searchsorted(np.flatnonzero(characters == ord('"')), line_ends)
    return int(np.count_nonzero(quotes_before % 2 == 0))
