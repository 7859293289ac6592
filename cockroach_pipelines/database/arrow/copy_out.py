"""The result of a query by COPY (…) TO STDOUT."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import jpype

from cockroach_pipelines.database.arrow.blocks import RowCutter
from cockroach_pipelines.database.arrow.describe import Description, describe_with_literals
from cockroach_pipelines.database.arrow.errors import UnreadableDataError
from cockroach_pipelines.database.arrow.marks import RARE, USUAL, Marks
from cockroach_pipelines.database.arrow.server import takes_any_quote
from cockroach_pipelines.database.arrow.statement import single_statement
from cockroach_pipelines.database.arrow.types import Special
from cockroach_pipelines.database.jvm import java

_FIRST_READ = 1 << 16  # makes small results cheap and the first batch early
_READ = 1 << 20
# A buffer lives long enough to leave the virtual machine's small place for new objects: to make one for each statement
# would let its heap grow to the limit.
_used_buffers: deque[Any] = deque(maxlen=4)


class Cutter(Protocol):
    """Finds where rows end in pieces of a stream; see `RowCutter`."""

    def end_of_rows(self, piece: Any) -> int:
        """Give how many bytes of a piece end with a row; 0 when no row ends in it."""


class CopyOut:
    """Blocks of a `COPY … TO STDOUT` in CSV; see `Source`.

    The stream is never closed and the COPY never cancelled through the driver: it would not read on to the server's
    answer, and the next statement would get it.
    """

    def __init__(
        self, jdbc: Any, sql: str, parameters: Sequence[object], special: Special, marks: Marks | None = None
    ) -> None:
        self.marks: Marks = marks or (RARE if takes_any_quote(jdbc) else USUAL)
        self._jdbc = jdbc
        self._sql = sql
        self._parameters = parameters
        self._special = special
        self._literal_sql = ""
        self._stream: Any = None
        self._buffer: Any = None
        self._kept = 0  # bytes at the start of the buffer, of a row that the last block ended before
        self._ended = False
        self._cutter: Cutter = RowCutter(self.marks)

    @property
    def copy_format(self) -> str:
        """What the COPY is told of its format."""
        return self.marks.copy_format

    def describe(self) -> Description:
        """Give the columns, and render the parameters as literals."""
        sql = single_statement(self._sql)
        description, self._literal_sql = describe_with_literals(self._jdbc, sql, self._parameters, self._special)
        return description

    def open(self) -> None:
        """Start the COPY; blocks until the server flushes its first 8 KiB."""
        connection = self._jdbc.unwrap(java("org.postgresql.PGConnection"))
        # The newline ends a comment at the end of the statement.
        copy = f"COPY ({self._literal_sql}\n) TO STDOUT WITH ({self.copy_format})"
        self._stream = java("org.postgresql.copy.PGCopyInputStream")(connection, copy)
        self._buffer = jpype.JArray(jpype.JByte)(_FIRST_READ)

    def next_block(self) -> bytes:
        """Give the next whole rows; a row larger than a read takes several."""
        pieces = []
        while not self._ended:
            piece, is_whole = self._read()
            pieces.append(piece)
            if is_whole:
                break
        block = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if block and not self._ends_whole(block):
            raise UnreadableDataError("The server's rows ended in the middle of one.")
        return block

    @property
    def runs(self) -> bool:
        """Whether the COPY is still under way."""
        return self._stream is not None and bool(self._stream.isActive())

    def drain(self) -> None:
        """Read to the end of the COPY or the error of its cancel."""
        self._stream.transferTo(java("java.io.OutputStream").nullOutputStream())

    def close(self) -> None:
        """Let go of every Java object."""
        if self._buffer is not None and len(self._buffer) == _READ:
            _used_buffers.append(self._buffer)
        self._jdbc = self._stream = self._buffer = None

    def _ends_whole(self, block: bytes) -> bool:
        return block.endswith(b"\n")

    def _read(self) -> tuple[bytes, bool]:
        """Fill the buffer; give its whole rows, or all of it when no row ends in it, and whether a row ends there."""
        size = len(self._buffer)
        length = self._kept + int(self._stream.readNBytes(self._buffer, self._kept, size - self._kept))
        self._ended = length < size
        # Each view is a copy of the buffer, and while one is open, new ones would show the old bytes.
        with memoryview(self._buffer) as view:
            end = length if self._ended else self._cutter.end_of_rows(view[:length])
            piece = view[: end or length].tobytes()
        self._keep(end or length, length)
        return piece, end > 0

    def _keep(self, start: int, end: int) -> None:
        old = self._buffer
        if len(old) < _READ:
            self._buffer = _large_buffer()
        self._kept = end - start
        java("java.lang.System").arraycopy(old, start, self._buffer, 0, self._kept)


def _large_buffer() -> Any:
    try:
        return _used_buffers.pop()
    except IndexError:
        return jpype.JArray(jpype.JByte)(_READ)
