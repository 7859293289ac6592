"""Appending Arrow data to a table by COPY FROM STDIN."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from queue import Queue
from typing import Any

import jpype

from cockroach_pipelines.database.arrow.describe import describe_prepared, prepare
from cockroach_pipelines.database.arrow.encoding import Encoding, encoding_for
from cockroach_pipelines.database.arrow.errors import UnrepresentableInArrowError
from cockroach_pipelines.database.arrow.incoming import ColumnNames, Incoming, quoted
from cockroach_pipelines.database.arrow.sent_rows import SentRows
from cockroach_pipelines.database.arrow.server import reads_binary_well
from cockroach_pipelines.database.arrow.worker import ConnectionWorker
from cockroach_pipelines.database.errors import StatementError, statement_error
from cockroach_pipelines.database.jvm import java

_PIECES_AHEAD = 2
_PIECE_BYTES = 1 << 22
_END = b""


@dataclass(frozen=True)
class WriteResult:
    """What a write came to: rows that the table took, and bytes that were sent."""

    rows: int
    bytes: int


def write(jdbc: Any, table: str, data: Any, columns: ColumnNames | None = None) -> WriteResult:
    """Append rows to a table, all of them or none.

    The server is asked for the types of the columns, and values are brought to them here when nothing is lost by it.
    They travel in the binary format where every column has one, else as CSV, in which the server converts what it can:
    text may become an enum, a range or an address. A timestamp without a zone that meets a timestamptz is taken in the
    session's time zone. In a DataFrame NaN is NULL, as everywhere in pandas. The transaction is the caller's to commit,
    or to roll back after an error.

    Args:
        jdbc: An open `java.sql.Connection` of pgjdbc with autocommit off.
        table: The table's name, quoted and qualified as it stands in SQL.
        data: A `pa.Table`, `pa.RecordBatch`, `pa.RecordBatchReader` or iterable of batches, a `pandas.DataFrame`, or
            anything with `__arrow_c_stream__`.
        columns: Names of the table's columns, unquoted: in the order of the data's, or as a mapping from the data's
            names, of which the others are left out. The data's own names when None.

    Raises:
        UnsupportedTypeError: A column's Arrow type has no counterpart in the database.
        UnrepresentableInArrowError: A value does not fit its column, or is finer than the database keeps; has the row.
        StatementError: The server refused the rows; `server.row` is the failing row's index where it named one.
        ValueError: `table` is no name, or `columns` does not fit the data.
    """
    return send(jdbc, Incoming(table, data, columns))


def send(jdbc: Any, incoming: Incoming) -> WriteResult:
    """Append rows to their table; see `write`."""
    sender = _Sender(jdbc, incoming)
    sent, size = SentRows(), 0
    try:
        sender.start()
        encoding = sender.encoding()
        for batch in incoming.batches(_PIECE_BYTES):
            try:
                encoded = encoding.encode(batch)
            except UnrepresentableInArrowError as error:
                raise error if error.row is None else error.in_row(sent.count + error.row) from error
            sent.add(batch.num_rows, encoded if encoding.is_text else None)
            size += len(encoded)
            sender.send(encoded)
        return WriteResult(sender.finish(), size)
    except StatementError as error:
        sender.close()
        raise sent.located(error) from error
    except BaseException:
        sender.close()
        raise


class _Sender(ConnectionWorker):
    """Sends one COPY FROM STDIN piece by piece, while the caller encodes the next one."""

    def __init__(self, jdbc: Any, incoming: Incoming) -> None:
        super().__init__(jdbc, "arrow-sender")
        self._jdbc = jdbc
        self._target, self._schema = incoming.target, incoming.schema
        self._select = f"SELECT {', '.join(map(quoted, incoming.columns))} FROM {incoming.table}"
        self._encoding: Future[Encoding] = Future()
        self._pieces: Queue[Any] = Queue(_PIECES_AHEAD)
        self._operation: Any = None
        self._rows = 0

    def encoding(self) -> Encoding:
        """Wait, interruptibly, until the server has described the table, and give how rows are to be encoded.

        Raises:
            DatabaseError: There is no such table or column, or it was stopped.
        """
        return self._wait_for(self._encoding)

    def send(self, piece: Any) -> None:
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
        encoding = encoding_for(self._columns(), self._schema, binary=reads_binary_well(self._jdbc))
        self._encoding.set_result(encoding)
        api = self._jdbc.unwrap(java("org.postgresql.PGConnection")).getCopyAPI()
        self._operation = api.copyIn(f"COPY {self._target} FROM STDIN WITH ({encoding.options})")
        self._write(encoding.header)
        while piece := self._take_from(self._pieces):
            self._write(piece)
        self._write(encoding.trailer)
        self._rows = int(self._operation.endCopy())

    def _columns(self) -> Any:
        try:
            with closing(prepare(self._jdbc, self._select, ())) as statement:
                return describe_prepared(statement, self._select, "error").columns
        except StatementError as error:  # its position is in a text that nobody wrote
            raise statement_error(replace(error.server, position=None)) from error.__cause__

    def _write(self, piece: Any) -> None:
        if piece:
            # A direct buffer: the conversion of bytes to a Java array runs at 0.4 GB/s.
            buffer = jpype.nio.convertToDirectBuffer(bytearray(piece))
            self._operation.writeToCopy(java("org.postgresql.util.ByteStreamWriter").of(buffer))

    def _leave(self) -> None:
        try:
            if self._operation is not None and self._operation.isActive():
                self._operation.cancelCopy()  # of a COPY FROM alone the driver reads the server's answer
        finally:
            self._jdbc = self._operation = None

    def _over(self) -> None:
        if not self._encoding.done():
            self._encoding.set_exception(self.outcome or RuntimeError("the table was not described"))
        self._stopping.set()  # a caller that waits for room wakes up

    def _raise_outcome(self) -> None:
        self._wait_for_end()
        if self.outcome is not None:
            raise self.outcome
        self._raise_cancelled()
