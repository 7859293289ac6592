"""One value of the database, as text that is equal where the value is."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pyarrow as pa

from cockroach_pipelines.config import PipelinesError, Place
from cockroach_pipelines.database import StatementError, Transaction
from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.execution.query_executor import QueryExecutor, Snapshot
from cockroach_pipelines.execution.session import locate
from cockroach_pipelines.queries.parsing import BoundSQL

_DECIMALS = frozenset({"numeric", "decimal"})


class NoSingleValueError(PipelinesError):
    """A query gave more than one row or column where one value was wanted."""


def ask(
    executor: QueryExecutor, connection: str, query: BoundSQL, *, name: str, timeout: float, retries: int = 1
) -> str | None:
    """Ask a query without parameters for its one value, in a read-only transaction.

    Args:
        executor: Where it is asked.
        connection: Name of the connection.
        query: The query.
        name: What events call it.
        timeout: Seconds that the server gives it.
        retries: Further attempts after an error that may pass.

    Returns:
        The value as the server writes it, in UTC, a numeric without zeros at its end; None for NULL or no row.

    Raises:
        NoSingleValueError: It gives several rows or columns; at most two rows are read.
        StatementError: The server refused the query, or ended it; its place is the line of the SQL file.
    """

    def read(snapshot: Snapshot) -> str | None:
        try:
            with snapshot.narrator.statement(name) as tally, snapshot.read_text(query.text, special="text") as stream:
                value = _single(stream, query.source.place(0))
                tally.rows = int(value is not None)
                return value
        except StatementError as error:
            locate(error, query, numbered=False)
            raise

    return executor.run(connection, read, Transaction(read_only=True, timeout=timeout), staged=True, retries=retries)


def _single(stream: ArrowStream, place: Place) -> str | None:
    if len(stream.schema) != 1:
        raise NoSingleValueError(
            f"The query gives {len(stream.schema)} columns where one value is wanted.",
            place=place,
            advice="Select one column, such as max(updated_at).",
        )
    rows = []
    for batch in stream:
        rows += batch.column(0).slice(0, 2).to_pylist()
        if len(rows) > 1:
            raise NoSingleValueError(
                "The query gives several rows where one value is wanted.",
                place=place,
                advice="Aggregate them, such as by max(updated_at).",
            )
    return _text(rows[0], stream.schema.field(0)) if rows and rows[0] is not None else None


def _text(value: object, field: pa.Field) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal) or (field.metadata or {}).get(b"pg.type", b"").decode() in _DECIMALS:
        return _decimal(str(value))
    return str(value)


def _decimal(text: str) -> str:
    """Write a decimal in its shortest exact form: 1.50 and 1.5 are one value."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite():
        return text
    plain = format(value, "f")
    shortest = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if shortest in ("-0", "0") else shortest
