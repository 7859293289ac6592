"""PEP 249 access through jaydebeapi, with every value right and the errors of this project.

jaydebeapi's own converters corrupt values (fractions of seconds, offsets, decimals, bytes), its cursor asks the
server's catalogue for every description, and it raises Java's exceptions. Here a value is the server's text turned into
Python by `database.values`, a parameter goes through `database.binding`, and every error is a `DatabaseError` of
`database.errors`: PEP 249's `Error`, `DatabaseError`, `IntegrityError`, `ProgrammingError`, `OperationalError` and
`InterfaceError` are names for the nearest of these, on this module and on the connection.

Parameters are written `?`; the operator `?` of jsonb is written `??`. A connection and its cursors belong to one thread
at a time.
"""

from __future__ import annotations

import atexit
import itertools
import re
import threading
import warnings
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its source has an invalid escape, which Python reports when it compiles the file
    import jaydebeapi

from cockroach_pipelines.database.binding import bind_all
from cockroach_pipelines.database.errors import (
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    InvalidStatementError,
    UnrepresentableValueError,
)
from cockroach_pipelines.database.jvm import java
from cockroach_pipelines.database.results import Column, Converters, Rows, columns, driver_errors

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"

Error = DatabaseError
IntegrityError = ConstraintError
ProgrammingError = InvalidStatementError
OperationalError = ConnectionLostError


class InterfaceError(DatabaseError):
    """The cursor or the connection was used in a way that it does not serve."""


FETCH_ROWS = 1000
"""Rows that the driver holds at once while a result is read inside a transaction."""
_BATCH_ROWS = 1000
_DESCRIBED_STATEMENTS = 256  # remembered at once

# A statement that writes runs to its end before its rows are read, or closing the cursor early would end it half way.
_MAY_WRITE = re.compile(r"\b(?:insert|update|upsert|delete|merge|call)\b", re.IGNORECASE)

_TYPE_CODES = {
    "bool": jaydebeapi.NUMBER,
    "bytea": jaydebeapi.BINARY,
    "date": jaydebeapi.DATE,
    "float4": jaydebeapi.FLOAT,
    "float8": jaydebeapi.FLOAT,
    "int2": jaydebeapi.NUMBER,
    "int4": jaydebeapi.NUMBER,
    "int8": jaydebeapi.NUMBER,
    "numeric": jaydebeapi.DECIMAL,
    "oid": jaydebeapi.NUMBER,
    "time": jaydebeapi.TIME,
    "timetz": jaydebeapi.TIME,
    "timestamp": jaydebeapi.DATETIME,
    "timestamptz": jaydebeapi.DATETIME,
}
Description = tuple[str, Any, None, None, int | None, int | None, None]


def dbapi_connection(jdbc: Any) -> Connection:
    """Give the PEP 249 connection of a `java.sql.Connection`: the same one as long as anything refers to it.

    There is one because the driver can have one unread result at a time, which every cursor has to know of.
    """
    with _connections_lock:
        connection = _connections.get(jdbc)
        if connection is None:
            connection = _connections[jdbc] = Connection(jdbc)
        return connection


def forget_connection(jdbc: Any) -> None:
    """Let go of the PEP 249 connection of a `java.sql.Connection` that is closed.

    An entry that outlives the virtual machine could not be removed any more: its key is hashed there.
    """
    with _connections_lock:
        _connections.pop(jdbc, None)


