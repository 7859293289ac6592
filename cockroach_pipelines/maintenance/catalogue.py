"""What a server knows of a table: columns, indexes, about how many rows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockroach_pipelines.database import CockroachDBConnection, Dialect, ServerMessage, statement_error
from cockroach_pipelines.database.catalogue import MAY_BE_NULL, bytewise_sql
from cockroach_pipelines.queries.parsing import TableName, parse_table_name


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: As the catalogue has it.
        type: What a text is cast to so that it compares with the column.
        nullable: Whether it may be NULL.
        bytewise: Whether text in it is ordered by its bytes.
    """

    name: str
    type: str
    nullable: bool
    bytewise: bool = True


@dataclass(frozen=True)
class Index:
    """An index: its columns in order, and why it cannot give rows in that order, where it cannot."""

    name: str
    columns: tuple[str, ...]
    unique: bool
    unusable: str = ""


@dataclass(frozen=True)
class TableShape:
    """A table: its columns, its indexes, and about how many rows it has by the server's statistics, if there are any."""

    columns: Mapping[str, Column]
    indexes: tuple[Index, ...]
    rows: int | None

    def index_of(self, key: Sequence[str]) -> Index | None:
        """Give an index that gives rows in the order of a key."""
        fitting = [index for index in self.indexes if not index.unusable and index.columns[: len(key)] == tuple(key)]
        return min(fitting, key=lambda index: (len(index.columns), index.name), default=None)

    def is_unique(self, key: Sequence[str]) -> bool:
        """Whether no two rows have the same key."""
        return any(
            index.unique and not index.unusable and set(index.columns) <= set(key) and not self._nullable(index)
            for index in self.indexes
        )

    def _nullable(self, index: Index) -> bool:
        return any(self.columns[name].nullable for name in index.columns if name in self.columns)


def describe(connection: CockroachDBConnection, table: str) -> TableShape:
    """Ask for a table's columns, indexes and size.

    Raises:
        StatementError: There is no such table, or it may not be seen.
    """
    if connection.version.dialect is Dialect.COCKROACHDB:
        return _of_cockroachdb(connection, table)
    return _of_postgresql(connection, table)


def _of_postgresql(connection: CockroachDBConnection, table: str) -> TableShape:
    columns = {
        name: Column(name, kind, nullable, bytewise)
        for name, kind, nullable, bytewise in connection.query(
            f"SELECT a.attname::text, format_type(a.atttypid, -1), {MAY_BE_NULL}, {bytewise_sql(connection.version)} "
            "FROM pg_attribute AS a LEFT JOIN pg_collation AS c ON c.oid = a.attcollation "
            "WHERE a.attrelid = CAST(? AS regclass) AND a.attnum > 0 AND NOT a.attisdropped",
            [table],
        )
    }
    indexes = [
        Index(name, tuple(json.loads(names)), unique, _unusable(partial, expression, method, directions, collations))
        for name, names, unique, partial, expression, method, directions, collations in connection.query(
            "SELECT r.relname::text, to_json(array_agg(a.attname::text ORDER BY k.n))::text, i.indisunique, "
            "i.indpred IS NOT NULL, i.indexprs IS NOT NULL, m.amname::text, count(DISTINCT i.indoption[CAST(k.n - 1 AS int4)] & 1), "
            "bool_and(i.indcollation[CAST(k.n - 1 AS int4)] = coalesce(a.attcollation, 0)) "
            "FROM pg_index AS i JOIN pg_class AS r ON r.oid = i.indexrelid JOIN pg_am AS m ON m.oid = r.relam "
            "CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, n) "
            "LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0 "
            "WHERE i.indrelid = CAST(? AS regclass) AND i.indisvalid "
            "GROUP BY r.relname, i.indexrelid, i.indisunique, i.indpred IS NOT NULL, i.indexprs IS NOT NULL, m.amname",
            [table],
        )
    ]
    ((rows,),) = connection.query(
        "SELECT CAST(sum(CASE WHEN reltuples >= 0 AND relkind <> 'p' THEN reltuples END) AS int8) FROM pg_class "
        "WHERE oid = CAST(? AS regclass) OR oid IN (SELECT relid FROM pg_partition_tree(CAST(? AS regclass)))",
        [table, table],
    )
    return TableShape(columns, tuple(indexes), rows)


def _unusable(partial: bool, expression: bool, method: str, directions: int, collations: bool) -> str:
    if partial:
        return "it is partial"
    if expression:
        return "it is of an expression"
    if method != "btree":
        return f"a {method} index has no order"
    if directions > 1:
        return "its columns have different directions"
    return "" if collations else "its collation is not that of its columns"


def _of_cockroachdb(connection: CockroachDBConnection, table: str) -> TableShape:
    name = parse_table_name(table)
    columns = {
        column: Column(column, str(kind), nullable == "YES", "COLLATE" not in str(kind).upper())
        for column, kind, nullable in connection.query(*cockroachdb_columns(name))
    }
    if not columns:
        raise statement_error(ServerMessage("42P01", f'relation "{table}" does not exist'))
    partial = {
        index for index, definition in connection.query(*cockroachdb_indexes(name)) if _PARTIAL.search(definition)
    }
    found: dict[str, list[tuple[str, bool, bool]]] = {}
    for index, column, descending, not_unique in connection.query(cockroachdb_index_columns(table)):
        found.setdefault(index, []).append((column, bool(descending), bool(not_unique)))
    indexes = tuple(
        Index(
            index,
            tuple(column for column, _, _ in parts),
            unique=not parts[0][2],
            unusable="it is partial"
            if index in partial
            else "its columns have different directions"
            if len({descending for _, descending, _ in parts}) > 1
            else "",
        )
        for index, parts in found.items()
    )
    statistics = connection.query(cockroachdb_statistics(table))
    return TableShape(columns, indexes, int(statistics[0][0]) if statistics else None)


_PARTIAL = re.compile(r"\sWHERE\s", re.IGNORECASE)


def cockroachdb_columns(table: TableName) -> tuple[str, list[object]]:
    """Give the query for name, type and nullability of a table's columns."""
    schema, values = _in_schema("table_schema", table)
    return (
        "SELECT column_name, crdb_sql_type, is_nullable FROM information_schema.columns "
        f"WHERE {schema} AND table_name = ?",
        [*values, table.name],
    )


def cockroachdb_indexes(table: TableName) -> tuple[str, list[object]]:
    """Give the query for names and definitions of a table's indexes."""
    schema, values = _in_schema("schemaname", table)
    return f"SELECT indexname, indexdef FROM pg_indexes WHERE {schema} AND tablename = ?", [*values, table.name]


def cockroachdb_index_columns(table: str) -> str:
    """Give the query for the columns of a table's indexes, in order."""
    return (
        "SELECT index_name, column_name, direction = 'DESC', non_unique FROM "
        f"[SHOW INDEXES FROM {table}] WHERE NOT storing AND NOT implicit ORDER BY index_name, seq_in_index"
    )


def cockroachdb_statistics(table: str) -> str:
    """Give the query for the number of rows by the latest statistics."""
    return f"SELECT row_count FROM [SHOW STATISTICS FOR TABLE {table}] ORDER BY created DESC LIMIT 1"


def _in_schema(column: str, table: TableName) -> tuple[str, list[object]]:
    return (f"{column} = ?", [table.schema]) if table.schema else (f"{column} = current_schema()", [])
