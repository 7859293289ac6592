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
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.headers import header_defaults
from cockroach_pipelines.queries.loading import SQLRepository, checked_prefix
from cockroach_pipelines.queries.parsing import TableOn

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
    key_prefix: str | Sequence[str] | None = None,
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
        key_prefix: What the keys of all files begin with, such as `finance`, where a project has several folders. Tables
            that no file writes have no prefix, and are left to Dagster: they may be another folder's, too.

    Raises:
        QueryFileError: The folder, or `queries/` in it, does not exist.
        ConfigurationError: The configuration, a default or the prefix is wrong.

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
    place, prefix = Path(folder).absolute(), checked_prefix(key_prefix)
    return SqlFolder(
        SQLRepository(place, connections, header_defaults(defaults or {}), prefix=prefix, may_be_empty=True),
        connections if isinstance(connections, Mapping) else {},
        Path(results_folder).absolute(),
        translator or SqlTranslator(place),
        pool,
        shares_tables=bool(prefix),
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
        shares_tables: Whether tables that no file writes are left to Dagster, which makes one asset of those that several
            folders name.
    """

    def __init__(
        self,
        repository: SQLRepository,
        connections: Mapping[str, DatabaseConfig],
        results_folder: Path,
        translator: SqlTranslator,
        pool: str | None = None,
        *,
        shares_tables: bool = False,
    ) -> None:
        self._repository = repository
        self._results_folder = results_folder
        self._translator = translator
        self._pool = pool
        self._shares_tables = shares_tables
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
                *(() if self._shares_tables else self._tables.specs()),
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
        self._translator = translator
        self._upstream = repository.dependencies()
        self._writers = repository.writers()
        self._external: dict[str, list[TableOn]] = {}
        """Tables that nobody writes, by the file that reads them."""
        for on, readers in repository.external_tables().items():
            for reader in readers if on.table.schema not in _CATALOGUES else ():
                self._external.setdefault(reader, []).append(on)

    def dependencies(self, query: Query) -> list[dg.AssetKey]:
        """Give the files and tables that a file reads, and what else comes before it."""
        named = {*query.header.depends_on, *query.header.after}  # assets from elsewhere among them
        files = [asset_key(name) for name in sorted({*self._upstream.get(query.name, ()), *named})]
        tables = {self._translator.get_table_key(*on) for on in self._external.get(query.name, ())}
        return [*files, *sorted(tables - set(files), key=lambda key: list(key.path))]

    def sources(self, query: Query) -> Sources:
        """Give the assets that stand for the tables that a file reads on its own connection."""
        own = query.header.connection
        written = {
            on.table: tuple(asset_key(name) for name in sorted(self._writers.get(on, ())) if name != query.name)
            for on in query.reads
            if on.connection == own
        }
        external = {
            on.table: self._translator.get_table_key(*on)
            for on in self._external.get(query.name, ())
            if on.connection == own
        }
        return Sources({table: keys for table, keys in written.items() if keys}, external)

    def specs(self) -> Iterable[dg.AssetSpec]:
        """Give the tables that nobody writes."""
        found: dict[dg.AssetKey, dg.AssetSpec] = {}
        for on in sorted({on for tables in self._external.values() for on in tables}):
            spec = self._translator.get_table_spec(*on)
            if spec is not None:
                found.setdefault(spec.key, spec)
        return [found[key] for key in sorted(found, key=lambda key: list(key.path))]
