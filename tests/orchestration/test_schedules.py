"""A header's `cron` or `every` is a schedule that runs by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """Dagster's own records; what a tick sees of them are the runs of its schedule."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        yield instance


@dataclass(frozen=True)
class Ticks:
    """Ticks of a file's schedule one after another; a run is recorded for each that one asks for."""

    instance: dg.DagsterInstance
    folder: Path

    def requests(self, header: str, *at: str) -> list[Sequence[dg.RunRequest] | str]:
        repository = _definitions(self.folder, header).get_repository_def()
        schedule = repository.get_schedule_def("reporting__report")
        found: list[Sequence[dg.RunRequest] | str] = []
        for moment in at:
            context = dg.build_schedule_context(
                self.instance, scheduled_execution_time=dt.datetime.fromisoformat(moment), repository_def=repository
            )
            data = schedule.evaluate_tick(context)
            for request in data.run_requests or []:
                tags = {**request.tags, "dagster/schedule_name": schedule.name}
                self.instance.add_run(dg.DagsterRun(job_name="job", tags=tags))
            found.append(data.run_requests or str(data.skip_message))
        return found

    def __call__(self, header: str, *at: str) -> list[list[str | None] | str]:
        requests = self.requests(header, *at)
        return [each if isinstance(each, str) else [request.run_key for request in each] for each in requests]


@pytest.fixture
def ticks(instance: dg.DagsterInstance, tmp_path: Path) -> Iterator[Ticks]:
    yield Ticks(instance, tmp_path)
    instance.run_storage.wipe()


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


def test_tick_of_an_asset_without_partitions_asks_for_a_run(ticks: Ticks) -> None:
    ((request,),) = ticks.requests("every: 1h", "2024-01-01T10:00:00+00:00")
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key is None


PARTITIONED = 'cron: "0 6 * * *"\ntimezone: America/New_York\npartition: {every: day, from: 2024-01-01, to: 2024-01-03}'


@pytest.mark.parametrize(
    ("at", "key"), [("2024-01-02T06:00:00-05:00", "2024-01-01"), ("2024-01-03T06:00:00-05:00", "2024-01-02")]
)
def test_tick_of_a_partitioned_asset_asks_for_the_last_partition_that_ended(ticks: Ticks, at: str, key: str) -> None:
    ((request,),) = ticks.requests(PARTITIONED, at)
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
    ticks: Ticks, at: str, reason: str
) -> None:
    assert ticks(PARTITIONED, at) == [reason]


DAILY = 'cron: "0 6 * * *"\npartition: {every: day, from: 2024-01-01}'


def test_a_tick_asks_for_what_ended_while_nothing_ran(ticks: Ticks) -> None:
    at = ("2024-01-10T06:00Z", "2024-01-11T06:00Z", "2024-01-15T06:00Z", "2024-01-15T18:00Z")
    assert ticks(DAILY, *at) == [
        ["2024-01-09"],
        ["2024-01-10"],
        ["2024-01-11...2024-01-14"],
        ["2024-01-14"],
    ]


def test_what_was_missed_is_a_run_each_where_the_file_wants_that(ticks: Ticks) -> None:
    header = f"{DAILY}\nbackfill: per_partition"
    assert ticks(header, "2024-01-10T06:00Z", "2024-01-12T06:00Z") == [
        ["2024-01-09"],
        ["2024-01-10", "2024-01-11"],
    ]


def test_what_was_missed_at_the_end_of_the_partitions_is_not_lost(ticks: Ticks) -> None:
    header = DAILY.replace("2024-01-01}", "2024-01-01, to: 2024-01-20}")
    assert ticks(header, "2024-01-18T06:00Z", "2024-03-01T06:00Z", "2024-03-02T06:00Z") == [
        ["2024-01-17"],
        ["2024-01-18...2024-01-19"],
        "The partitions end with 2024-01-19.",
    ]


def test_a_weekly_tick_of_days_asks_for_the_whole_week(ticks: Ticks) -> None:
    header = 'cron: "0 6 * * MON"\npartition: {every: day, from: 2024-01-01}'
    assert ticks(header, "2024-01-08T06:00Z", "2024-01-15T06:00Z") == [
        ["2024-01-07"],
        ["2024-01-08...2024-01-14"],
    ]


def test_a_tick_asks_for_all_keys(ticks: Ticks) -> None:
    assert ticks("every: 1h\npartition: {keys: [us, eu, ap]}", "2024-01-10T06:00Z") == [["us...ap"]]
    query = "every: 1h\npartition: {query: SELECT region FROM orders}"
    assert ticks(query, "2024-01-10T06:00Z") == ["There are no keys yet."]
    ticks.instance.add_dynamic_partitions("main: SELECT region FROM orders", ["us", "eu"])
    assert ticks(query, "2024-01-10T06:00Z") == [["us...eu"]]


def test_a_tick_of_two_dimensions_asks_for_all_keys_of_each_time(ticks: Ticks) -> None:
    header = 'cron: "0 6 * * *"\npartition: {day: {every: day, from: 2024-01-01}, region: {keys: [eu, us]}}'
    assert ticks(header, "2024-01-10T06:00Z", "2024-01-12T06:00Z") == [
        ["2024-01-09|eu...2024-01-09|us"],
        ["2024-01-10|eu...2024-01-11|us"],
    ]


def test_file_without_schedule_has_none(tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": SERVER}, {"reporting/report.sql": "SELECT 1 AS one"})
    assert not build_definitions(config).schedules
