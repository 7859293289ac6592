"""Two PostgreSQL databases to compare, and another driver that fills them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.reconciliation import Reconciliation, ReconciliationSpec, Relation, reconcile
from tests.peers.postgres import PostgresServer
from tests.peers.second_driver import connect_by_psycopg


@dataclass
class Databases:
    """Databases `source` and `target` of one server."""

    manager: ConnectionManager
    source: psycopg.Connection[Any]
    target: psycopg.Connection[Any]
    folder: Path

    def create(self, source: str, target: str) -> None:
        """Run SQL in both databases."""
        self.source.execute(source)
        self.target.execute(target)

    def tables(self, name: str, definition: str, source: str, target: str) -> None:
        """Make a table in both databases and fill each from a query."""
        for connection, rows in ((self.source, source), (self.target, target)):
            connection.execute(f"DROP TABLE IF EXISTS {name}")
            connection.execute(f"CREATE TABLE {name} ({definition})")
            connection.execute(f"INSERT INTO {name} {rows}")
            connection.execute(f"ANALYZE {name}")

    def reconcile(self, source: str | Relation, target: str | Relation | None = None, **spec: Any) -> Reconciliation:
        """Compare two tables, the source's and the target's."""
        options = {name: spec.pop(name) for name in ("progress", "resume") if name in spec}
        first = source if isinstance(source, Relation) else Relation("source", source)
        target = source if target is None else target
        second = target if isinstance(target, Relation) else Relation("target", str(target))
        return reconcile(
            first, second, ReconciliationSpec(**spec), connections=self.manager, folder=self.folder, **options
        )


@pytest.fixture(scope="session")
def both_databases(
    server: PostgresServer, jvm: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    for name in ("recon_source", "recon_target"):
        server.psql(f"CREATE DATABASE {name} OWNER tester", database="postgres")
    configs = {name: server.config.model_copy(update={"database": f"recon_{name}"}) for name in ("source", "target")}
    with (
        ConnectionManager(configs) as manager,
        connect_by_psycopg(configs["source"]) as source,
        connect_by_psycopg(configs["target"]) as target,
    ):
        databases = Databases(manager, source, target, tmp_path_factory.mktemp("reconciliation"))
        databases.create(*[_TYPES] * 2)
        yield databases


_TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE place AS (zone int, shelf text);
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
"""


@pytest.fixture
def databases(both_databases: Databases, tmp_path: Path) -> Databases:
    """Both databases, with a folder of the test's own."""
    return Databases(both_databases.manager, both_databases.source, both_databases.target, tmp_path)


def cells(result: Reconciliation) -> list[dict[str, Any]]:
    """Give the differences dataset."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(result.differences).to_pylist()
    return rows


Compare = Callable[..., Reconciliation]
