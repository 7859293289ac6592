"""Columns and rows of a JDBC result, read as the server's text."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jpype

from cockroach_pipelines.database.errors import DatabaseError
from cockroach_pipelines.database.jvm import java
from cockroach_pipelines.database.sqlstate import exception_chain, java_sql_error
from cockroach_pipelines.database.values import (
    FIRST_UNFIXED_OID,
    NAME_BY_OID,
    Converter,
    array_converter,
    built_in_converter,
)


class ResultTooLargeError(DatabaseError):
    """The driver had to hold more rows at once than its memory takes; it may have closed the connection."""


@dataclass(frozen=True)
class Column:
    """One column of a result: the number of its type in `pg_type`, the type's modifier, the converter of its texts."""

    name: str
    oid: int
    modifier: int
    convert: Converter

    @property
    def type_name(self) -> str:
        """The server's name of a type that `database.values` converts; empty for one that stays text."""
        return NAME_BY_OID.get(self.oid, "")

    @property
    def precision_and_scale(self) -> tuple[int, int] | tuple[None, None]:
        """What a `numeric(p, s)` declares; None for any other column."""
        if self.type_name != "numeric" or self.modifier < 0:
            return None, None
        packed = self.modifier - 4  # PostgreSQL's make_numeric_typmod: 16 bits of precision, 11 bits of signed scale
        return packed >> 16 & 0xFFFF, (packed & 0x7FF ^ 0x400) - 0x400


class Converters:
    """Gives the converter of a type by its number in `pg_type`, asking the catalogue once for a type of users.

    Args:
        jdbc: The connection whose catalogue is asked; no result may be open on it.
    """

    def __init__(self, jdbc: Any) -> None:
        self._jdbc = jdbc
        self._known: dict[int, Converter] = {}

    def get(self, oid: int) -> Converter:
        """Give the converter; a type that nothing is known of stays text."""
        if oid not in self._known:
            self._known[oid] = built_in_converter(oid) if oid < FIRST_UNFIXED_OID else self._user_type(oid)
        return self._known[oid]

    def _user_type(self, oid: int) -> Converter:
        statement = self._jdbc.prepareStatement(
            "SELECT t.typbasetype, t.typcategory, e.oid, e.typdelim FROM pg_catalog.pg_type t"
            " LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem WHERE t.oid = ?"
        )
        try:
            statement.setLong(1, oid)
            row = statement.executeQuery()
            if not row.next():
                return str
            base, is_array, element = int(row.getLong(1)), str(row.getString(2)) == "A", int(row.getLong(3))
            delimiter = str(row.getString(4))
        finally:
            statement.close()
        if base:
            return self.get(base)
        return array_converter(self.get(element), delimiter) if is_array and element else str


def columns(metadata: Any, converters: Converters) -> list[Column]:
    """Give the columns that a `java.sql.ResultSetMetaData` of pgjdbc describes; none where it is None."""
    if metadata is None:
        return []
    described = []
    for index in range(1, int(metadata.getColumnCount()) + 1):
        field = _field_method().invoke(metadata, [java("java.lang.Integer")(index)])
        oid = int(field.getOID())
        described.append(Column(str(field.getColumnLabel()), oid, int(field.getMod()), converters.get(oid)))
    return described


@functools.cache
def _field_method() -> Any:
    """Give the way to `org.postgresql.core.Field`: the public methods ask the catalogue for types and nullability."""
    metadata = java("org.postgresql.jdbc.PgResultSetMetaData")
    method = metadata.class_.getDeclaredMethod("getField", [jpype.JInt.class_])
    method.setAccessible(True)
    return method


class Rows:
    """The rows of one statement as the server's text, read from the driver or kept when its result had to end.

    Args:
        statement: The executed `java.sql.PreparedStatement`, closed after the last row.
        width: Number of columns.
        in_pieces: Whether the server still holds a part of the result.
    """

    def __init__(self, statement: Any, width: int, *, in_pieces: bool) -> None:
        self._statement = statement
        result = statement.getResultSet()
        self._next, self._text = result.next, result.getString
        self._indexes = range(1, width + 1)
        self._kept: deque[list[str | None]] = deque()
        self._open = True
        self.abandoned = not in_pieces
        """Whether the rest may be left on the server when the rows are finished."""
        self.lost = False
        """Whether unread rows went with their transaction."""

    def next(self) -> list[str | None] | None:
        """Give the next row, None when there is none.

        Raises:
            StatementError: The server ended the statement.
        """
        self.abandoned = True
        if self._kept:
            return self._kept.popleft()
        return self._from_driver()

    def keep(self) -> None:
        """Read what is left into memory, so that the connection can serve another statement."""
        try:
            while (row := self._from_driver()) is not None:
                self._kept.append(row)
        finally:
            self.close()

    def finish(self) -> None:
        """End the result; one of which no row was asked for runs to its end first, for its functions' effects."""
        try:
            with driver_errors():
                while self._open and not self.abandoned and self._next():
                    pass
        finally:
            self.close()

    def close(self) -> None:
        """End the result where it stands."""
        if self._open:
            self._open = False
            with driver_errors():
                self._statement.close()

    def _from_driver(self) -> list[str | None] | None:
        if not self._open:
            return None
        with driver_errors():
            if not self._next():
                self.close()
                return None
            text = self._text
            return [None if (value := text(index)) is None else str(value) for index in self._indexes]


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn exceptions of the driver into this project's errors."""
    try:
        yield
    except jpype.JException as error:
        if any(isinstance(link, java("java.lang.OutOfMemoryError")) for link in exception_chain(error)):
            raise ResultTooLargeError(
                "The result does not fit into the memory of the Java virtual machine.",
                advice="Read it in pieces (in a transaction, with a smaller fetch_rows for large values), or as Arrow.",
            ) from None
        # The text of a failed batch repeats the statement with its values; the server's own words are the cause.
        failed_batch = isinstance(error, java("java.sql.BatchUpdateException"))
        raise java_sql_error((failed_batch and error.getCause()) or error) from None
