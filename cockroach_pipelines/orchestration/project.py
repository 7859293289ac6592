"""A folder of SQL as Dagster definitions."""

import re
from collections.abc import Iterable
from keyword import iskeyword
from pathlib import Path

import dagster as dg

from cockroach_pipelines.config import ConfigManager, ConfigurationError, DatabaseConfig
from cockroach_pipelines.database import Dialect
from cockroach_pipelines.orchestration.assets import IO_MANAGER, asset_key, sql_asset
from cockroach_pipelines.orchestration.automation import automation_sensor
from cockroach_pipelines.orchestration.broken import broken_asset
from cockroach_pipelines.orchestration.io_manager import ParquetIOManager
from cockroach_pipelines.orchestration.migrations import migration_assets
from cockroach_pipelines.orchestration.partition_keys import partition_key_sensors
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.orchestration.schedules import sql_schedule
from cockroach_pipelines.orchestration.sensors import FolderState, project_sensors
from cockroach_pipelines.queries import Query, SQLRepository, TableName

_CATALOGUES = frozenset({"information_schema", "pg_catalog", "crdb_internal"})


def build_definitions(config: ConfigManager) -> dg.Definitions:
    """Give the definitions of the SQL folder that the configuration names.

    Nothing is connected to. A file that cannot be used becomes an asset that says so; a file for another dialect than
    its connection's is shown and cannot be run.
    """
    settings = config.settings
    for name in settings.connections:
        if not name.isidentifier() or iskeyword(name) or name == IO_MANAGER:
            raise ConfigurationError(
                f"Connection {name!r} ({config.origin(f'connections.{name}')}) cannot be a resource of that name in Dagster.",
                advice="Rename it: use letters, digits and underscores, a letter first.",
            )
    seen = FolderState.of(config)
    repository = SQLRepository(settings.sql_folder, connections=settings.connections)
    runnable = [query for query in repository.queries.values() if _runs_on(query, settings.connections)]
    elsewhere = [query for query in repository.queries.values() if query not in runnable]
    tables = _TableKeys(repository)
    return dg.Definitions(
        assets=[
            *(sql_asset(query, tables.dependencies(query), settings.results_folder) for query in runnable),
            *(_other_dialect(query) for query in elsewhere),
            *(broken_asset(broken) for broken in repository.broken.values()),
            *tables.external_assets(),
            *migration_assets(settings),
        ],
        schedules=[schedule for query in runnable if (schedule := sql_schedule(query))],
        sensors=[
            *automation_sensor(runnable),
            *partition_key_sensors(runnable),
            *project_sensors(config, runnable, seen),
        ],
        resources={
            IO_MANAGER: ParquetIOManager(folder=str(settings.results_folder)),
            **{
                name: CockroachDBResource(connection_name=name, config_file=_path(config.path))
                for name in settings.connections
            },
        },
        # SQL files are short and the work is the database's: a process for each would cost more than it gives.
        executor=dg.in_process_executor,
    )


def _runs_on(query: Query, connections: dict[str, DatabaseConfig]) -> bool:
    if query.comparison:
        return True
    config = connections[query.header.connection]
    known = Dialect.POSTGRESQL if config.embedded else config.dialect
    return known is None or Dialect(known) in query.dialects


def _other_dialect(query: Query) -> dg.AssetSpec:
    wanted = " or ".join(sorted(dialect.value for dialect in query.dialects))
    return dg.AssetSpec(
        asset_key(query.name),
        group_name=query.kind.value,
        description=f"{query.description}\n\n*For {wanted} only: connection `{query.header.connection}` is neither.*",
        kinds={"sql", *(dialect.value for dialect in query.dialects)},
        metadata={"file": dg.MetadataValue.path(str(query.path))},
    )


def _path(path: Path | None) -> str | None:
    return str(path) if path else None


class _TableKeys:
    """Which assets stand for which tables."""

    def __init__(self, repository: SQLRepository) -> None:
        self._repository = repository
        self._dependencies = repository.dependencies()
        self._external = {
            table: readers for table, readers in repository.external_tables().items() if table.schema not in _CATALOGUES
        }

    def dependencies(self, query: Query) -> list[dg.AssetKey]:
        named = {*query.header.depends_on, *query.header.after}  # assets from elsewhere among them
        files = [asset_key(name) for name in sorted({*self._dependencies.get(query.name, ()), *named})]
        tables = {
            self._key(connection, table)
            for table, readers in self._external.items()
            if query.name in readers
            for connection in query.connections_of(table)
        }
        return [*files, *sorted(tables, key=lambda key: list(key.path))]

    def external_assets(self) -> Iterable[dg.AssetSpec]:
        keys = {
            self._key(connection, table)
            for table, readers in self._external.items()
            for reader in readers
            for connection in self._repository.queries[reader].connections_of(table)
        }
        for key in sorted(keys, key=lambda key: list(key.path)):
            yield dg.AssetSpec(
                key,
                group_name="tables",
                kinds={"table"},
                description=f"Table {'.'.join(key.path[1:])} of connection {key.path[0]}; no SQL file here writes it.",
            )

    @staticmethod
    def _key(connection: str, table: TableName) -> dg.AssetKey:
        # Dagster's names are narrower than the database's.
        return dg.AssetKey(
            [re.sub(r"[^A-Za-z0-9_]", "_", part) for part in (connection, table.schema or "public", table.name)]
        )
