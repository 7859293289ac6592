"""The tables in which batch jobs keep their place come by migrations of the package, later ones as well."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cockroach_pipelines.database import ConnectionManager, PermissionDeniedError
from cockroach_pipelines.execution import Order
from cockroach_pipelines.execution.schema_changes import ensure_own_tables
from cockroach_pipelines.maintenance import BatchedMaintenance, own_tables
from tests.maintenance.conftest import Jobs
from tests.maintenance.test_batched import DELETE, PURGE

SHIPPED = Path(own_tables.__file__).with_name("tables")


def tables(jobs: Jobs) -> set[str]:
    return set(
        jobs.server.psql("SELECT tablename FROM pg_tables WHERE schemaname = 'cockroach_pipelines'").splitlines()
    )


def test_a_database_that_an_older_version_made_gets_what_is_new(events: Jobs, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    shutil.copy(SHIPPED / "V1__batched_maintenance.sql", older)
    ensure_own_tables(events.connections, "main", older)
    assert "maintenance_leases" in tables(events)
    assert events.run(PURGE, DELETE).rows == 750
    assert {"maintenance_leases", "maintenance_holders"} & tables(events) == {"maintenance_holders"}


def test_a_change_that_makes_no_table_reaches_a_database_that_has_all_of_them(
    events: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.engine().run(Order(events.query(PURGE, DELETE)))
    newer = shutil.copytree(SHIPPED, tmp_path / "newer")
    (newer / "V3__ticket.sql").write_text(
        "ALTER TABLE cockroach_pipelines.maintenance_runs ADD COLUMN IF NOT EXISTS ticket text;\n"
        "COMMENT ON COLUMN cockroach_pipelines.maintenance_runs.ticket IS 'Why.'"
    )
    monkeypatch.setattr(own_tables, "_FOLDER", newer)
    assert events.run(PURGE, DELETE).rows == 750
    assert events.overseer().state(events.query(PURGE, DELETE)).armed
    assert events.server.psql("SELECT DISTINCT ticket IS NULL FROM cockroach_pipelines.maintenance_runs") == "t"
    history = events.server.psql("SELECT script FROM cockroach_pipelines.schema_history ORDER BY installed_rank")
    assert history.splitlines()[2:] == ["V3__ticket.sql"]


def test_a_role_that_may_make_nothing_works_with_what_an_administrator_made(events: Jobs) -> None:
    query = events.query(PURGE, DELETE)
    events.server.psql("GRANT ALL ON events TO trusted")
    with ConnectionManager({"main": events.server.config_of(user="trusted")}) as connections:
        engine = BatchedMaintenance(connections, events.folder)
        with pytest.raises(PermissionDeniedError, match="Let an administrator make the tables"):
            engine.run(Order(query))
        events.overseer().state(query)  # by their owner
        events.server.psql(
            "GRANT USAGE ON SCHEMA cockroach_pipelines TO trusted;"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cockroach_pipelines TO trusted"
        )
        assert engine.run(Order(query), arm=True).rows == 750