class Connection(jaydebeapi.Connection):  # type: ignore[misc]
    """A PEP 249 connection; made by `dbapi_connection`.

    Args:
        jdbc: An open connection of pgjdbc, with autocommit off where transactions are wanted.
    """

    Error = Error
    DatabaseError = DatabaseError
    InterfaceError = InterfaceError
    IntegrityError = IntegrityError
    ProgrammingError = ProgrammingError
    OperationalError = OperationalError

    def __init__(self, jdbc: Any) -> None:
        super().__init__(jdbc, Converters(jdbc))
        self._closed = False
        self._described: set[str] = set()
        self._unread: weakref.ref[Cursor] | None = None
        self._unread_rows: Rows | None = None
        with driver_errors():
            # After five runs of a statement the driver would ask for binary values and print them in its own way:
            # {1,2} becomes {"1","2"}. The server's text is the only reading that stays the same.
            base = jdbc.unwrap(java("org.postgresql.core.BaseConnection"))
            base.getQueryExecutor().setBinaryReceiveOids(java("java.util.HashSet")())

    @property
    def closed(self) -> bool:
        """Whether the connection was closed, here or below."""
        return bool(self._closed or self.jconn.isClosed())

    def cursor(self) -> Cursor:
        """Give a new cursor.

        Raises:
            InterfaceError: The connection is closed.
        """
        self.require_open()
        return Cursor(self, self._converters)

    def commit(self) -> None:
        """Commit the transaction; nothing is left to do where autocommit is on. Unread rows can still be fetched."""
        self.require_open()
        self.keep_unread_rows()
        with driver_errors():
            if not self.jconn.getAutoCommit():
                self.jconn.commit()

    def rollback(self) -> None:
        """Roll the transaction back, dropping unread rows; nothing is left to do where autocommit is on."""
        self.require_open()
        self._drop_unread_rows()
        with driver_errors():
            if not self.jconn.getAutoCommit():
                self.jconn.rollback()

    def close(self) -> None:
        """End the connection, rolling back what was not committed; a closed one stays closed."""
        if not self._closed:
            self._closed = True
            self._drop_unread_rows()
            with driver_errors():
                self.jconn.close()

    def require_open(self) -> None:
        """Raise InterfaceError when the connection is closed."""
        if self.closed:
            raise InterfaceError(
                "The connection is closed.", advice="Open another one; a connection cannot be reopened."
            )

    def learn_types(self, operation: str, statement: Any) -> None:
        """Ask the catalogue for the types of a statement's columns, which cannot be asked once its result is open."""
        if operation not in self._described:
            if len(self._described) == _DESCRIBED_STATEMENTS:
                self._described.clear()
            columns(statement.getMetaData(), self._converters)
            self._described.add(operation)

    def keep_unread_rows(self) -> None:
        """Read the rest of the open result into memory, before anything else may use the connection.

        CockroachDB refuses another statement while a result is open (0A000), and a commit ends the result. To be called
        before the JDBC connection is used directly.
        """
        cursor, rows = self._forget_unread_rows()
        if rows is not None:
            if cursor is None:
                rows.close()  # nobody can fetch them any more
            else:
                rows.keep()

    def _drop_unread_rows(self) -> None:
        _, rows = self._forget_unread_rows()
        if rows is not None:
            rows.lost = True
            rows.close()

    def watch(self, cursor: Cursor, rows: Rows) -> None:
        """Remember the result that is open on the connection."""
        self._unread, self._unread_rows = weakref.ref(cursor), rows

    def _forget_unread_rows(self) -> tuple[Cursor | None, Rows | None]:
        cursor, rows = self._unread() if self._unread else None, self._unread_rows
        self._unread = self._unread_rows = None
        return cursor, rows


_connections: weakref.WeakValueDictionary[Any, Connection] = weakref.WeakValueDictionary()
_connections_lock = threading.Lock()
atexit.register(_connections.clear)  # before the virtual machine goes, which hashes the keys


