"""A connection is a pool of Dagster's instance, with the limit of the configuration."""

from __future__ import annotations

import datetime as dt
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._daemon.monitoring import concurrency

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.orchestration.pools import apply_limit
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

FILES = {"reporting/one.sql": "SELECT 1 AS one"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance as the project's dagster.yaml makes it."""
    home = tmp_path / "home"
    home.mkdir()
    shipped = Path(__file__).parents[2] / "dagster.yaml"
    (home / "dagster.yaml").write_text(shipped.read_text().replace(".dagster", str(home / "history")))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _limits(instance: dg.DagsterInstance) -> dict[str, int]:
    return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


def _run(config: ConfigManager, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        asset_selection=[dg.AssetKey(["reporting", "one"])], instance=instance, raise_on_error=False
    )


@pytest.mark.usefixtures("jvm")
def test_limit_of_the_configuration_holds_from_the_first_run_on(
    server: PostgresServer, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    limited = server.config.model_copy(update={"concurrency": 2})
    config = make_project(tmp_path, {"main": server.config}, FILES)
    assert _run(config, instance).success
    assert _limits(instance) == {"main": 4}  # the default of dagster.yaml
    settings = (tmp_path / "config.yaml").read_text().replace('"port"', '"concurrency": 2, "port"', 1)
    (tmp_path / "config.yaml").write_text(settings)
    config = ConfigManager.load(tmp_path / "config.yaml", {})
    assert config.connection().concurrency == limited.concurrency
    assert _run(config, instance).success
    assert _limits(instance) == {"main": 2}
    info = instance.event_log_storage.get_concurrency_info("main")
    assert (info.slot_count, info.active_slot_count) == (2, 0)


def test_limit_is_written_only_when_it_differs(instance: dg.DagsterInstance) -> None:
    assert apply_limit(instance, "main", 3)
    assert not apply_limit(instance, "main", 3)
    assert apply_limit(instance, "main", 1)
    assert _limits(instance) == {"main": 1}


def test_slot_that_is_held_outlives_a_smaller_limit(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    apply_limit(instance, "main", 2)
    assert storage.claim_concurrency_slot("main", "a", "step").is_claimed
    assert storage.claim_concurrency_slot("main", "b", "step").is_claimed
    apply_limit(instance, "main", 1)
    assert not storage.claim_concurrency_slot("main", "c", "step").is_claimed
    storage.free_concurrency_slots_for_run("a")
    storage.free_concurrency_slots_for_run("b")
    assert (
        storage.get_concurrency_info("main").active_slot_count + len(storage.get_concurrency_info("main").pending_steps)
        <= 1
    )


def test_comparison_holds_a_slot_of_its_source(tmp_path: Path, server: PostgresServer) -> None:
    files = {
        "reconciliation/both.sql": "/* @asset\nsource: {connection: b, table: t}\ntarget: {connection: main, table: t}\n*/"
    }
    config = make_project(tmp_path, {"main": server.config, "b": server.config}, files)
    graph = build_definitions(config).resolve_asset_graph()
    assert graph.get(dg.AssetKey(["reconciliation", "both"])).pools == {"b"}


_HOLDER = """
import os, sys, dagster as dg
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    assert instance.event_log_storage.claim_concurrency_slot("main", sys.argv[2], "reporting__one").is_claimed
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_slot_of_a_killed_run_is_given_back(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    apply_limit(instance, "main", 1)
    run = instance.create_run_for_job(dg.job(name="held")(lambda: None), status=DagsterRunStatus.STARTED)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "home"), run.run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"claimed\n"
        holder.send_signal(signal.SIGKILL)
    info = instance.event_log_storage.get_concurrency_info("main")
    assert info.active_run_ids == {run.run_id}
    instance.report_run_failed(instance.get_run_by_id(run.run_id))  # as run monitoring does
    _monitor(instance)
    info = instance.event_log_storage.get_concurrency_info("main")
    assert (info.slot_count, info.active_slot_count) == (1, 0)


def _monitor(instance: dg.DagsterInstance) -> None:
    """Let the daemon look for slots of runs that ended, as if the seconds that it waits had passed."""
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(concurrency, "get_current_datetime", lambda: later)
        context = SimpleNamespace(instance=instance)
        errors = list(concurrency.execute_concurrency_slots_iteration(context, logging.getLogger("monitor")))
    assert not any(errors)
