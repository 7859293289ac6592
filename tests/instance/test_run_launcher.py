"""A run whose process is gone ends, whoever killed it, and whoever was to notice."""

from __future__ import annotations

import datetime as dt
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.monitoring import execute_concurrency_slots_iteration, execute_run_monitoring_iteration

from tests.peers.waiting import wait_until

HERE = json.dumps({"host": "localhost", "socket": "/tmp/a_socket"})
ELSEWHERE = json.dumps({"host": "code.example.com", "port": 4000})
LOG = logging.getLogger("tests")


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance of the project's own dagster.yaml."""
    shipped = yaml.safe_load((Path(__file__).parents[2] / "dagster.yaml").read_text())
    wanted = {name: shipped[name] for name in ("run_launcher", "run_monitoring", "telemetry")}
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance")), overrides=wanted) as instance:
        yield instance


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield started
    started.kill()
    started.wait()


def _started(instance: dg.DagsterInstance, process: int, server: str = HERE) -> dg.DagsterRun:
    """A run that a process said it works on, and that holds a slot."""
    run = create_run_for_test(
        instance, job_name="job", status=dg.DagsterRunStatus.STARTED, tags={GRPC_INFO_TAG: server}
    )
    instance.report_engine_event(f"Started process for run (pid: {process}).", run)
    instance.event_log_storage.set_concurrency_slots(run.run_id, 1)  # a pool of its own
    assert instance.event_log_storage.claim_concurrency_slot(run.run_id, run.run_id, "a_step").is_claimed
    return run


def _status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    """What the run is after run monitoring has looked at it."""
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
        assert not any(execute_run_monitoring_iteration(context, LOG))
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found.status


def test_run_ends_when_its_process_is_killed_and_nobody_saw_it(
    instance: dg.DagsterInstance, process: subprocess.Popen[bytes]
) -> None:
    run = _started(instance, process.pid)
    assert _status(instance, run) is dg.DagsterRunStatus.STARTED
    process.kill()
    process.wait()
    assert _status(instance, run) is dg.DagsterRunStatus.FAILURE
    ends = [entry.dagster_event for entry in instance.all_logs(run.run_id, dg.DagsterEventType.RUN_FAILURE)]
    assert [f"Its process, {process.pid}, is gone." in str(end and end.message) for end in ends] == [True]


def test_slots_of_a_run_that_ended_so_are_free(
    instance: dg.DagsterInstance, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _started(instance, process.pid)
    process.kill()
    # Nobody waited for it: the system still has it, as dead.
    wait_until(lambda: _status(instance, run) is dg.DagsterRunStatus.FAILURE, 60, lambda: "it is still STARTED")
    ended = instance.get_run_record_by_id(run.run_id)
    assert ended
    later = ended.update_timestamp + dt.timedelta(minutes=1)
    monkeypatch.setattr("dagster._daemon.monitoring.concurrency.get_current_datetime", lambda: later)
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
        list(execute_concurrency_slots_iteration(context, LOG))
    assert instance.event_log_storage.get_concurrency_info(run.run_id).active_slot_count == 0


def test_number_that_is_another_process_by_now_is_not_the_runs(instance: dg.DagsterInstance) -> None:
    run = _started(instance, 1)
    launcher = instance.run_launcher
    assert launcher.check_run_worker_health(run).status.value == "RUNNING"
    with pytest.MonkeyPatch.context() as patch:  # as if the run had begun long before the machine did
        patch.setattr("cockroach_pipelines.instance.run_launcher._CLOCK_IS_SET_BY_SECONDS", -1e9)
        assert launcher.check_run_worker_health(run).status.value == "FAILED"


@pytest.mark.parametrize("server", [ELSEWHERE, "{}"])
def test_processes_of_other_machines_are_left_alone(instance: dg.DagsterInstance, server: str) -> None:
    run = _started(instance, 2**22 + 1, server)
    assert _status(instance, run) is dg.DagsterRunStatus.STARTED
