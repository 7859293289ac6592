"""What can go wrong between the server's text and Arrow.

Each is a `DatabaseError`:

- `UnrepresentableInArrowError`: a value has no counterpart in the type it has to become;
- `UnsupportedTypeError`: an Arrow type has no counterpart in the database;
- `UnreadableDataError`: the server's bytes are not what the columns it described announce;
- `NoResultError`: a statement gives no columns;
- `MultipleStatementsError`: a text holds more than one statement;
- `UnsafeLiteralsError`: values cannot safely be written into the text of a COPY;
- `DuplicateKeyError`: rows that are to be upserted have the same key, a `StatementError`;
- `StreamClosedError`: a stream was closed before its end.
"""

from __future__ import annotations

from dataclasses import replace

from cockroach_pipelines.database.errors import DatabaseError, ServerMessage, StatementError, UnrepresentableValueError

_SHOWN = 80


class UnrepresentableInArrowError(UnrepresentableValueError):
    """A value of a column has no counterpart in the type it has to become.

    Attributes:
        column: The column's name.
        value: The value as text.
        type_name: The value's own type.
        target: The type that cannot hold it.
        row: The row of the data that is written, counted from 0; None for a value of a result.
    """

    def __init__(
        self, column: str, value: str, type_name: str, target: str, *, row: int | None = None, advice: str
    ) -> None:
        shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
        where = f"Column {column!r}" if row is None else f"Column {column!r}, row {row + 1:,}"
        super().__init__(f"{where}: the {type_name} value {shown} has no counterpart in {target}.", advice=advice)
        self.column = column
        self.value = value
        self.type_name = type_name
        self.target = target
        self.row = row

    def in_row(self, row: int) -> UnrepresentableInArrowError:
        """Give the same error of another row."""
        return UnrepresentableInArrowError(
            self.column, self.value, self.type_name, self.target, row=row, advice=self.advice
        )


class UnsupportedTypeError(DatabaseError):
    """An Arrow type has no counterpart in the database."""


class UnreadableDataError(DatabaseError):
    """What the server sent cannot be read as the columns it described."""


class NoResultError(DatabaseError):
    """The statement gives no columns, so there is nothing to read."""


class MultipleStatementsError(DatabaseError):
    """The text holds more than one statement."""


class UnsafeLiteralsError(DatabaseError):
    """This session, or this driver, cannot render values as literals that mean the same as a bind."""


class StreamClosedError(DatabaseError):
    """The stream was closed before its end; what was read so far is not the whole result."""


class DuplicateKeyError(StatementError):
    """Rows that are to be upserted have the same key, and nothing says which of them is meant."""

    def __init__(self, table: str, key: str, value: str, copies: int, server: ServerMessage) -> None:
        detail = f"Key ({key})={value} is that of {copies:,} rows for {table}."
        super().__init__(
            replace(server, detail=detail, hint=""), advice="Keep one row of each key in the data before it is written."
        )
