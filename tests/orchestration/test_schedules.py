"""A header's `cron` or `every` is a schedule that runs by itself."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from tests.peers.project import make_project

SERVER = DatabaseConfig(host="db.example.com", user="etl")


def _definitions(folder: Path, header: str) -> dg.Definitions:
    files = {"reporting/report.sql": f"/* @asset\n{header}\n*/\nSELECT 1 AS one"}
    return build_definitions(make_project(folder, {"main": SERVER}, files))


def _schedule(folder: Path, header: str) -> dg.ScheduleDefinition:
    schedule = _definitions(folder, header).resolve_schedule_def("reporting__report")
    assert isinstance(schedule, dg.ScheduleDefinition)
    return schedule


def _tick(folder: Path, header: str, at: str) -> dg.RunRequest | str:
    repository = _definitions(folder, header).get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=dt.datetime.fromisoformat(at), repository_def=repository
        )
        data = repository.get_schedule_def("reporting__report").evaluate_tick(context)
    return data.run_requests[0] if data.run_requests else str(data.skip_message)


def test_cron_runs_in_the_files_time_zone_from_the_start(tmp_path: Path) -> None:
    schedule = _schedule(tmp_path, 'cron: "0 6 * * *"\ntimezone: America/New_York')
    assert schedule.cron_schedule == "0 6 * * *"
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_schedule_is_in_the_time_zone_of_the_partitions_where_the_file_has_none(tmp_path: Path) -> None:
    header = 'cron: "0 6 * * *"\npartition: {every: day, from: 2024-01-01, timezone: Asia/Tokyo}'
    assert _schedule(tmp_path, header).execution_timezone == "Asia/Tokyo"


@pytest.mark.parametrize(("every", "cron"), [("15m", "*/15 * * * *"), ("6h", "0 */6 * * *"), ("1d", "0 0 * * *")])
def test_every_becomes_cron(tmp_path: Path, every: str, cron: str) -> None:
    assert _schedule(tmp_path, f"every: {every}").cron_schedule == cron


def test_tick_of_an_asset_without_partitions_asks_for_a_run(tmp_path: Path) -> None:
    request = _tick(tmp_path, "every: 1h", "2024-01-01T10:00:00+00:00")
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key is None


PARTITIONED = 'cron: "0 6 * * *"\ntimezone: America/New_York\npartition: {every: day, from: 2024-01-01, to: 2024-01-03}'


@pytest.mark.parametrize(
    ("at", "key"), [("2024-01-02T06:00:00-05:00", "2024-01-01"), ("2024-01-03T06:00:00-05:00", "2024-01-02")]
)
def test_tick_of_a_partitioned_asset_asks_for_the_last_partition_that_ended(tmp_path: Path, at: str, key: str) -> None:
    request = _tick(tmp_path, PARTITIONED, at)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == key


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2024-01-01T06:00:00-05:00", "No partition has ended yet."),
        ("2024-03-01T06:00:00-05:00", "The partitions end with 2024-01-02."),
    ],
)
def test_tick_before_the_first_and_after_the_last_partition_says_why_nothing_runs(
    tmp_path: Path, at: str, reason: str
) -> None:
    assert _tick(tmp_path, PARTITIONED, at) == reason


def test_file_without_schedule_has_none(tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": SERVER}, {"reporting/report.sql": "SELECT 1 AS one"})
    assert not build_definitions(config).schedules
