"""A folder of SQL as Dagster definitions."""

import gc
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from keyword import iskeyword
from pathlib import Path

import dagster as dg

from cockroach_pipelines.config import ConfigManager, ConfigurationError
from cockroach_pipelines.orchestration.assets import IO_MANAGER
from cockroach_pipelines.orchestration.automation import automation_sensor
from cockroach_pipelines.orchestration.folder import SqlFolder
from cockroach_pipelines.orchestration.io_manager import ParquetIOManager
from cockroach_pipelines.orchestration.migrations import migration_assets
from cockroach_pipelines.orchestration.partition_keys import partition_key_sensors
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.orchestration.schedules import sql_schedule
from cockroach_pipelines.orchestration.sensors import FolderState, project_sensors, watch_sensor
from cockroach_pipelines.orchestration.translator import SqlTranslator
from cockroach_pipelines.queries.headers import header_defaults
from cockroach_pipelines.queries.loading import SQLRepository, checked_prefix, collecting_rarely

_MANY = 100


def build_definitions(config: ConfigManager) -> dg.Definitions:
    """Give the definitions of the SQL folder that the configuration names, as a project of their own.

    See `build_sql_definitions`, which other projects merge with theirs. Here migrations, the sensors of the project and
    notifications come along, and runs are in one process.
    """
    seen = FolderState.of(config)
    return dg.Definitions.merge(
        build_sql_definitions(config.settings.sql_folder, config),
        dg.Definitions(
            assets=migration_assets(config.settings),
            sensors=project_sensors(config, seen),
            # SQL files are short and the work is the database's: a process for each would cost more than it gives.
            executor=dg.in_process_executor,
        ),
    )


def build_sql_definitions(
    folder: Path,
    config: ConfigManager,
    *,
    defaults: Mapping[str, object] | None = None,
    pool: str | None = None,
    translator: SqlTranslator | None = None,
    provide_resources: bool = True,
    key_prefix: str | Sequence[str] | None = None,
) -> dg.Definitions:
    """Give the definitions of a SQL folder: assets, checks, schedules, sensors, and the resources of every
    connection.

    Nothing is connected to. A file that cannot be used becomes an asset that says so; a file for another dialect than
    its connection's is shown and cannot be run.

    Args:
        folder: The SQL folder, which holds `queries/`.
        config: The connections.
        defaults: Keys of a header that hold for files that are silent; see `build_sql_assets`.
        pool: One pool for all; when None each connection has a pool of its name.
        translator: How files and tables are shown.
        provide_resources: Whether the resources come along; not where the project has its own of these names.
        key_prefix: What the keys of all files begin with; see `build_sql_assets`.

    Raises:
        QueryFileError: The folder, or `queries/` in it, does not exist.
        ConfigurationError: A default or the prefix is wrong, or the name of a connection cannot be that of a resource.
    """
    settings = config.settings
    _refuse_names(config, settings.connections)
    shared, prefix = header_defaults(defaults or {}), checked_prefix(key_prefix)
    with collecting_rarely():
        repository = SQLRepository(
            folder, settings.connections, shared, settings.cache_folder, prefix, may_be_empty=True
        )
        shown = translator or SqlTranslator(folder, settings.source_url)
        sql = SqlFolder(
            repository, settings.connections, settings.results_folder, shown, pool, shares_tables=bool(prefix)
        )
        definitions = dg.Definitions(
            assets=sql.assets(),
            schedules=[schedule for query in sql.runnable if (schedule := sql_schedule(query))],
            sensors=[
                *automation_sensor(sql.runnable, prefix),
                *partition_key_sensors(sql.runnable),
                *(sensor for query in sql.runnable if (sensor := watch_sensor(query))),
            ],
            resources=_resources(config, pool) if provide_resources else {},
        )
        if len(sql.runnable) >= _MANY:
            gc.freeze()  # they stay as long as the process: the collector need not look at them again and again
        return definitions


def _refuse_names(config: ConfigManager, connections: Iterable[str]) -> None:
    for name in connections:
        if not name.isidentifier() or iskeyword(name) or name == IO_MANAGER:
            raise ConfigurationError(
                f"Connection {name!r} ({config.origin(f'connections.{name}')}) cannot be a resource of that name in Dagster.",
                advice="Rename it: use letters, digits and underscores, a letter first.",
            )


def _resources(config: ConfigManager, pool: str | None) -> dict[str, object]:
    path = str(config.path) if config.path else None
    return {
        IO_MANAGER: _io_manager(str(config.settings.results_folder)),
        **{name: _connection(name, path, pool) for name in config.settings.connections},
    }


# Dagster merges definitions that have a resource in common only if it is one and the same object.
@cache
def _connection(name: str, config_file: str | None, pool: str | None) -> CockroachDBResource:
    return CockroachDBResource(connection_name=name, config_file=config_file, pool=pool)


@cache
def _io_manager(folder: str) -> ParquetIOManager:
    return ParquetIOManager(folder=folder)
