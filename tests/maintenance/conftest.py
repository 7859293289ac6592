"""Batch jobs on a real server: a file, its run, and what it left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.database.jvm import JVMManager
from cockroach_pipelines.execution import Order
from cockroach_pipelines.maintenance import BatchedMaintenance, BatchedRun, Overseer
from cockroach_pipelines.queries import Query, SQLRepository
from tests.peers.postgres import PostgresServer

EVENTS = """
    CREATE TABLE events (id int8 PRIMARY KEY, kind text, amount numeric, at timestamptz NOT NULL);
    INSERT INTO events SELECT n, CASE WHEN n % 4 = 0 THEN 'keep' ELSE 'old' END, n / 3.0,
        timestamptz '2024-01-01 00:00Z' + n * interval '1 second' FROM generate_series(1, 1000) AS n;
    ANALYZE events
"""


@dataclass
class Jobs:
    """Batch files of one test and their runs."""

    server: PostgresServer
    folder: Path
    connections: ConnectionManager

    def query(self, header: str, sql: str = "", *, name: str = "job") -> Query:
        """Write a file of one header and statement, and load it."""
        path = self.folder / "sql" / "queries" / "maintenance" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"/* @asset\n{dedent(header).strip()}\n*/\n{sql}")
        return SQLRepository(self.folder / "sql").get(f"maintenance/{name}")

    def engine(self, **options: Any) -> BatchedMaintenance:
        return BatchedMaintenance(self.connections, self.folder, **options)

    def run(
        self, header: str, sql: str = "", *, values: dict[str, object] | None = None, arm: bool = True, **options: Any
    ) -> BatchedRun:
        """Run a file, armed unless said otherwise."""
        return self.engine(**options).run(Order(self.query(header, sql), values or {}), arm=arm)

    def make(self, sql: str) -> None:
        """Make tables, which the role of the connection owns afterwards."""
        self.server.psql(sql)
        self.server.psql(
            "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tableowner = 'pgadmin' LOOP EXECUTE format('ALTER TABLE %I OWNER TO tester', t); END LOOP; END $$"
        )

    def ids(self, table: str = "events", column: str = "id") -> list[str]:
        return self.server.psql(f"SELECT {column} FROM {table} ORDER BY {column}").splitlines()

    def overseer(self) -> Overseer:
        return Overseer(self.connections, "main", "a person")


@pytest.fixture
def jobs(server: PostgresServer, jvm: JVMManager, tmp_path: Path) -> Iterator[Jobs]:
    server.psql("DROP TABLE IF EXISTS events, copies; DROP SCHEMA IF EXISTS cockroach_pipelines CASCADE")
    with ConnectionManager({"main": server.config}) as connections:
        yield Jobs(server, tmp_path, connections)


@pytest.fixture
def events(jobs: Jobs) -> Jobs:
    """A table of a thousand events, of which every fourth is to be kept."""
    jobs.make(EVENTS)
    return jobs
