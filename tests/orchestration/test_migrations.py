"""The asset `migrations/<connection>`: it looks, and applies when it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

KEY = dg.AssetKey(["migrations", "main"])


def _project(folder: Path, server: DatabaseConfig, files: dict[str, str], **settings: Any) -> ConfigManager:
    make_project(folder, {"main": server, "copy": server}, {"reporting/one.sql": "SELECT 1 AS one"})
    path = folder / "config.yaml"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    for name, text in files.items():
        file = folder / "sql" / "migrations" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return ConfigManager.load(path, {})


def test_asset_is_there_for_main_with_its_folder_and_for_connections_that_name_one(tmp_path: Path) -> None:
    server = DatabaseConfig(host="db.example.com", user="etl")
    without = build_definitions(_project(tmp_path, server, {})).resolve_asset_graph()
    assert not without.has(KEY)
    config = _project(tmp_path, server, {"V1__a.sql": "SELECT 1"}, migrations={"copy": {"folder": "sql/others"}})
    graph = build_definitions(config).resolve_asset_graph()
    keys = {key for key in graph.executable_asset_keys if key.path[0] == "migrations"}
    assert keys == {KEY, dg.AssetKey(["migrations", "copy"])}
    assert graph.get(KEY).group_name == "migrations"
    assert {key.name for key in graph.get(KEY).check_keys} == {"no_pending_or_tampered"}
    assert graph.get(KEY).pools == {"main"}


@pytest.fixture
def config(server: PostgresServer, jvm: object, tmp_path: Path) -> Iterator[ConfigManager]:
    server.psql("DROP SCHEMA IF EXISTS dagster_migrated CASCADE; CREATE SCHEMA dagster_migrated AUTHORIZATION tester")
    files = {
        "V1__a.sql": "CREATE TABLE dagster_migrated.a (id int)",
        "V2__b.sql": "CREATE TABLE dagster_migrated.b (id int)",
    }
    yield _project(tmp_path, server.config, files, migrations={"main": {"history": "dagster_migrated.schema_history"}})
    server.psql("DROP SCHEMA dagster_migrated CASCADE")


def _run(config: ConfigManager, *, apply: bool | None = None) -> dg.ExecuteInProcessResult:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    run_config = None if apply is None else {"ops": {"migrations__main": {"config": {"apply": apply}}}}
    return job.execute_in_process(asset_selection=[KEY], run_config=run_config, raise_on_error=False)


def _check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (check,) = result.get_asset_check_evaluations()
    return check


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_run_looks_and_changes_nothing_until_it_is_told_to_apply(config: ConfigManager, server: PostgresServer) -> None:
    looked = _run(config)
    assert looked.success
    assert (_check(looked).passed, _check(looked).severity) == (False, dg.AssetCheckSeverity.WARN)
    assert _check(looked).description == "V1__a.sql is pending\nV2__b.sql is pending"
    assert _metadata(looked)["pending"] == 2
    assert server.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'dagster_migrated'") == "0"
    applied = _run(config, apply=True)
    assert (applied.success, _check(applied).passed) == (True, True)
    metadata = _metadata(applied)
    assert (metadata["version"], metadata["applied"], metadata["pending"], metadata["wrong"]) == ("2", 2, 0, 0)
    records = [record.data for record in metadata["migrations"].records]
    assert [(record["version"], record["state"], record["by"]) for record in records] == [
        ("1", "applied", "tester"),
        ("2", "applied", "tester"),
    ]


def test_file_that_was_tampered_with_fails_the_check(config: ConfigManager) -> None:
    _run(config, apply=True)
    (config.settings.migrations_folder("main") / "V1__a.sql").write_text("SELECT 2")
    looked = _run(config)
    assert looked.success
    assert (_check(looked).passed, _check(looked).severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "is tampered with: its checksum was" in str(_check(looked).description)


def test_migration_that_fails_fails_the_run_with_its_place_and_the_check_says_what_is_left(
    config: ConfigManager,
) -> None:
    (config.settings.migrations_folder("main") / "V2__b.sql").write_text("SELECT 1;\nSELECT nowhere")
    result = _run(config, apply=True)
    assert not result.success
    failure = result.failure_data_for_node("migrations__main")
    assert failure is not None and failure.user_failure_data is not None
    assert "V2__b.sql:2:8: [42703]" in str(failure.user_failure_data.description)
    assert _check(result).description == "V2__b.sql is pending"
