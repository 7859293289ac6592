"""Terminating a run in Dagster ends its statement on the server."""

from __future__ import annotations

import time
from collections.abc import Mapping

import psycopg
import pytest

from tests.peers.dagster_dev import DagsterDev
from tests.peers.waiting import wait_until

SILENT = "reporting/silent"
ENDLESS = "reporting/endless"
MAINTENANCE = "maintenance/slow_delete"
COMPARISON = "reconciliation/silent_sides"
ASSETS = (SILENT, ENDLESS, MAINTENANCE, COMPARISON)
SESSIONS = {COMPARISON: 2}

LONGEST_SECONDS = 2.0

RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND application_name LIKE %s"


@pytest.fixture(scope="module")
def runs(ui: DagsterDev, administrator: psycopg.Connection) -> Mapping[str, str]:
    """Runs whose statements are under way; started together, since a run takes its time to begin."""
    started = {asset: ui.launch(asset) for asset in ASSETS}

    def waiting() -> list[str]:
        return [
            f"{asset} {ui.status(run)}"
            for asset, run in started.items()
            if statements(administrator, asset, run) < SESSIONS.get(asset, 1)
        ]

    wait_until(lambda: not waiting(), 180, lambda: f"no statement of {waiting()}")
    return started


@pytest.mark.parametrize("asset", ASSETS)
def test_terminated_run_is_canceled_and_its_statement_gone(
    asset: str, runs: Mapping[str, str], ui: DagsterDev, administrator: psycopg.Connection
) -> None:
    run = runs[asset]
    began = time.monotonic()
    ui.terminate(run)
    wait_until(lambda: statements(administrator, asset, run) == 0, LONGEST_SECONDS, lambda: "the statement still runs")
    gone = time.monotonic() - began
    assert ui.wait_for_end(run) == "CANCELED"
    canceled = time.monotonic() - began
    print(f"{asset}: statement gone after {gone:.2f} s, run CANCELED after {canceled:.2f} s")
    assert gone < LONGEST_SECONDS


def test_terminated_runs_leave_nothing(
    runs: Mapping[str, str], ui: DagsterDev, administrator: psycopg.Connection
) -> None:
    for asset, run in runs.items():
        assert ui.wait_for_end(run) == "CANCELED"
        assert statements(administrator, asset, run) == 0
    results = ui.folder / ".data" / "results"
    assert [
        path
        for path in results.rglob("*")
        if path.is_file() and path.stem in ("silent", "endless", "1", "silent_sides", "differences")
    ] == []
    (deletable,) = administrator.execute("SELECT count(*) FROM flight_events").fetchone() or (0,)
    assert deletable == 36_489


def statements(administrator: psycopg.Connection, asset: str, run: str) -> int:
    """Number of sessions in which the run's statement is under way."""
    (count,) = administrator.execute(RUNNING, [f"%/{asset}/{run[:8]}"]).fetchone() or (0,)
    return int(count)
