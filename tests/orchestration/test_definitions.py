"""A folder of SQL as Dagster sees it, without a database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager, ConfigurationError, DatabaseConfig, EmbeddedConfig
from cockroach_pipelines.orchestration import build_definitions
from tests.peers.project import make_project

ROOT = Path(__file__).parents[2]
SERVER = DatabaseConfig(host="db.example.com", user="etl")

FILES = {
    "reporting/daily.sql": """
        /* @asset
        description: Rows a day.
        owner: [team:network, ann@example.com]
        tags: {domain: flights}
        partition: {every: week, from: 2024-01-03, to: 2024-01-31}
        checks:
          not_empty: SELECT 1 AS empty WHERE NOT EXISTS (SELECT 1 FROM result)
        */
        SELECT count(*) AS n FROM clean.events WHERE at >= :partition_start AND at < :partition_end
    """,
    "maintenance/clean.sql": "INSERT INTO clean.events SELECT * FROM raw_events ON CONFLICT DO NOTHING",
    "maintenance/jobs.cockroachdb.sql": "SELECT job_id FROM [SHOW JOBS] WHERE status = 'failed'",
    "reconciliation/broken.sql": "SELEC 1",
}


def _graph(config: ConfigManager) -> dg.AssetGraph:  # type: ignore[name-defined]
    return build_definitions(config).resolve_asset_graph()


def test_headers_become_asset_specs(tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": SERVER}, FILES)
    daily = _graph(config).get(dg.AssetKey(["reporting", "daily"]))
    assert daily.group_name == "reporting"
    assert daily.description == "Rows a day."
    assert list(daily.owners) == ["team:network", "ann@example.com"]
    assert daily.tags["domain"] == "flights"
    assert daily.kinds == {"sql", "cockroachdb", "postgresql"}
    assert daily.code_version
    assert isinstance(daily.partitions_def, dg.TimeWindowPartitionsDefinition)
    assert daily.partitions_def.get_partition_keys() == ["2024-01-03", "2024-01-10", "2024-01-17", "2024-01-24"]
    assert daily.backfill_policy == dg.BackfillPolicy.single_run()
    assert {key.name for key in daily.check_keys} == {"not_empty"}
    assert daily.pools == {"main"}


def test_tables_make_edges_and_unwritten_tables_are_external(tmp_path: Path) -> None:
    graph = _graph(make_project(tmp_path, {"main": SERVER}, FILES))
    clean, daily = dg.AssetKey(["maintenance", "clean"]), dg.AssetKey(["reporting", "daily"])
    raw = dg.AssetKey(["main", "public", "raw_events"])
    assert graph.get(daily).parent_keys == {clean}
    assert graph.get(clean).parent_keys == {raw}
    assert not graph.get(raw).is_executable
    assert graph.get(raw).group_name == "tables"


def test_file_for_another_database_is_shown_and_cannot_run(tmp_path: Path) -> None:
    embedded = DatabaseConfig(embedded=EmbeddedConfig())
    jobs = _graph(make_project(tmp_path, {"main": embedded}, FILES)).get(dg.AssetKey(["maintenance", "jobs"]))
    assert not jobs.is_executable
    assert "For cockroachdb only" in str(jobs.description)
    assert (
        _graph(make_project(tmp_path, {"main": SERVER}, FILES)).get(dg.AssetKey(["maintenance", "jobs"])).is_executable
    )


def test_folder_without_a_file_is_a_project_without_an_asset(tmp_path: Path) -> None:
    (tmp_path / "sql" / "queries").mkdir(parents=True)
    config = make_project(tmp_path, {"main": SERVER}, {})
    assert not _graph(config).get_all_asset_keys()
    build_definitions(config).get_repository_def().load_all_definitions()


def test_tables_of_one_name_on_two_connections_make_no_edge(tmp_path: Path) -> None:
    files = {
        "maintenance/load.sql": "/* @asset\nconnection: other\n*/\nINSERT INTO orders SELECT 1",
        "reporting/orders.sql": "SELECT * FROM orders",
    }
    other = DatabaseConfig(host="other.example.com", user="etl")
    graph = _graph(make_project(tmp_path, {"main": SERVER, "other": other}, files))
    read = graph.get(dg.AssetKey(["reporting", "orders"]))
    assert read.parent_keys == {dg.AssetKey(["main", "public", "orders"])}


def test_broken_file_is_an_asset_with_a_check(tmp_path: Path) -> None:
    broken = _graph(make_project(tmp_path, {"main": SERVER}, FILES)).get(dg.AssetKey(["reconciliation", "broken"]))
    assert broken.group_name == "reconciliation"
    assert "This file cannot be used" in str(broken.description)
    assert "broken.sql:1:1" in str(broken.description)
    assert {key.name for key in broken.check_keys} == {"file_is_valid"}


def test_file_of_an_unknown_connection_is_broken_with_a_proposal(tmp_path: Path) -> None:
    files = {
        "reporting/elsewhere.sql": "/* @asset\nconnection: mian\n*/\nSELECT 1 AS one",
        "reporting/here.sql": "SELECT 1 AS one",
    }
    graph = _graph(make_project(tmp_path, {"main": SERVER}, files))
    elsewhere = graph.get(dg.AssetKey(["reporting", "elsewhere"]))
    assert "elsewhere.sql:2:1" in str(elsewhere.description)
    assert "Did you mean 'main'?" in str(elsewhere.description)
    assert graph.get(dg.AssetKey(["reporting", "here"])).is_executable


def test_names_that_dagster_cannot_tell_apart_hide_no_other(tmp_path: Path) -> None:
    files = dict.fromkeys(
        ("reporting/a__b.sql", "reporting/a/b.sql", "reporting/c.sql"), "/* @asset\nevery: 1h\n*/\nSELECT 1 AS one"
    )
    definitions = build_definitions(make_project(tmp_path, {"main": SERVER}, files))
    assert {schedule.name for schedule in definitions.get_repository_def().schedule_defs} == {
        "reporting__a__b",
        "reporting__c",
    }
    descriptions = [node.description for node in definitions.resolve_asset_graph().asset_nodes]
    assert any("are both reporting__a__b to Dagster" in str(description) for description in descriptions)


@pytest.mark.parametrize("name", ["data-warehouse", "class", "parquet_io_manager"])
def test_connection_that_cannot_be_a_resource_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    config = make_project(tmp_path, {"main": SERVER, name: SERVER}, {"reporting/one.sql": "SELECT 1 AS one"})
    with pytest.raises(ConfigurationError, match=rf"Connection '{name}' \(.*config.yaml:1\) cannot be a resource"):
        build_definitions(config)


def test_secrets_are_in_no_definition(tmp_path: Path) -> None:
    server = DatabaseConfig(host="db.example.com", user="etl", password="open-sesame")
    definitions = build_definitions(make_project(tmp_path, {"main": server}, FILES))
    assert "open-sesame" not in repr(definitions) + repr(dict(definitions.resources or {}))


def test_the_projects_own_definitions_load_without_a_warning_and_without_java() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            "from cockroach_pipelines.definitions import defs; import jpype; defs.resolve_all_job_defs(); print(jpype.isJVMStarted())",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "False", done.stderr