class Cursor(jaydebeapi.Cursor):  # type: ignore[misc]
    """A PEP 249 cursor; made by `Connection.cursor`.

    Inside a transaction a result is read in pieces of `fetch_rows` rows, so that any size fits into memory. A statement
    with a word that may write, and any statement under autocommit, arrives whole. `rowcount` is -1 after a query.

    A query of which no row was fetched runs to its end when the cursor leaves it, for the effects of its functions.
    """

    def __init__(self, connection: Connection, converters: Converters) -> None:
        super().__init__(connection, converters)
        self.arraysize = 1
        self.fetch_rows = FETCH_ROWS
        self._rows: Rows | None = None
        self._columns: list[Column] = []
        self._closed = False

    @property
    def connection(self) -> Connection:
        """The connection that made this cursor."""
        connection: Connection = self._connection
        return connection

    @property
    def description(self) -> list[Description] | None:
        """Name, type object of jaydebeapi, None, None, precision, scale, None of each column; None without a result.

        Precision and scale are those of a `numeric(p, s)`, None for anything else.
        """
        described: list[Description] = []
        for column in self._columns:
            type_code = _TYPE_CODES.get(column.type_name, jaydebeapi.STRING)
            described.append((column.name, type_code, None, None, *column.precision_and_scale, None))
        return None if self._rows is None else described

    def execute(self, operation: str, parameters: Sequence[object] | None = None) -> Self:
        """Run one statement and give this cursor.

        Args:
            operation: The statement, with `?` for each parameter.
            parameters: A list or tuple of their values; see `database.binding`.

        Raises:
            StatementError: The server refused the statement or ended it.
            UnbindableValueError: A value cannot be bound.
            InterfaceError: Cursor or connection is closed, or the parameters are no sequence.
        """
        self._begin()
        with self._preparing(operation) as statement:
            self._bind(statement, () if parameters is None else parameters)
            in_pieces = self._is_read_in_pieces(operation)
            if in_pieces:
                statement.setFetchSize(self.fetch_rows)
                self.connection.learn_types(operation, statement)
            if statement.execute():
                self._columns = columns(statement.getResultSet().getMetaData(), self._converters)
                self._rows = Rows(statement, len(self._columns), in_pieces=in_pieces)
                if in_pieces:
                    self.connection.watch(self, self._rows)
            else:
                self.rowcount = int(statement.getUpdateCount())
                statement.close()
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Sequence[object]]) -> Self:
        """Run one statement for each sequence of values, in batches, and give this cursor.

        `rowcount` is the sum over all runs, and -1 where the driver joined INSERTs and the server did not say.

        Raises:
            StatementError: The server refused one of the runs.
            UnbindableValueError: A value cannot be bound.
            InterfaceError: Cursor or connection is closed, or parameters are no sequence.
        """
        self._begin()
        with self._preparing(operation) as statement:
            counts: list[int] = []
            remaining = iter(seq_of_parameters)
            while batch := list(itertools.islice(remaining, _BATCH_ROWS)):
                for parameters in batch:
                    self._bind(statement, parameters)
                    statement.addBatch()
                counts.extend(int(count) for count in statement.executeBatch())
            self.rowcount = -1 if any(count < 0 for count in counts) else sum(counts)
            statement.close()
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Give the next row, None when there is none.

        Raises:
            UnrepresentableValueError: Python has no value for one in the row; the next call gives the next row.
            StatementError: The server ended the statement.
            InterfaceError: There is no result to fetch from.
        """
        rows = self._rows
        if self._closed or rows is None:
            raise InterfaceError(
                "There is no result to fetch from.",
                advice="Execute a statement that returns rows on this cursor, and fetch before closing it.",
            )
        if rows.lost:
            raise InterfaceError(
                "The rows ended with their transaction, which was rolled back.",
                advice="Fetch all rows before the rollback.",
            )
        texts = rows.next()
        return None if texts is None else self._convert(texts)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Give the next `size` rows, `arraysize` of them when None; fewer at the end. See `fetchone`."""
        return list(itertools.islice(self, self.arraysize if size is None else size))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give all remaining rows; see `fetchone`."""
        return list(self)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None and self._rows is not None:
            self._rows.abandoned = True  # after an error nothing runs on for its effects
        self.close()

    def close(self) -> None:
        """Free the statement; a closed cursor stays closed."""
        if not self._closed:
            self._closed = True
            self._end_rows()

    def _begin(self) -> None:
        if self._closed:
            raise InterfaceError("The cursor is closed.", advice="Take another one from the connection.")
        self.connection.require_open()
        self._end_rows()
        self.rowcount = -1
        self.connection.keep_unread_rows()

    def _end_rows(self) -> None:
        rows, self._rows, self._columns = self._rows, None, []
        if rows is not None and not self.connection.closed:
            rows.finish()

    @contextmanager
    def _preparing(self, operation: str) -> Iterator[Any]:
        """Give the prepared statement, and free it after an error."""
        with driver_errors():
            statement = self.connection.jconn.prepareStatement(operation)
            try:
                yield statement
            except BaseException:
                self._rows, self._columns = None, []
                statement.close()
                raise

    def _is_read_in_pieces(self, operation: str) -> bool:
        return bool(
            self.fetch_rows > 0 and not self.connection.jconn.getAutoCommit() and not _MAY_WRITE.search(operation)
        )

    @staticmethod
    def _bind(statement: Any, parameters: Sequence[object]) -> None:
        if isinstance(parameters, (str, bytes)) or not isinstance(parameters, Sequence):
            raise InterfaceError(
                f"Parameters came as a {type(parameters).__name__}.",
                advice="Give a list or tuple with one value for each `?`: (value,) for a single one.",
            )
        bind_all(statement, parameters)

    def _convert(self, texts: list[str | None]) -> tuple[Any, ...]:
        values: list[Any] = []
        try:
            for column, text in zip(self._columns, texts, strict=True):
                values.append(None if text is None else column.convert(text))
        except (ValueError, ArithmeticError) as error:
            position = len(values)  # of the value that did not join the others
            raise UnrepresentableValueError(
                f"Column {position + 1}, {self._columns[position].name!r}, holds a value that Python lacks: {error}.",
                advice="Cast the column to text in the statement, or replace the value there.",
            ) from None
        return tuple(values)
