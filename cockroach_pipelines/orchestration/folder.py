"""A folder of SQL as assets, for any Dagster project."""

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import dagster as dg

from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.database import Dialect
from cockroach_pipelines.orchestration.assets import sql_asset
from cockroach_pipelines.orchestration.broken import broken_asset
from cockroach_pipelines.orchestration.lineage import Sources
from cockroach_pipelines.orchestration.partitions import asset_dep
from cockroach_pipelines.orchestration.translator import SqlTranslator, asset_key
from cockroach_pipelines.queries import Query, SQLRepository, TableName, header_defaults

_CATALOGUES = frozenset({"information_schema", "pg_catalog", "crdb_internal"})

Asset = dg.AssetsDefinition | dg.AssetSpec


def build_sql_assets(
    folder: Path | str,
    *,
    connections: Mapping[str, DatabaseConfig] | Collection[str] | None = None,
    results_folder: Path | str | None = None,
    defaults: Mapping[str, object] | None = None,
    pool: str | None = None,
    translator: SqlTranslator | None = None,
) -> Sequence[Asset]:
    """Give an asset for every file of a SQL folder, and one for every table that they read and nobody writes.

    Nothing is connected to. A file that cannot be used becomes an asset that says so. Each asset needs the resource of
    its connection's name, a `CockroachDBResource`, and the IO manager `parquet_io_manager`, a `ParquetIOManager` of the
    results' folder; `build_sql_definitions` gives these and the schedules too.

    Args:
        folder: The SQL folder, which holds `queries/`.
        connections: The connections that there are, or their names alone; those of the configuration when silent.
        results_folder: Where results are staged; that of the configuration when silent.
        defaults: Keys of a header that hold for files that are silent: owner, tags, connection, timezone, timeout,
            retries, special.
        pool: One pool for all; when silent each connection has a pool of its name.
        translator: How files and tables are shown.

    Raises:
        QueryFileError: The folder does not exist, or holds no SQL.
        ConfigurationError: The configuration, or a default, is wrong.

    Example:
        >>> defs = dg.Definitions(
        ...     assets=[*build_sql_assets("sql", connections=["warehouse"], results_folder="results")],
        ...     resources={
        ...         "warehouse": CockroachDBResource(connection_name="warehouse", config_file="config.yaml"),
        ...         "parquet_io_manager": ParquetIOManager(folder="results"),
        ...     },
        ... )
    """
    if connections is None or results_folder is None:
        settings = ConfigManager.load().settings
        connections = settings.connections if connections is None else connections
        results_folder = settings.results_folder if results_folder is None else results_folder
    place = Path(folder).absolute()
    return SqlFolder(
        SQLRepository(place, connections, header_defaults(defaults or {})),
        connections if isinstance(connections, Mapping) else {},
        Path(results_folder).absolute(),
        translator or SqlTranslator(place),
        pool,
    ).assets()


class SqlFolder:
    """The files of a SQL folder as Dagster has them.

    Args:
        repository: The files.
        connections: What is known of connections; a file for one dialect only is shown, and cannot be run, where its
            connection is known to have another.
        results_folder: Where results are staged.
        translator: How files and tables are shown.
        pool: One pool for all, or a pool for each connection.
    """

    def __init__(
        self,
        repository: SQLRepository,
        connections: Mapping[str, DatabaseConfig],
        results_folder: Path,
        translator: SqlTranslator,
        pool: str | None = None,
    ) -> None:
        self._repository = repository
        self._results_folder = results_folder
        self._translator = translator
        self._pool = pool
        self.runnable = [query for query in repository.queries.values() if _runs_on(query, connections)]
        """The files that their connection's database can run."""
        runnable = {query.name for query in self.runnable}
        self._elsewhere = [query for query in repository.queries.values() if query.name not in runnable]
        self._tables = _TableAssets(repository, translator)

    def assets(self) -> list[Asset]:
        """Give the assets of files, broken ones included, and of tables."""
        with warnings.catch_warnings():
            # Dagster calls references to code beta; they are metadata, and shown as such where they change.
            warnings.filterwarnings("ignore", message=".*CodeReference", category=dg.BetaWarning)
            return [
                *map(self._asset, self.runnable),
                *map(self._other_dialect, self._elsewhere),
                *(broken_asset(broken) for broken in self._repository.broken.values()),
                *self._tables.specs(),
            ]

    def _asset(self, query: Query) -> dg.AssetsDefinition:
        deps = [asset_dep(query, key) for key in self._tables.dependencies(query)]
        return sql_asset(
            query,
            self._translator.get_asset_spec(query, deps),
            self._results_folder,
            sources=self._tables.sources(query),
            pool=self._pool,
        )

    def _other_dialect(self, query: Query) -> dg.AssetSpec:
        spec = self._translator.get_asset_spec(query)
        wanted = " or ".join(sorted(dialect.value for dialect in query.dialects))
        said = f"*For {wanted} only: connection `{query.header.connection}` is neither.*"
        return spec.replace_attributes(
            description=f"{spec.description}\n\n{said}",
            code_version=None,
            partitions_def=None,
            automation_condition=None,
            freshness_policy=None,
        )


def _runs_on(query: Query, connections: Mapping[str, DatabaseConfig]) -> bool:
    config = connections.get(query.header.connection)
    if query.comparison or config is None:
        return True
    known = Dialect.POSTGRESQL if config.embedded else config.dialect
    return known is None or Dialect(known) in query.dialects


class _TableAssets:
    """Which assets stand for which tables."""

    def __init__(self, repository: SQLRepository, translator: SqlTranslator) -> None:
        self._repository = repository
        self._translator = translator
        self._upstream = repository.dependencies()
        self._writers: dict[TableName, list[str]] = {}
        for name, query in repository.queries.items():
            for table in query.tables_written:
                self._writers.setdefault(table.canonical, []).append(name)
        self._external: dict[str, list[TableName]] = {}
        """Tables that nobody writes, by the file that reads them."""
        for table, readers in repository.external_tables().items():
            for reader in readers if table.schema not in _CATALOGUES else ():
                self._external.setdefault(reader, []).append(table)

    def dependencies(self, query: Query) -> list[dg.AssetKey]:
        """Give the files and tables that a file reads, and what else comes before it."""
        named = {*query.header.depends_on, *query.header.after}  # assets from elsewhere among them
        files = [asset_key(name) for name in sorted({*self._upstream.get(query.name, ()), *named})]
        tables = {
            self._translator.get_table_key(connection, table)
            for table in self._external.get(query.name, ())
            for connection in query.connections_of(table)
        }
        return [*files, *sorted(tables - set(files), key=lambda key: list(key.path))]

    def sources(self, query: Query) -> Sources:
        """Give the assets that stand for the tables that a file reads on its own connection."""
        written = {
            table.canonical: tuple(
                asset_key(name) for name in self._writers.get(table.canonical, ()) if name != query.name
            )
            for table in query.tables_read
        }
        external = {
            table.canonical: self._translator.get_table_key(query.header.connection, table)
            for table in self._external.get(query.name, ())
        }
        return Sources({table: keys for table, keys in written.items() if keys}, external)

    def specs(self) -> Iterable[dg.AssetSpec]:
        """Give the tables that nobody writes."""
        found: dict[dg.AssetKey, dg.AssetSpec] = {}
        for reader, tables in self._external.items():
            for table in tables:
                for connection in self._repository.queries[reader].connections_of(table):
                    spec = self._translator.get_table_spec(connection, table)
                    if spec is not None:
                        found.setdefault(spec.key, spec)
        return [found[key] for key in sorted(found, key=lambda key: list(key.path))]
