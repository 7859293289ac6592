"""Appending Arrow data to a table by COPY FROM STDIN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Queue
from typing import Any

import jpype

from cockroach_pipelines.database.arrow.encode import csv_of
from cockroach_pipelines.database.arrow.worker import ConnectionWorker
from cockroach_pipelines.database.jvm import java

_PIECES_AHEAD = 2
_PIECE_BYTES = 1 << 22
_END = b""


@dataclass(frozen=True)
class WriteResult:
    """What a `write` sent: rows, and bytes of CSV."""

    rows: int
    bytes: int


def write(jdbc: Any, table: str, data: Any, columns: Sequence[str] | None = None) -> WriteResult:
    """Append rows to a table, all of them or none.

    Text travels as CSV and the server converts it to the types of its columns: text may become uuid or json, a list an
    array, a uuid or json extension array its counterpart. A timestamp without a zone that meets a timestamptz is taken
    in the session's time zone. The transaction is the caller's to commit, or to roll back after an error.

    Args:
        jdbc: An open `java.sql.Connection` of pgjdbc with autocommit off.
        table: The table's name, quoted and qualified as it stands in SQL.
        data: A `pa.Table`, `pa.RecordBatchReader`, or anything with `__arrow_c_stream__`.
        columns: Names of the table's columns, unquoted, in the order of the data's; the data's own names when None.

    Raises:
        UnsupportedTypeError: A column's Arrow type has no counterpart in the database.
        UnrepresentableInArrowError: A value is finer than a microsecond.
        StatementError: The server refused the rows.
        ValueError: There are not as many `columns` as the data has.
    """
    reader = _reader(data)
    names = list(reader.schema.names if columns is None else columns)
    if len(names) != len(reader.schema):
        raise ValueError(f"columns names {len(names)} columns and the data has {len(reader.schema)}")
    target = f"{table} ({', '.join(map(_quoted, names))})"
    sender = _Sender(jdbc, f"COPY {target} FROM STDIN WITH (FORMAT csv)")
    size = 0
    try:
        sender.start()
        for piece in _pieces(reader):
            encoded = csv_of(piece)
            size += len(encoded)
            sender.send(encoded)
        return WriteResult(sender.finish(), size)
    except BaseException:
        sender.close()
        raise


def _reader(data: Any) -> Any:
    import pyarrow as pa

    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, pa.Table):
        return data.to_reader()
    return pa.RecordBatchReader.from_stream(data)


def _pieces(reader: Any) -> Iterator[Any]:
    """Cut batches so that each is about four mebibytes."""
    for batch in reader:
        if batch.num_rows == 0:
            continue
        rows = max(1, batch.num_rows * _PIECE_BYTES // max(batch.nbytes, 1))
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Sender(ConnectionWorker):
    """Sends one COPY FROM STDIN piece by piece, while the caller encodes the next one."""

    def __init__(self, jdbc: Any, copy: str) -> None:
        super().__init__(jdbc, "arrow-sender")
        self._jdbc = jdbc
        self._copy = copy
        self._pieces: Queue[bytes] = Queue(_PIECES_AHEAD)
        self._operation: Any = None
        self._rows = 0

    def send(self, piece: bytes) -> None:
        """Wait for room, interruptibly, and hand a piece over.

        Raises:
            DatabaseError: The COPY failed meanwhile.
        """
        if not self._put_into(self._pieces, piece):
            self._raise_outcome()

    def finish(self) -> int:
        """Wait for the server's word, interruptibly, and give the number of rows it took.

        Raises:
            DatabaseError: The COPY failed.
        """
        self.send(_END)
        self._wait_for_end()
        if self.outcome is not None:
            raise self.outcome
        return self._rows

    def _work(self) -> None:
        api = self._jdbc.unwrap(java("org.postgresql.PGConnection")).getCopyAPI()
        self._operation = api.copyIn(self._copy)
        of_buffer = java("org.postgresql.util.ByteStreamWriter").of
        while piece := self._take_from(self._pieces):
            # A direct buffer: the conversion of bytes to a Java array runs at 0.4 GB/s.
            self._operation.writeToCopy(of_buffer(jpype.nio.convertToDirectBuffer(bytearray(piece))))
        self._rows = int(self._operation.endCopy())

    def _leave(self) -> None:
        try:
            if self._operation is not None and self._operation.isActive():
                self._operation.cancelCopy()  # of a COPY FROM alone the driver reads the server's answer
        finally:
            self._jdbc = self._operation = None

    def _over(self) -> None:
        self._stopping.set()  # a caller that waits for room wakes up

    def _raise_outcome(self) -> None:
        self._wait_for_end()
        if self.outcome is not None:
            raise self.outcome
        self._raise_cancelled()
