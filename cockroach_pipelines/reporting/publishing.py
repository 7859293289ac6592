"""A report's result as a table: all of it or nothing, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.database import CockroachDBConnection
from cockroach_pipelines.execution import Command, Order, Transaction, TransactionalExecutor
from cockroach_pipelines.queries.headers.reporting import Into
from cockroach_pipelines.queries.loading import place_in_header
from cockroach_pipelines.reporting.errors import PublishError

_PLACE = ("report", "into")


@dataclass(frozen=True)
class Published:
    """What became of a table: rows written, and whether it was made."""

    table: str
    rows: int
    made: bool

    def __str__(self) -> str:
        return f"{self.rows:,} rows in {self.table}{', which was made' if self.made else ''}"


def publish_table(writer: TransactionalExecutor, order: Order, into: Into, rows: Path) -> Published:
    """Make a table of a Parquet file of rows; what readers see is the old rows or the new ones.

    The table is made when there is none, with the columns of the result. With a key, rows are upserted; without, they
    take the place of all rows, or of those of the partition.

    Args:
        writer: Runs the transaction, and runs it again after an error that may pass.
        order: What was read.
        into: The table.
        rows: The file.

    Raises:
        PublishError: Rows lie outside of the partition.
        DatabaseError: The server refused; the table is as it was.
    """
    header = order.query.header
    made = _made(writer, order, into, rows)

    def write(connection: CockroachDBConnection) -> int:
        with pq.ParquetFile(rows) as file:
            data = pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())
            if into.key:
                return int(connection.upsert(into.table, data, list(into.key)).rows)
            _delete(connection, order, into)
            written = int(connection.write(into.table, data).rows)
        _refuse_others(connection, order, into, written)
        return written

    transaction = Transaction(timeout=header.timeout, timezone=order.timezone)
    # Whichever way, a second time leaves what the first time left.
    count = writer.run(header.connection, write, transaction, idempotent=True, retries=header.retries)
    return Published(into.table, count, made)


def _window(order: Order, into: Into) -> tuple[str, Sequence[object]] | None:
    if into.partition is None or order.partition is None:
        return None
    column = _quoted(into.partition)
    if order.partition.start is None:
        return f"CAST({column} AS text) = ?", [order.partition.key]
    return f"{column} >= ? AND {column} < ?", [order.partition.start, order.partition.end]


def _delete(connection: CockroachDBConnection, order: Order, into: Into) -> None:
    window = _window(order, into)
    if window:
        connection.execute(f"DELETE FROM {into.table} WHERE {window[0]}", window[1])
    else:
        connection.execute(f"DELETE FROM {into.table} WHERE true")


def _refuse_others(connection: CockroachDBConnection, order: Order, into: Into, written: int) -> None:
    window = _window(order, into)
    if window is None:
        return
    ((inside,),) = connection.query(f"SELECT count(*) FROM {into.table} WHERE {window[0]}", window[1])
    if inside != written:
        raise PublishError(
            f"{written - inside:,} of {written:,} rows lie outside of the partition by {into.partition!r}: another run of "
            f"it would not replace them. {into.table} is as it was.",
            place=place_in_header(order.query.path, (*_PLACE, "partition")),
            advice="Name the column that the statement's condition on :partition_start and :partition_end is about."
            if order.partition and order.partition.start
            else "Name the column that is :partition_key in every row.",
        )


def _made(writer: TransactionalExecutor, order: Order, into: Into, rows: Path) -> bool:
    """Make the table where there is none: outside of the transaction that fills it, for CockroachDB mixes the two badly."""
    connection = order.query.header.connection

    def is_there(lent: CockroachDBConnection) -> bool:
        ((found,),) = lent.query("SELECT to_regclass(?)::text", [into.table])
        return found is not None

    if writer.run(connection, is_there, Transaction(read_only=True)):
        return False
    with pq.ParquetFile(rows) as file:
        columns = [f"{_quoted(field.name)} {_server_type(field)}" for field in file.schema_arrow]
    if into.key:
        columns.append(f"PRIMARY KEY ({', '.join(map(_quoted, into.key))})")
    statement = f"CREATE TABLE IF NOT EXISTS {into.table} ({', '.join(columns)})"
    writer.run_statements(connection, [Command(statement, name=f"CREATE TABLE {into.table}")], idempotent=True)
    return True


def _server_type(field: pa.Field) -> str:
    said = (field.metadata or {}).get(b"pg.type", b"").decode()
    if said:
        return str(said)
    kind = field.type
    for matches, name in (
        (pa.types.is_boolean, "bool"),
        (pa.types.is_integer, "int8"),
        (pa.types.is_floating, "float8"),
        (pa.types.is_decimal, "numeric"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "timestamptz" if getattr(kind, "tz", None) else "timestamp"),
        (pa.types.is_binary, "bytea"),
    ):
        if matches(kind):
            return name
    return "text"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
