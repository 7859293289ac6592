"""What a server knows of a relation: columns, keys, about how many rows."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow as pa

from cockroach_pipelines.database import Dialect, ServerVersion, StatementError
from cockroach_pipelines.database.arrow import NoResultError
from cockroach_pipelines.database.catalogue import MAY_BE_NULL, bytewise_sql
from cockroach_pipelines.reconciliation.columns import Column, RelationShape, literal
from cockroach_pipelines.reconciliation.errors import NoCommonColumnsError, ReconciliationError
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.sides import Reader, Side

_GENERATED_COLUMNS_SINCE = 12
_NO_SUCH_TABLE = "42P01"


def describe(side: Side, reader: Reader) -> RelationShape:
    """Ask for a relation's columns, keys and size.

    Raises:
        StatementError: The relation does not exist, or may not be read.
    """
    try:
        return _described(side, reader)
    except StatementError as error:
        if error.sqlstate == _NO_SUCH_TABLE and _has_folded_capitals(side.relation.table or ""):
            error.advice = f"A name with capitals stands in quotes, '\"Orders\"'. {error.advice}"
        raise


def _has_folded_capitals(table: str) -> bool:
    return any(part != part.lower() for part in table.split('"')[::2])


def _described(side: Side, reader: Reader) -> RelationShape:
    relation = side.relation
    try:
        schema = reader.schema(f"SELECT * FROM {relation.origin}", relation.parameters)
    except NoResultError as error:
        raise NoCommonColumnsError(
            f"The {side.name} has no columns: {relation}.", advice="Compare relations that have some."
        ) from error
    columns = [Column(field.name, _pg_type(field), _declared(field)) for field in schema]
    if twice := next((name for name, times in Counter(schema.names).items() if times > 1), None):
        raise ReconciliationError(
            f"The {side.name} has two columns called {twice!r}.",
            advice="Give each column of its SELECT a name of its own.",
        )
    if side.dialect is Dialect.COCKROACHDB:
        return _of_cockroachdb(relation, reader, columns)
    return _of_postgresql(relation, reader, columns, side.server)


def _pg_type(field: Any) -> str:
    return str((field.metadata or {}).get(b"pg.type", b"text").decode())


def _declared(field: Any) -> str:
    name = _pg_type(field)
    is_limited = name in ("numeric", "decimal") and pa.types.is_decimal(field.type)
    return f"{name}({field.type.precision},{field.type.scale})" if is_limited else name


def _of_postgresql(relation: Relation, reader: Reader, columns: list[Column], server: ServerVersion) -> RelationShape:
    rows = _estimate(relation, reader)
    columns = _with_enums(columns, reader)
    if relation.table is None:
        return RelationShape(tuple(columns), estimated_rows=rows)
    table = f"{literal(relation.table)}::regclass"
    generated = "a.attgenerated <> ''" if server.numbers[0] >= _GENERATED_COLUMNS_SINCE else "false"
    known = {
        name: {
            "declared": declared,
            "nullable": nullable,
            "bytewise": bytewise,
            "computed": computed,
            "numbered": numbered,
        }
        for name, declared, nullable, bytewise, computed, numbered in reader.query(
            f"SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), {MAY_BE_NULL}, {bytewise_sql(server)}, "
            f"{generated}, a.attidentity = 'a' "
            "FROM pg_attribute AS a LEFT JOIN pg_collation AS c ON c.oid = a.attcollation "
            f"WHERE a.attrelid = {table} AND a.attnum > 0 AND NOT a.attisdropped"
        )
    }
    columns = [_replaced(column, **known.get(column.name, {})) for column in columns]
    indexes = [
        (primary, unique, json.loads(names), json.loads(nullable))
        for primary, unique, names, nullable in reader.query(
            "SELECT i.indisprimary, i.indisunique, "
            f"to_json(array_agg(a.attname::text ORDER BY k.n))::text, to_json(bool_or({MAY_BE_NULL}))::text "
            "FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, n) "
            "JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
            "JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS m ON m.oid = x.relam AND m.amname = 'btree' "
            f"WHERE i.indrelid = {table} AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL GROUP BY i.indexrelid, 1, 2"
        )
    ]
    policies, row_bytes = reader.query(
        f"SELECT row_security_active(c.oid), CASE WHEN c.relpages > 0 AND c.reltuples > 0 "
        f"THEN c.relpages * current_setting('block_size')::float8 / c.reltuples END FROM pg_class AS c WHERE c.oid = {table}"
    )[0]
    return RelationShape(
        tuple(columns),
        primary_key=next((tuple(names) for primary, _, names, _ in indexes if primary), ()),
        unique_keys=tuple(frozenset(names) for _, unique, names, nullable in indexes if unique and not nullable),
        estimated_rows=rows,
        indexes=tuple(tuple(names) for _, _, names, _ in indexes),
        has_policies=bool(policies),
        row_bytes=row_bytes,
    )


def _with_enums(columns: list[Column], reader: Reader) -> list[Column]:
    if all(column.family is not Family.OTHER for column in columns):  # an enumeration is of none that is known
        return columns
    enums = {name for (name,) in reader.query("SELECT typname::text FROM pg_type WHERE typtype = 'e'")}
    return [_replaced(column, is_enum=column.pg_type.rpartition(".")[2].strip('"') in enums) for column in columns]


def _replaced(column: Column, **changes: Any) -> Column:
    return Column(**{**vars(column), **changes})


def _estimate(relation: Relation, reader: Reader) -> int | None:
    where = f" WHERE {relation.where}" if relation.where else ""
    parameters = [*relation.parameters, *relation.where_parameters]
    plan = reader.query(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {relation.origin}{where}", parameters)[0][0]
    return int(json.loads(str(plan))[0]["Plan"]["Plan Rows"])


def _of_cockroachdb(relation: Relation, reader: Reader, columns: list[Column]) -> RelationShape:
    if relation.table is None:
        return RelationShape(tuple(columns))
    schema, table = _names(relation.table)
    known = {
        name: {"declared": declared.lower(), "nullable": nullable == "YES", "computed": bool(expression)}
        for name, declared, nullable, expression in reader.query(cockroachdb_columns_sql(schema, table))
    }
    columns = [_replaced(column, **known.get(column.name, {})) for column in columns]
    keys: dict[str, list[str]] = {}
    for kind, name, column in reader.query(cockroachdb_keys_sql(schema, table)):
        keys.setdefault(f"{kind} {name}", []).append(column)
    nullable = {column.name for column in columns if column.may_be_null}
    try:
        with reader.attempt():
            rows = reader.query(cockroachdb_statistics_sql(relation.table))[0][0]
    except StatementError:  # statistics are a convenience: the role may not be allowed to see them
        rows = None
    return RelationShape(
        tuple(columns),
        primary_key=next((tuple(names) for key, names in keys.items() if key.startswith("PRIMARY KEY ")), ()),
        unique_keys=tuple(frozenset(names) for names in keys.values() if not nullable & set(names)),
        estimated_rows=int(rows) if rows is not None else None,
        indexes=tuple(map(tuple, keys.values())),
    )


def _names(table: str) -> tuple[str | None, str]:
    from cockroach_pipelines.queries.parsing import SQLParser  # it takes 30 MB, and PostgreSQL reads names itself

    (name,) = SQLParser().parse(f"SELECT 1 FROM {table}").tables_read
    return name.schema or None, name.name


def _in_schema(schema: str | None, column: str) -> str:
    return f"{column} = {literal(schema)}" if schema else f"{column} = current_schema()"


def cockroachdb_columns_sql(schema: str | None, table: str) -> str:
    """Give the query for name, type, nullability and computing expression of a table's columns."""
    return (
        "SELECT column_name, crdb_sql_type, is_nullable, generation_expression FROM information_schema.columns "
        f"WHERE {_in_schema(schema, 'table_schema')} AND table_name = {literal(table)}"
    )


def cockroachdb_keys_sql(schema: str | None, table: str) -> str:
    """Give the query for the columns of a table's primary key and unique constraints, in order."""
    return (
        "SELECT c.constraint_type, c.constraint_name, k.column_name FROM information_schema.table_constraints AS c "
        "JOIN information_schema.key_column_usage AS k ON k.constraint_name = c.constraint_name "
        "AND k.table_schema = c.table_schema AND k.table_name = c.table_name "
        f"WHERE {_in_schema(schema, 'c.table_schema')} AND c.table_name = {literal(table)} "
        "AND c.constraint_type IN ('PRIMARY KEY', 'UNIQUE') ORDER BY 1, 2, k.ordinal_position"
    )


def cockroachdb_statistics_sql(table: str) -> str:
    """Give the query for the number of rows by the latest statistics."""
    return f"SELECT row_count FROM [SHOW STATISTICS FOR TABLE {table}] ORDER BY created DESC LIMIT 1"
