"""A materialization says which columns its columns are made of, and what its tables look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

FILES = {
    "maintenance/fill.sql": "INSERT INTO visits_by_day SELECT at::date, page, count(*) FROM visits GROUP BY 1, 2",
    "reporting/pages.sql": "SELECT v.*, d.day FROM visits AS v JOIN visits_by_day AS d USING (page)",
}


@pytest.fixture
def config(server: PostgresServer, tmp_path: Path) -> ConfigManager:
    server.psql(
        "DROP TABLE IF EXISTS visits, visits_by_day;"
        "CREATE TABLE visits (at timestamptz NOT NULL, page varchar(20)); GRANT ALL ON visits TO PUBLIC;"
        "CREATE TABLE visits_by_day (day date, page text, n bigint); GRANT ALL ON visits_by_day TO PUBLIC"
    )
    return make_project(tmp_path, {"main": server.config}, FILES)


def _metadata(config: ConfigManager, name: str, instance: dg.DagsterInstance) -> dict[str, Any]:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(asset_selection=[dg.AssetKey(name.split("/"))], instance=instance)
    (event,) = result.get_asset_materialization_events()
    return {key: value.value for key, value in event.materialization.metadata.items()}


def _deps(metadata: dict[str, Any]) -> dict[str, list[str]]:
    deps = metadata["dagster/column_lineage"].deps_by_column
    return {
        column: [f"{'/'.join(dep.asset_key.path)}:{dep.column_name}" for dep in each] for column, each in deps.items()
    }


def test_report_knows_the_columns_of_tables_and_of_files_that_fill_them(config: ConfigManager) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert _deps(_metadata(config, "reporting/pages", instance)) == {
            "at": ["main/public/visits:at"],
            "page": ["main/public/visits:page"],
            "day": ["maintenance/fill:day"],
        }


def test_maintenance_knows_the_table_that_it_fills(config: ConfigManager) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        metadata = _metadata(config, "maintenance/fill", instance)
    assert _deps(metadata) == {"day": ["main/public/visits:at"], "page": ["main/public/visits:page"]}
    columns = {column.name: column.type for column in metadata["dagster/column_schema"].columns}
    assert columns == {"day": "date", "page": "text", "n": "bigint"}


def test_columns_of_a_table_are_recorded_at_it_when_they_are_news(
    config: ConfigManager, server: PostgresServer
) -> None:
    table = dg.AssetKey(["main", "public", "visits"])
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            _metadata(config, "reporting/pages", instance)
        (record,) = instance.fetch_observations(table, limit=10).records
        assert record.asset_observation is not None
        schema = record.asset_observation.metadata["dagster/column_schema"].value
        assert isinstance(schema, dg.TableSchema)
        assert [(each.name, each.type, each.constraints.nullable) for each in schema.columns] == [
            ("at", "timestamp with time zone", False),
            ("page", "character varying(20)", True),
        ]
        server.psql("ALTER TABLE visits ADD COLUMN referrer text")
        _metadata(config, "reporting/pages", instance)
        assert len(instance.fetch_observations(table, limit=10).records) == 2


def test_statement_without_tables_has_no_lineage(server: PostgresServer, tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": server.config}, {"reporting/one.sql": "SELECT 1 AS one"})
    with dg.DagsterInstance.ephemeral() as instance:
        assert "dagster/column_lineage" not in _metadata(config, "reporting/one", instance)


def test_report_that_becomes_a_table_knows_it_and_its_readers_know_the_report(
    server: PostgresServer, tmp_path: Path
) -> None:
    server.psql(
        "DROP SCHEMA IF EXISTS lineage CASCADE; CREATE SCHEMA lineage; GRANT ALL ON SCHEMA lineage TO PUBLIC;"
        "CREATE TABLE lineage.sales (shop text, amount numeric(12, 2)); GRANT ALL ON lineage.sales TO PUBLIC"
    )
    files = {
        "reporting/revenue.sql": """
            /* @asset
            report: {formats: [csv], into: {table: lineage.revenue, key: [shop]}}
            */
            SELECT shop, sum(amount) AS total FROM lineage.sales GROUP BY shop
        """,
        "reporting/best.sql": "SELECT * FROM lineage.revenue ORDER BY total DESC LIMIT 1",
    }
    config = make_project(tmp_path, {"main": server.config}, files)
    with dg.DagsterInstance.ephemeral() as instance:
        revenue = _metadata(config, "reporting/revenue", instance)
        best = _metadata(config, "reporting/best", instance)
    assert _deps(revenue) == {"shop": ["main/lineage/sales:shop"], "total": ["main/lineage/sales:amount"]}
    assert [(each.name, each.type, each.constraints.nullable) for each in revenue["dagster/column_schema"].columns] == [
        ("shop", "text", False),
        ("total", "numeric", True),
    ]
    assert _deps(best) == {"shop": ["reporting/revenue:shop"], "total": ["reporting/revenue:total"]}
