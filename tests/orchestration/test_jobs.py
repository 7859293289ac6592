"""The job of a schedule is what Dagster would make of its asset, without a look at every other asset."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from tests.peers.project import make_project

SERVER = DatabaseConfig(host="db.example.com", user="etl")
REPORT = """
    /* @asset
    partition: {every: day, from: 2024-01-01}
    cron: "0 6 * * *"
    watch: SELECT max(at) FROM events
    checks: {not_null: n, few: SELECT 1 FROM result WHERE n > 9}
    depends_on: [ingest/days, ingest/left]
    */
    SELECT count(*) AS n FROM clean.events WHERE at >= :partition_start AND at < :partition_end
"""
FILES = {
    "maintenance/clean.sql": "INSERT INTO clean.events SELECT * FROM raw_events",
    "maintenance/after.sql": "INSERT INTO t SELECT 1",
    "reporting/r.sql": REPORT,
}
KEY = dg.AssetKey(["reporting", "r"])


@dg.asset(key=["ingest", "days"], partitions_def=dg.DailyPartitionsDefinition("2024-01-01"))
def days() -> None: ...


@dg.multi_asset(specs=[dg.AssetSpec(["ingest", "left"]), dg.AssetSpec(["ingest", "right"])])
def both() -> tuple[None, None]:
    return None, None


@dg.asset_check(asset=KEY, additional_deps=[dg.AssetKey(["ingest", "right"])])
def by_python() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def _definitions(folder: Path) -> dg.Definitions:
    python = dg.Definitions(assets=[days, both], asset_checks=[by_python])
    return dg.Definitions.merge(build_definitions(make_project(folder, {"main": SERVER}, FILES)), python)


def _described(job: dg.JobDefinition) -> dict[str, object]:
    graph = job.asset_layer.asset_graph
    return {
        "nodes": {(node.name, tuple(sorted(node.definition.input_dict))) for node in job.nodes},
        "materializes": {key.to_user_string() for key in graph.materializable_asset_keys},
        "runs": {key.to_user_string() for key in graph.executable_asset_keys},
        "checks": {key.to_user_string() for key in graph.asset_check_keys},
        "knows": {key.to_user_string() for key in graph.get_all_asset_keys()},
        "partitions": job.partitions_def,
        "resources": set(job.resource_defs),
        "executor": job.executor_def.name,
        "steps wait for": {
            (key.to_user_string(), tuple(sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)))
            for key in graph.executable_asset_keys
        },
    }


@pytest.mark.parametrize("name", ["reporting__r", "watch__reporting__r"])
def test_job_is_the_one_that_dagster_makes(tmp_path: Path, name: str) -> None:
    definitions = _definitions(tmp_path)
    repository = definitions.get_repository_def()
    ours = repository.get_job(f"__anonymous_asset_job_{name}")
    theirs = UnresolvedAssetJobDefinition(name=ours.name, selection=dg.AssetSelection.assets(KEY)).resolve(
        repository.asset_graph, ours.executor_def, repository.get_top_level_resources()
    )
    assert _described(ours) == _described(theirs)
    assert _described(ours)["checks"] == {"reporting/r:not_null", "reporting/r:few", "reporting/r:by_python"}


def test_ui_shows_the_asset_as_what_a_schedule_and_a_sensor_target(tmp_path: Path) -> None:
    repository = _definitions(tmp_path).get_repository_def()
    schedule, sensor = repository.get_schedule_def("reporting__r"), repository.get_sensor_def("watch__reporting__r")
    assert schedule.has_anonymous_job
    assert sensor.has_anonymous_job
    for definition in (schedule, sensor):
        assert isinstance(definition.job, UnresolvedAssetJobDefinition)
        assert definition.job.selection == dg.AssetSelection.assets(KEY)
