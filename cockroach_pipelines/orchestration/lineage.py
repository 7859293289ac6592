"""Where the columns of an asset come from, and what columns the tables have that it reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from cockroach_pipelines.database import DatabaseError
from cockroach_pipelines.execution import Activity, Snapshot, TableColumn, table_columns
from cockroach_pipelines.orchestration.failures import shown
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.parsing import Statement, TableName, column_origins, parse_table_name

COLUMN_SCHEMA = "dagster/column_schema"
COLUMN_LINEAGE = "dagster/column_lineage"


@dataclass(frozen=True)
class Sources:
    """The assets that stand for the tables that a file reads, by the tables' canonical names.

    Args:
        written: Tables that other files write, with those files.
        external: Tables that no file writes.
    """

    written: Mapping[TableName, tuple[dg.AssetKey, ...]] = field(default_factory=dict)
    external: Mapping[TableName, dg.AssetKey] = field(default_factory=dict)

    def keys(self, table: TableName) -> tuple[dg.AssetKey, ...]:
        """Give the assets that stand for a table."""
        name = table.canonical
        return (self.external[name],) if name in self.external else self.written.get(name, ())


def lineage_metadata(
    context: dg.AssetExecutionContext, query: Query, statement: Statement, sources: Sources
) -> dict[str, Any]:
    """Give the lineage of an asset's columns, and the columns of the table that maintenance or a report's `into` fills.

    What is found out of the tables of others on the way is recorded at them, where it is news. All of it is a
    convenience: when the server does not answer, the log says so and the asset is well.
    """
    into = query.report.into if query.report else None
    filled = [parse_table_name(into.table)] if into else statement.parsed.tables_written
    written = _only([table for table in filled if not table.catalog])
    tables = {table for table in statement.parsed.tables_read if not table.is_system and not table.catalog}
    try:
        columns = _columns(context, query, tables | ({written} if written else set()))
    except DatabaseError as error:
        context.log.warning(f"The columns of its tables are not known: {shown(error)}")
        return {}
    for table in sorted(tables & set(columns)):
        if key := sources.external.get(table.canonical):
            _observe(context, key, columns[table])
    metadata: dict[str, Any] = {}
    if written in columns:
        metadata[COLUMN_SCHEMA] = _schema(columns[written])
    if lineage := dict(_deps(statement, columns, sources)):
        metadata[COLUMN_LINEAGE] = dg.TableColumnLineage(lineage)
    return metadata


def _columns(
    context: dg.AssetExecutionContext, query: Query, tables: set[TableName]
) -> dict[TableName, tuple[TableColumn, ...]]:
    resource: CockroachDBResource = getattr(context.resources, query.header.connection)
    reader = resource.reader(Activity(asset=query.name, run=context.run.run_id))

    def ask(snapshot: Snapshot) -> dict[TableName, tuple[TableColumn, ...]]:
        return table_columns(snapshot, tables)

    return reader.run(query.header.connection, ask, staged=True, retries=0) if tables else {}


def _deps(
    statement: Statement, columns: Mapping[TableName, Sequence[TableColumn]], sources: Sources
) -> Iterator[tuple[str, list[dg.TableColumnDep]]]:
    names = {table: [column.name for column in known] for table, known in columns.items()}
    for name, origins in column_origins(statement, names).items():
        deps = [dg.TableColumnDep(key, origin.column) for origin in origins for key in sources.keys(origin.table)]
        if deps:
            yield name, deps


def _observe(context: dg.AssetExecutionContext, key: dg.AssetKey, columns: Sequence[TableColumn]) -> None:
    schema = _schema(columns)
    known = context.instance.fetch_observations(key, limit=1).records
    last = known[0].asset_observation.metadata.get(COLUMN_SCHEMA) if known and known[0].asset_observation else None
    if last is None or last.value != schema:
        context.log_event(dg.AssetObservation(key, metadata={COLUMN_SCHEMA: schema}))


def _schema(columns: Sequence[TableColumn]) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(column.name, column.type, constraints=dg.TableColumnConstraints(nullable=column.may_be_null))
            for column in columns
        ]
    )


def _only(tables: Sequence[TableName]) -> TableName | None:
    return tables[0] if len(tables) == 1 else None
