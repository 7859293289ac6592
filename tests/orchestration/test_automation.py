"""Files that run after others and on changes of their code, and how fresh their results have to be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from tests.peers.project import make_project

SERVER = DatabaseConfig(host="db.example.com", user="etl")
ONE = "SELECT 1 AS one"


def _definitions(folder: Path, files: Mapping[str, str]) -> dg.Definitions:
    texts = {f"reporting/{name}.sql": f"/* @asset\n{header}\n*/\n{ONE}" for name, header in files.items()}
    return build_definitions(make_project(folder, {"main": SERVER}, texts))


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["reporting", name])


class _Daemon:
    """Looks at conditions as Dagster's daemon does, tick by tick."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance, now: str | None = None) -> None:
        self.definitions = definitions
        self.instance = instance
        self.cursor: Any = None
        self.now = dt.datetime.fromisoformat(now) if now else None

    def tick(self) -> dict[str, list[str | None]]:
        keys = self.definitions.resolve_asset_graph().materializable_asset_keys
        result = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            asset_selection=dg.AssetSelection.assets(*keys),
            cursor=self.cursor,
            evaluation_time=self.now,
        )
        self.cursor = result.cursor
        return {
            key.path[-1]: sorted(requested, key=str)
            for key in keys
            if (requested := result.get_requested_partitions(key))
        }

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Have a run of a file in progress."""
        job = self.definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection={_key(name)})
        run = self.instance.create_run_for_job(job, asset_selection=frozenset({_key(name)}))
        self.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", job.name), run.run_id)
        yield
        self.instance.report_run_canceled(run)

    def update(self, name: str, *partitions: str | None) -> None:
        for partition in partitions or (None,):
            self.instance.report_runless_asset_event(dg.AssetMaterialization(_key(name), partition=partition))


def test_a_file_runs_once_each_of_those_before_it_was_updated(tmp_path: Path) -> None:
    definitions = _definitions(
        tmp_path,
        {
            "a": "owner: team:x",
            "b": "owner: team:x",
            "c": "depends_on: reporting/b\nafter: reporting/a",
            "d": "after: [reporting/a, reporting/b]",
        },
    )
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = _Daemon(definitions, instance)
        assert daemon.tick() == {}
        daemon.update("a")
        assert daemon.tick() == {"c": [None]}  # d waits for b
        assert daemon.tick() == {}
        daemon.update("b")
        assert daemon.tick() == {"d": [None]}  # c does not mind b
        daemon.update("b")
        assert daemon.tick() == {}
        daemon.update("a")
        assert daemon.tick() == {"c": [None], "d": [None]}


def test_what_happens_while_a_file_runs_is_not_forgotten(tmp_path: Path) -> None:
    definitions = _definitions(tmp_path, {"a": "owner: team:x", "b": "after: reporting/a"})
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = _Daemon(definitions, instance)
        daemon.tick()
        daemon.update("a")
        assert daemon.tick() == {"b": [None]}
        with daemon.running("b"):
            assert daemon.tick() == {}
            daemon.update("a")
            assert daemon.tick() == {}
        daemon.update("b")
        assert daemon.tick() == {"b": [None]}
        assert daemon.tick() == {}


def test_a_chain_of_files_is_asked_for_together(tmp_path: Path) -> None:
    definitions = _definitions(tmp_path, {"a": "owner: team:x", "b": "after: reporting/a", "c": "after: reporting/b"})
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = _Daemon(definitions, instance)
        daemon.tick()
        daemon.update("a")
        assert daemon.tick() == {"b": [None], "c": [None]}


def test_a_month_runs_after_all_of_its_days_and_a_summary_after_any(tmp_path: Path) -> None:
    days = "partition: {every: day, from: 2024-01-01}"
    definitions = _definitions(
        tmp_path,
        {
            "days": days,
            "month": "partition: {every: month, from: 2024-01-01}\nafter: reporting/days",
            "summary": "after: reporting/days",
        },
    )
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = _Daemon(definitions, instance, now="2024-03-01T06:00:00+00:00")
        daemon.tick()
        daemon.update("days", *(f"2024-02-{day:02}" for day in range(1, 29)))
        assert daemon.tick() == {"summary": [None]}
        daemon.update("days", "2024-02-29")
        assert daemon.tick() == {"month": ["2024-02-01"], "summary": [None]}


def test_a_day_runs_after_its_own_day_or_the_one_before(tmp_path: Path) -> None:
    days = "partition: {every: day, from: 2024-01-01}"
    definitions = _definitions(
        tmp_path,
        {
            "days": days,
            "same": f"{days}\nafter: reporting/days",
            "next": f"{days}\nafter: reporting/days\npartition_mapping: {{reporting/days: yesterday}}",
        },
    )
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = _Daemon(definitions, instance, now="2024-02-03T06:00:00+00:00")
        daemon.tick()
        daemon.update("days", "2024-02-01")
        assert daemon.tick() == {"next": ["2024-02-02"]}
        daemon.update("days", "2024-02-02")
        assert daemon.tick() == {"same": ["2024-02-02"]}


def test_each_key_follows_its_own(tmp_path: Path) -> None:
    keys = "partition: {keys: [eu, us]}"
    definitions = _definitions(tmp_path, {"a": keys, "b": f"{keys}\nafter: reporting/a"})
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = _Daemon(definitions, instance)
        daemon.tick()
        daemon.update("a", "us")
        assert daemon.tick() == {"b": ["us"]}


def test_a_file_after_a_python_asset_follows_it(tmp_path: Path) -> None:
    @dg.asset(key=["elsewhere", "load"])
    def load() -> None: ...

    definitions = dg.Definitions.merge(
        _definitions(tmp_path, {"a": "after: elsewhere/load"}), dg.Definitions(assets=[load])
    )
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = _Daemon(definitions, instance)
        daemon.tick()
        instance.report_runless_asset_event(dg.AssetMaterialization(["elsewhere", "load"]))
        assert daemon.tick() == {"a": [None]}


def test_a_change_of_the_code_runs_the_file_and_a_change_of_its_layout_does_not(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = _Daemon(_definitions(tmp_path, {"a": "on: code_change\ntimeout: 5m"}), instance)
        assert daemon.tick() == {}
        daemon.definitions = _definitions(tmp_path, {"a": "timeout:   5m\non: code_change"})
        assert daemon.tick() == {}
        daemon.definitions = _definitions(tmp_path, {"a": "on: code_change\ntimeout: 6m"})
        assert daemon.tick() == {"a": [None]}
        assert daemon.tick() == {}


def test_a_new_key_runs_the_file_for_it_and_those_that_were_there_do_not(tmp_path: Path) -> None:
    header = "partition: {query: SELECT region FROM orders}\non: [new_key, code_change]"
    name = "main: SELECT region FROM orders"
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(name, ["eu", "us"])
        daemon = _Daemon(_definitions(tmp_path, {"a": header}), instance)
        assert daemon.tick() == {}
        instance.add_dynamic_partitions(name, ["ap"])
        assert daemon.tick() == {"a": ["ap"]}
        assert daemon.tick() == {}
        daemon.definitions = _definitions(tmp_path, {"a": f"{header}\ntimeout: 5m"})
        assert daemon.tick() == {"a": ["ap", "eu", "us"]}


def test_one_running_sensor_says_which_file_runs_when(tmp_path: Path) -> None:
    files = {"a": "owner: team:x", "b": "after: reporting/a", "c": "after: reporting/b\non: code_change"}
    repository = _definitions(tmp_path, files).get_repository_def()
    (sensor,) = repository.sensor_defs
    assert isinstance(sensor, dg.AutomationConditionSensorDefinition)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.description == (
        "reporting/b: after reporting/a  \nreporting/c: after reporting/b, and on code_change"
    )
    assert sensor.asset_selection.resolve(repository.asset_graph) == {_key("b"), _key("c")}
    label = repository.asset_graph.get(_key("c")).automation_condition.get_label()
    assert label == "after reporting/b or on code_change"


def test_files_without_conditions_need_no_sensor(tmp_path: Path) -> None:
    assert not _definitions(tmp_path, {"a": "every: 1h"}).get_repository_def().sensor_defs


@pytest.mark.parametrize(
    ("header", "policy"),
    [
        ("fresh: 2h", dg.FreshnessPolicy.time_window(dt.timedelta(hours=2))),
        (
            "fresh: {within: 1d, warn: 12h}",
            dg.FreshnessPolicy.time_window(dt.timedelta(days=1), dt.timedelta(hours=12)),
        ),
        (
            'timezone: Asia/Tokyo\nfresh: {by: "0 9 * * *"}',
            dg.FreshnessPolicy.cron("0 9 * * *", dt.timedelta(days=1), "Asia/Tokyo"),
        ),
        (
            'fresh: {by: "0 9 * * MON", within: 3h, timezone: Europe/Berlin}',
            dg.FreshnessPolicy.cron("0 9 * * MON", dt.timedelta(hours=3), "Europe/Berlin"),
        ),
        ("owner: team:x", None),
    ],
)
def test_freshness_is_a_policy_of_the_asset(tmp_path: Path, header: str, policy: dg.FreshnessPolicy | None) -> None:
    node = _definitions(tmp_path, {"a": header}).resolve_asset_graph().get(_key("a"))
    assert node.freshness_policy == policy
