"""Results as a stream of Arrow batches."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any, Self

import jpype
import pyarrow as pa

from cockroach_pipelines.database.arrow.convert import fit_decimals
from cockroach_pipelines.database.arrow.copy_out import CopyOut
from cockroach_pipelines.database.arrow.errors import StreamClosedError
from cockroach_pipelines.database.arrow.pump import Pump
from cockroach_pipelines.database.arrow.result_set import ResultRows
from cockroach_pipelines.database.arrow.server import copies_queries
from cockroach_pipelines.database.arrow.source import Source
from cockroach_pipelines.database.arrow.statement import can_be_copied
from cockroach_pipelines.database.arrow.types import SPECIALS, Column, Special


def read(
    jdbc: Any, sql: str, parameters: Sequence[object] = (), *, special: Special = "error", copy: bool | None = None
) -> ArrowStream:
    """Run one statement and stream its result, in bounded memory.

    The connection belongs to the stream until its end, or until `close`. Its session must write text as this package
    reads it: DateStyle=ISO, IntervalStyle=iso_8601, bytea_output=hex, extra_float_digits of 1 or more,
    standard_conforming_strings=on. An error or a cancel leaves the transaction to the caller's rollback.

    Args:
        jdbc: An open `java.sql.Connection` of pgjdbc.
        sql: The statement, with `?` for each parameter (`??` for the operator `?`).
        parameters: Their values, in order.
        special: What becomes of values that Arrow's types cannot hold; see `Special`.
        copy: Whether to read by COPY, which is the fastest, or from a result set. When None, COPY for a statement that
            begins with SELECT, WITH, VALUES or TABLE, unless the server is a CockroachDB before 23.1.

    Raises:
        StatementError: The server refused the statement.
        NoResultError: The statement gives no columns; it did not run.
        MultipleStatementsError: The text holds more than one.
        UnsafeLiteralsError: Parameters cannot be written into a COPY on this session.
    """
    if special not in SPECIALS:
        raise ValueError(f"special is {special!r}, and must be one of {', '.join(SPECIALS)}")
    by_copy = can_be_copied(sql) and copies_queries(jdbc) if copy is None else copy
    source: Source = (CopyOut if by_copy else ResultRows)(jdbc, sql, parameters, special)
    pump = Pump(jdbc, source, special)
    description = pump.begin()
    return ArrowStream(pump, description.columns, description.schema, special)


class PumpedStream:
    """What a pump gives, in the hands of whoever asked for it."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._batches = Batches(pump)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cancel(self) -> None:
        """Ask the server to cancel, from any thread, without waiting; the reader then gets a `CancelledError`.

        Raises:
            DatabaseError: The server could not be asked.
        """
        self._pump.stop()

    def close(self) -> None:
        """End the stream, cancelling what still runs; afterwards the connection is free, or `tainted` and closed."""
        self._batches.close()

    @property
    def tainted(self) -> bool:
        """Whether the connection cannot be used again: it broke, or a cancel might still strike its next statement."""
        return self._pump.tainted


class ArrowStream(PumpedStream):
    """A result that arrives batch by batch; made by `read`.

    Every wait can be interrupted: on KeyboardInterrupt, or any other exception raised in the waiting thread, the
    statement is cancelled on the server and the exception goes on. Dropping the last reference cancels too. It is read
    once, by one thread at a time: iterating, `reader`, `to_table`, `to_pandas` and `__arrow_c_stream__` each go on from
    where the last of them stopped.

    Attributes:
        schema: What the batches have. A numeric without precision and scale is a string here; `to_table` and
            `to_pandas`, which see every value, make it a decimal. Each field's metadata has the server's name of the
            type under `pg.type`.
        reader: The same batches as a `pa.RecordBatchReader`.
    """

    def __init__(self, pump: Pump, columns: tuple[Column, ...], schema: Any, special: Special) -> None:
        super().__init__(pump)
        self._columns = columns
        self._special = special
        self.schema = schema
        self.reader = pa.RecordBatchReader.from_batches(schema, self._batches)

    def __iter__(self) -> Iterator[Any]:
        return self._batches

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.reader.__arrow_c_stream__(requested_schema)

    def to_table(self) -> Any:
        """Read what is left into a `pa.Table`.

        A numeric without precision and scale becomes decimal128 with 38 digits, or decimal256 with 76, with as many
        digits after the point as its longest value; it stays text when it fits neither, and with `special="text"`.

        Raises:
            StatementError: The statement failed, or was cancelled.
            UnrepresentableInArrowError: A value has no counterpart and `special` is `error`.
        """
        table = pa.Table.from_batches(list(self), self.schema)
        if self._special == "text":
            return table
        for position, column in enumerate(self._columns):
            if column.unscaled:
                fitted = fit_decimals(table.column(position), column, self._special)
                table = table.set_column(position, self.schema.field(position).with_type(fitted.type), fitted)
        return table

    def to_pandas(self) -> Any:
        """Read what is left into a `pd.DataFrame` that keeps every value.

        Decimals, lists, dates, times, and integers and booleans with NULL are Arrow-backed; the rest has pandas' types.

        Raises:
            StatementError: The statement failed, or was cancelled.
            UnrepresentableInArrowError: A value has no counterpart and `special` is `error`.
        """
        from cockroach_pipelines.database.arrow.frames import to_pandas

        return to_pandas(self.to_table())

    @property
    def handed_out(self) -> bool:
        """Whether a reader was given rows."""
        return self._batches.handed_out


class Batches:
    """Iterates over what a pump gives, and ends the pump when nobody refers to it any more.

    The user's handle and readers exported to C refer to this; the pump's thread does not.
    """

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._ended = False
        self._failed = False
        self.handed_out = False
        self._abandon = weakref.finalize(self, _abandon, pump)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        if self._failed:
            raise StreamClosedError(
                "The stream was closed before its end, so its rows are not the whole result.",
                advice="Read it to the end before closing it, or run the statement again.",
            )
        try:
            batch = self._pump.take()
        except BaseException:
            self.close()
            raise
        if batch is None:
            self._ended = True
            self._abandon.detach()
            raise StopIteration
        self.handed_out = True
        return batch

    def close(self) -> None:
        """End the pump, whatever it still does."""
        self._failed = not self._ended
        self._pump.close()
        self._abandon.detach()


def _abandon(pump: Pump) -> None:
    if jpype.isJVMStarted():  # else the process ends, and the connection with it
        pump.close()
