"""A folder of migrations and a schema of a test's own on the real server."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from cockroach_pipelines.config import RetryConfig
from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.database.jvm import JVMManager
from cockroach_pipelines.execution.schema_changes import HistoryTables, SchemaChanges
from cockroach_pipelines.migrations import Migrator
from tests.peers.postgres import PostgresServer

_numbers = itertools.count(1)


@dataclass
class Project:
    """Migrations of a test: their folder, their schema, and what runs them."""

    server: PostgresServer
    connections: ConnectionManager
    folder: Path
    schema: str

    @property
    def tables(self) -> HistoryTables:
        return HistoryTables(self.schema, "flyway_schema_history")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n").format(s=self.schema), newline="")
        return path

    def migrator(self, *, lease_seconds: float = 20) -> Migrator:
        return Migrator(self.folder, SchemaChanges(self.connections, "main", self.tables, lease_seconds=lease_seconds))

    def psql(self, sql: str) -> str:
        return self.server.psql(sql.format(s=self.schema))

    def history(self) -> list[str]:
        """The rows of the history: rank, version, script, success."""
        rows = self.psql(
            "SELECT installed_rank || ' ' || coalesce(version, '-') || ' ' || script || ' ' || success "
            "FROM {s}.flyway_schema_history WHERE installed_rank >= 0 ORDER BY installed_rank"
        )
        return rows.splitlines()

    def states(self) -> dict[str, str]:
        _, found = self.migrator().info()
        return {entry.script: entry.state.value for entry in found.entries}


@pytest.fixture
def project(server: PostgresServer, jvm: JVMManager, tmp_path: Path) -> Iterator[Project]:
    schema = f"migrated_{next(_numbers)}"
    server.psql(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema} AUTHORIZATION tester")
    folder = tmp_path / "migrations"
    folder.mkdir()
    config = server.config.model_copy(update={"retry": RetryConfig(retries=5, first_wait=0.01, longest_wait=0.1)})
    with ConnectionManager({"main": config}) as connections:
        yield Project(server, connections, folder, schema)
    server.psql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


Write = Callable[[str, str], Path]
