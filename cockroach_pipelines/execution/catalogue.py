"""What a server knows of the columns of tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cockroach_pipelines.execution.query_executor import Snapshot
from cockroach_pipelines.queries.parsing import TableName


@dataclass(frozen=True)
class TableColumn:
    """A column as its table declares it."""

    name: str
    type: str
    may_be_null: bool


def table_columns(snapshot: Snapshot, tables: Iterable[TableName]) -> dict[TableName, tuple[TableColumn, ...]]:
    """Ask for the columns of tables and views, in order; those that the server does not know are left out.

    Raises:
        DatabaseError: The server did not answer.
    """
    asked = sorted(set(tables))
    if not asked:
        return {}
    each = (
        "SELECT {number}::int AS number, a.attnum::int AS place, a.attname::text AS name, "
        "format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS may_be_null "
        "FROM pg_catalog.pg_attribute AS a "
        "WHERE a.attrelid = to_regclass(?::text) AND a.attnum > 0 AND NOT a.attisdropped"
    )
    sql = " UNION ALL ".join(each.format(number=number) for number in range(len(asked)))
    names = [".".join(_quoted(part) for part in (table.schema, table.name) if part) for table in asked]
    stream = snapshot.read_text(f"{sql} ORDER BY 1, 2", names)
    with stream:
        rows = stream.to_table().to_pylist()
    found: dict[TableName, list[TableColumn]] = {}
    for row in rows:
        column = TableColumn(row["name"], row["type"], row["may_be_null"])
        found.setdefault(asked[row["number"]], []).append(column)
    return {table: tuple(columns) for table, columns in found.items()}


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'
