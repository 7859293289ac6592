"""How files and tables are called and shown in Dagster."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from cockroach_pipelines.orchestration.automation import automation_condition
from cockroach_pipelines.orchestration.code_references import CODE_REFERENCES, code_references
from cockroach_pipelines.orchestration.freshness import freshness_policy
from cockroach_pipelines.orchestration.partitions import partitions_definition
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.parsing import TableName

CONNECTIONS = "connections"
"""Name of the metadata that says which connections an asset uses."""


def asset_key(name: str) -> dg.AssetKey:
    """Give the key of the asset that a file of that name is."""
    return dg.AssetKey(name.split("/"))


def group_name(name: str) -> str:
    """Give the group of a file: its folders, `reporting_finance` for what stands in `reporting/finance`."""
    return "_".join(name.split("/")[:-1])


@dataclass(frozen=True)
class SqlTranslator:
    """Says what an asset is like in Dagster; a subclass says it otherwise.

    Example:
        >>> class Ours(SqlTranslator):
        ...     def get_asset_spec(self, query: Query, deps: Sequence[dg.AssetDep] = ()) -> dg.AssetSpec:
        ...         spec = super().get_asset_spec(query, deps)
        ...         return spec.merge_attributes(tags={"cost_centre": "4711"}, owners=["team:network"])
        ...
        ...     def get_table_key(self, connection: str, table: TableName) -> dg.AssetKey:
        ...         return dg.AssetKey(["ingest", table.name])  # the assets of this project that fill the tables

    Args:
        sql_folder: The SQL folder.
        source_url: Where its files can be read; see `code_references.page`.
        tables: Assets that stand for tables, by `connection.schema.table`.
    """

    sql_folder: Path = Path("sql")
    source_url: str | None = None
    tables: Mapping[str, dg.AssetKey] = field(default_factory=dict)

    def get_asset_spec(self, query: Query, deps: Sequence[dg.AssetDep] = ()) -> dg.AssetSpec:
        """Give all that is shown of a file. The key is the file's path; schedules and checks count on it."""
        return dg.AssetSpec(
            asset_key(query.name),
            deps=deps,
            partitions_def=partitions_definition(query.header),
            automation_condition=automation_condition(query),
            freshness_policy=freshness_policy(query.header),
            description=query.description or None,
            group_name=group_name(query.name),
            owners=list(query.header.owners),
            tags=dict(query.header.tags),
            kinds={"sql", *(dialect.value for dialect in query.dialects)},
            metadata={
                "file": dg.MetadataValue.path(str(query.path)),
                CODE_REFERENCES: code_references(query, self.sql_folder, self.source_url),
                CONNECTIONS: ", ".join(query.connections),
            },
            code_version=query.code_version,
        )

    def get_table_key(self, connection: str, table: TableName) -> dg.AssetKey:
        """Give the asset that stands for a table that no file writes."""
        parts = (connection, table.schema or "public", table.name)
        if known := self.tables.get(".".join(parts)):
            return known
        # Dagster's names are narrower than the database's.
        return dg.AssetKey([re.sub(r"[^A-Za-z0-9_]", "_", part) for part in parts])

    def get_table_spec(self, connection: str, table: TableName) -> dg.AssetSpec | None:
        """Give what is shown of such a table; None when the asset that stands for it is defined elsewhere."""
        key = self.get_table_key(connection, table)
        name = f"{table.schema or 'public'}.{table.name}"
        if f"{connection}.{name}" in self.tables:
            return None
        return dg.AssetSpec(
            key,
            group_name="tables",
            kinds={"table"},
            description=f"Table {name} of connection {connection}; no SQL file here writes it.",
        )
