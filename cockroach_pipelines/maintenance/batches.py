"""One batch within its transaction: which rows, where it ends, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from cockroach_pipelines.database import CockroachDBConnection, Dialect
from cockroach_pipelines.database.arrow import Special, read
from cockroach_pipelines.maintenance.catalogue import Column
from cockroach_pipelines.maintenance.composed import ComposedSQL
from cockroach_pipelines.maintenance.cursor import Key
from cockroach_pipelines.maintenance.errors import GuardError
from cockroach_pipelines.maintenance.ranges import RangeSQL, as_texts, quoted
from cockroach_pipelines.queries import Batch, PagedStatement
from cockroach_pipelines.queries.headers import AFTER, BATCH_SIZE

Keep = Callable[[Any], str]
"""Writes the deleted rows of a batch, a `pa.Table`, to a file that is safe when it returns, and gives its name."""


@dataclass(frozen=True)
class Touched:
    """What a batch did: rows, its last key (None behind the last row), whether nothing is left, and the file of its rows."""

    rows: int
    last: Key | None
    finishes: bool
    archive: str | None = None


class Batches(Protocol):
    """A way to touch the next rows."""

    def touch(self, connection: CockroachDBConnection, after: Key | None, rows: int, keep: Keep | None) -> Touched:
        """Delete or update about so many rows after a key, in the transaction of the connection.

        Raises:
            StatementError: The server refused; its place is the line of the SQL file.
        """


@dataclass(frozen=True)
class RangeBatches:
    """Batches of a statement that is narrowed to a range of keys."""

    sql: RangeSQL
    special: Special

    def touch(self, connection: CockroachDBConnection, after: Key | None, rows: int, keep: Keep | None) -> Touched:
        """See `Batches.touch`."""
        found = self.sql.end_of_batch(after, rows).query(connection)
        last = tuple(map(str, found[0])) if found else None
        batch = self.sql.batch(after, last, returning=keep is not None)
        if keep is None:
            return Touched(batch.execute(connection), last, finishes=last is None)
        table = returned(connection, batch, self.special)
        archive = keep(table) if table.num_rows else None
        return Touched(table.num_rows, last, last is None, archive)


# What an SQL expression of a type gives that is just below a value; text has nothing below it but the empty one.
_BELOW = {
    "smallint": "CAST(? AS numeric) - 1",
    "integer": "CAST(? AS numeric) - 1",
    "bigint": "CAST(? AS numeric) - 1",
    "numeric": "CAST(? AS numeric) - 1",
    "date": "CAST(? AS date) - 1",
    "timestamp without time zone": "CAST(? AS timestamp) - INTERVAL '1 microsecond'",
    "timestamp with time zone": "CAST(? AS timestamptz) - INTERVAL '1 microsecond'",
}
_TEXTS = frozenset({"text", "character varying"})
_PLAIN_TYPES = {
    **dict.fromkeys(("int2", "smallint"), "smallint"),
    **dict.fromkeys(("int4", "integer"), "integer"),
    **dict.fromkeys(("int8", "int", "bigint"), "bigint"),
    **dict.fromkeys(("decimal", "numeric"), "numeric"),
    "date": "date",
    **dict.fromkeys(("timestamp", "timestamp without time zone"), "timestamp without time zone"),
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), "timestamp with time zone"),
    **dict.fromkeys(("string", "text"), "text"),
    **dict.fromkeys(("varchar", "character varying"), "character varying"),
    "uuid": "uuid",
}
PAGED_TYPES = frozenset(_PLAIN_TYPES.values())
"""Types of keys that a statement can page by."""


def plain_type(declared: str) -> str:
    """Give the one name of a type that both databases have; as it is where only one has it."""
    name = declared.lower().partition("(")[0].strip()
    return _PLAIN_TYPES.get(name, name)


@dataclass(frozen=True)
class PageBatches:
    """Batches of a statement that pages by itself.

    Attributes:
        batch: The file's rules.
        statement: The author's.
        key: Columns of the key, in order.
        values: What the author's own parameters are bound to.
    """

    batch: Batch
    statement: PagedStatement
    key: Sequence[Column]
    values: Mapping[str, object]
    special: Special

    def touch(self, connection: CockroachDBConnection, after: Key | None, rows: int, keep: Keep | None) -> Touched:
        """See `Batches.touch`."""
        start = after or self.before_the_first(connection)
        if start is None:
            return Touched(0, None, finishes=True)
        table = returned(connection, self.sql(start, rows), self.special)
        if not table.num_rows:
            # Others may have taken all the rows that the first attempt had chosen: a second one sees what they left.
            table = returned(connection, self.sql(start, rows), self.special)
        if not table.num_rows:
            return Touched(0, None, finishes=True)
        return Touched(table.num_rows, self._last(connection, table), False, keep(table) if keep else None)

    def sql(self, after: Key, rows: int) -> ComposedSQL:
        """Give the author's statement for the rows after a key."""
        paging = {f"{AFTER}{column.name}": text for column, text in zip(self.key, after, strict=True)}
        return ComposedSQL().add_bound(self.statement.statement.bound, {**self.values, **paging, BATCH_SIZE: rows})

    def _first_key(self, connection: CockroachDBConnection) -> Key | None:
        order = ", ".join(quoted(column.name) for column in self.key)
        texts = as_texts(column.name for column in self.key)
        rows = connection.query(f"SELECT {texts} FROM {self.batch.rules.table} ORDER BY {order} LIMIT 1")
        return tuple(map(str, rows[0])) if rows else None

    def before_the_first(self, connection: CockroachDBConnection) -> Key | None:
        """Give a key below the lowest of the table; None of an empty one."""
        first = self._first_key(connection)
        if first is None:
            return None
        kind, lowest = plain_type(self.key[0].type), first[0]
        if kind in _BELOW:
            ((below,),) = connection.query(f"SELECT CAST({_BELOW[kind]} AS text)", [lowest])
            return (str(below), *first[1:])
        if kind in _TEXTS and lowest:
            return ("", *first[1:])
        if kind == "uuid" and (number := int(lowest.replace("-", ""), 16)):
            digits = f"{number - 1:032x}"
            return ("-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])), *first[1:])
        raise GuardError(
            f"The lowest {self.key[0].name} has nothing below it that :{AFTER}{self.key[0].name} could begin with.",
            place=self.batch.place("key"),
            advice="Write the statement without :after_… and :batch_size: it is narrowed to its batches then.",
        )

    def _last(self, connection: CockroachDBConnection, table: Any) -> Key:
        """Let the server say which of the returned keys is the last."""
        arrays = [table[column.name].cast(pa.string()).to_pylist() for column in self.key]
        names = [f"k{number}" for number in range(len(self.key))]
        unnested = ", ".join(f"CAST(CAST(? AS text[]) AS {column.type}[])" for column in self.key)
        postgresql = connection.version.dialect is Dialect.POSTGRESQL
        order = ", ".join(
            f"""{name}{' COLLATE "C"' if postgresql and plain_type(column.type) in _TEXTS else ""} DESC"""
            for name, column in zip(names, self.key, strict=True)
        )
        ((*key,),) = connection.query(
            f"SELECT {as_texts(names)} FROM unnest({unnested}) AS u ({', '.join(names)}) ORDER BY {order} LIMIT 1",
            arrays,
        )
        return tuple(map(str, key))


def returned(connection: CockroachDBConnection, sql: ComposedSQL, special: Special) -> Any:
    """Run a statement and give the rows that it returns, a numeric without a scale as its text: files agree on it."""
    # COPY, which is many times faster, takes a DELETE with RETURNING on PostgreSQL alone.
    copy = connection.version.dialect is Dialect.POSTGRESQL
    with sql.located(numbered=False):
        stream = read(connection.jdbc, sql.text, sql.values, special=special, copy=copy)
        try:
            with stream:
                return pa.Table.from_batches(list(stream), stream.schema)
        finally:
            connection.broken |= stream.tainted
