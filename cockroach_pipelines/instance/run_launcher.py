"""A run launcher that notices when the process of a run is gone."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.tags import GRPC_INFO_TAG

_BEGAN = re.compile(r"Started process for run \(pid: (\d+)\)")
_THIS_MACHINE = frozenset({"", "localhost", "127.0.0.1", "::1"})
_FIRST_EVENTS = 50
_CLOCK_IS_SET_BY_SECONDS = 60.0  # a run that is alive must never be taken for dead


class MonitoredRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, whose runs end as failed once their process is gone, however that came.

    A process that dies is noticed by the code server that started it. When that dies as well, with the machine or by the
    hand that killed all of them, the run would be STARTED for ever, and hold its slots. Here run monitoring looks for the
    process at each of its intervals. It is the `run_launcher` of dagster.yaml; of code servers on other machines nothing
    is known, and their runs are left alone.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """That run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say whether the process of a run is there."""
        began = self._began(run)
        if began is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "Nothing is known of its process.")
        process, at = began
        if _runs_since(process, at):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"Its process, {process}, is gone.")

    def _began(self, run: dg.DagsterRun) -> tuple[int, float] | None:
        """Give the process of a run on this machine, and when it said that it had begun."""
        if not _is_here(run):
            return None
        records = self._instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=_FIRST_EVENTS, ascending=True
        ).records
        for entry in (record.event_log_entry for record in records):
            if entry.dagster_event and (said := _BEGAN.match(entry.dagster_event.message or "")):
                return int(said[1]), entry.timestamp
        return None


def _is_here(run: dg.DagsterRun) -> bool:
    server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    return bool(server.get("socket")) or str(server.get("host", "elsewhere")) in _THIS_MACHINE


def _runs_since(process: int, moment: float) -> bool:
    """Whether a process runs that had begun by a moment: its number may since have become another one's."""
    if not Path("/proc/stat").exists():  # not Linux
        with suppress(ProcessLookupError):
            os.kill(process, 0)
            return True
        return False
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    state, began = fields[0], int(fields[19]) / os.sysconf("SC_CLK_TCK")
    (booted,) = (line.split()[1] for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    return state not in "ZX" and int(booted) + began <= moment + _CLOCK_IS_SET_BY_SECONDS
