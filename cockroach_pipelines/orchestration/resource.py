"""The resource that an asset reaches its database through."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.database import CockroachDBConnection, ConnectionManager
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.execution import (
    Activity,
    BatchExecutor,
    Observer,
    QueryExecutor,
    TransactionalExecutor,
    everyone,
    structured_log,
)
from cockroach_pipelines.maintenance import BatchedMaintenance, BatchProgress
from cockroach_pipelines.migrations import Migrator
from cockroach_pipelines.orchestration.pools import limit_when_a_run_begins
from cockroach_pipelines.reconciliation import Progress
from cockroach_pipelines.reconciliation.files import Comparing
from cockroach_pipelines.reporting import Deliverer


class CockroachDBResource(dg.ConfigurableResource[Any]):
    """Java, Kerberos and JDBC behind one named connection of the configuration.

    Secrets stay in the configuration file and the environment: this resource holds a name and a path, so the UI has
    nothing to show. The name is checked when a run is set up; the virtual machine starts, Kerberos is asked and the
    server is connected to when a step first needs them, where a retry policy applies.

    Example:
        >>> @dg.asset
        ... def carriers(main: CockroachDBResource) -> None:
        ...     with main.connection() as connection:
        ...         connection.query("SELECT carrier FROM airlines")
    """

    connection_name: str = Field("main", description="Name of the connection in the configuration.")
    config_file: str | None = Field(
        None, description="The configuration; COCKROACH_PIPELINES_CONFIG, else config.yaml in the current folder."
    )

    pool: str | None = Field(None, description="The pool of its assets; that of the connection's name when silent.")

    _connections: ConnectionManager | None = PrivateAttr(None)
    _log: Observer | None = PrivateAttr(None)
    _open: ExitStack = PrivateAttr(default_factory=ExitStack)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse a run whose connection is not in the configuration, and give its pool its limit."""
        limit_when_a_run_begins(context, self.pool or self.connection_name, self._settings().concurrency)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the connections of the run."""
        if self._connections:
            self._connections.close()
            self._connections = None
        self._log = None
        self._open.close()

    @contextmanager
    def connection(self) -> Iterator[CockroachDBConnection]:
        """Lend a connection; what was not committed is rolled back."""
        with self._manager().lend(self.connection_name) as connection:
            connection.set_application_name(connection.config.application_name)
            connection.commit()
            yield connection

    def reader(self, activity: Activity, observe: Observer | None = None) -> QueryExecutor:
        """Give an executor of read-only sessions, whose events go to the log of the configuration and to an observer."""
        return QueryExecutor(self._manager(), activity, self._observer(observe))

    def writer(self, activity: Activity, observe: Observer | None = None) -> TransactionalExecutor:
        """Give an executor of transactions; see `reader`."""
        return TransactionalExecutor(self._manager(), activity, self._observer(observe))

    def batches(self, activity: Activity, observe: Observer | None = None) -> BatchExecutor:
        """Give an executor of many parameter sets; see `reader`."""
        return BatchExecutor(self._manager(), activity, self._observer(observe))

    def batched(
        self, archives: Path, activity: Activity, observe: Observer, progress: Callable[[BatchProgress], None]
    ) -> BatchedMaintenance:
        """Give what runs batch jobs; see `BatchedMaintenance` and `reader`."""
        return BatchedMaintenance(self._manager(), archives, activity, self._observer(observe), progress)

    @contextmanager
    def comparing(
        self,
        target: "CockroachDBResource",
        folder: Path,
        activity: Activity,
        observe: Observer,
        progress: Callable[[Progress], None],
    ) -> Iterator[Comparing]:
        """Give what compares relations of this connection with those of another; see `Comparing`."""
        settings = {each.connection_name: each._settings() for each in (self, target)}
        with connection_manager(settings) as connections:
            yield Comparing(connections, folder, activity, self._observer(observe), progress)

    def migrator(self, activity: Activity, observe: Observer | None = None) -> Migrator:
        """Give what applies the migrations of this connection; see `reader`."""
        path = Path(self.config_file) if self.config_file else None
        settings = ConfigManager.load(path).settings
        return Migrator.of(settings, self._manager(), self.connection_name, activity, self._observer(observe))

    def deliverer(self, asset: str) -> Deliverer:
        """Give what takes the snapshots of a report to its readers, as `notifications` of the configuration says."""
        path = Path(self.config_file) if self.config_file else None
        return Deliverer.of(ConfigManager.load(path).settings.notifications, asset)

    def _observer(self, observe: Observer | None) -> Observer:
        if self._log is None:
            path = Path(self.config_file) if self.config_file else None
            self._log = self._open.enter_context(structured_log(ConfigManager.load(path).settings.logging))
        return everyone(self._log, *([observe] if observe else []))

    def _manager(self) -> ConnectionManager:
        if self._connections is None:
            self._connections = connection_manager({self.connection_name: self._settings()})
        return self._connections

    def _settings(self) -> DatabaseConfig:
        path = Path(self.config_file) if self.config_file else None
        return ConfigManager.load(path).connection(self.connection_name)
