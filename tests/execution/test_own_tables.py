"""The package's own tables come by migrations that travel with it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cockroach_pipelines.database import ConnectionManager, StatementError
from cockroach_pipelines.execution.lease import LeaseHeldError
from cockroach_pipelines.execution.schema_changes import HistoryTables, SchemaChangeError, ensure_own_tables
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")

TABLES = HistoryTables("own_tables", "schema_history")


@pytest.fixture
def connections(server: PostgresServer) -> Iterator[ConnectionManager]:
    server.psql("DROP SCHEMA IF EXISTS own_tables CASCADE")
    with ConnectionManager({"main": server.config}) as connections:
        yield connections
    server.psql("DROP SCHEMA IF EXISTS own_tables CASCADE")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "V1__cursor.sql").write_text("CREATE TABLE IF NOT EXISTS own_tables.cursor (job text PRIMARY KEY)")
    (tmp_path / "V2__audit.sql").write_text("CREATE TABLE IF NOT EXISTS own_tables.audit (job text, at timestamptz)")
    return tmp_path


def names(server: PostgresServer) -> str:
    return server.psql(
        "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'own_tables'"
    )


def test_tables_and_their_schema_are_made_once_and_added_to_later(
    connections: ConnectionManager, server: PostgresServer, folder: Path
) -> None:
    assert len(ensure_own_tables(connections, "main", folder, tables=TABLES)) == 2
    assert ensure_own_tables(connections, "main", folder, tables=TABLES) == []
    (folder / "V3__flag.sql").write_text("CREATE TABLE IF NOT EXISTS own_tables.flag (job text)")
    (added,) = ensure_own_tables(connections, "main", folder, tables=TABLES)
    assert added.file.script == "V3__flag.sql"
    assert {"cursor", "audit", "flag", "schema_history"} < set(names(server).split())


def test_files_are_for_whatever_schema_the_tables_are_in(
    connections: ConnectionManager, server: PostgresServer, folder: Path
) -> None:
    (folder / "V1__cursor.sql").write_text("CREATE TABLE IF NOT EXISTS package.cursor (job text PRIMARY KEY)")
    (folder / "V2__audit.sql").unlink()
    for _ in range(2):
        ensure_own_tables(connections, "main", folder, tables=TABLES, schema_in_files="package")
    assert "cursor" in names(server).split()


def test_file_that_failed_simply_runs_again(
    connections: ConnectionManager, server: PostgresServer, folder: Path
) -> None:
    (folder / "V2__audit.sql").write_text(
        "-- transaction: false\nCREATE TABLE IF NOT EXISTS own_tables.audit (job text);\nCREATE TABLE own_tables.x (id nothing)"
    )
    with pytest.raises(StatementError):
        ensure_own_tables(connections, "main", folder, tables=TABLES)
    (folder / "V2__audit.sql").write_text("CREATE TABLE IF NOT EXISTS own_tables.audit (job text)")
    (again,) = ensure_own_tables(connections, "main", folder, tables=TABLES)
    assert again.file.script == "V2__audit.sql"


def test_tables_of_a_newer_package_are_not_gone_on_with(connections: ConnectionManager, folder: Path) -> None:
    ensure_own_tables(connections, "main", folder, tables=TABLES)
    (folder / "V1__cursor.sql").write_text("CREATE TABLE IF NOT EXISTS own_tables.cursor (job int)")
    with pytest.raises(SchemaChangeError, match="Use the newest version of the package"):
        ensure_own_tables(connections, "main", folder, tables=TABLES)


def test_two_processes_that_begin_at_once_make_them_once(
    connections: ConnectionManager, server: PostgresServer, folder: Path
) -> None:
    def make() -> int:
        try:
            with ConnectionManager({"main": server.config}) as own:
                return len(ensure_own_tables(own, "main", folder, tables=TABLES))
        except LeaseHeldError:
            return -1

    with ThreadPoolExecutor(2) as pool:
        made = sorted(future.result() for future in [pool.submit(make), pool.submit(make)])
    assert made in ([-1, 2], [0, 2])
