"""The main job: one command from nothing to every asset materialized on real data."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.embedded.replica import replica_differences
from tests.peers.browser import chromium
from tests.peers.pictures import MODES, difference, take
from tests.peers.processes import readable_folder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def demo() -> tuple[Path, subprocess.CompletedProcess[str]]:  # type: ignore[misc]
    """Run the command in a folder that holds the project's configuration and SQL, and nothing else."""
    with readable_folder("demo") as folder:
        shutil.copytree(ROOT / "sql", folder / "sql")
        for name in ("dagster.yaml", "workspace.yaml"):
            shutil.copy(ROOT / name, folder / name)
        # The command is told its configuration: the one in the folder names a server, and nothing may go there.
        shutil.copy(ROOT / "config.yaml", folder / "demo.yaml")
        with (folder / "demo.yaml").open("a") as file:
            file.write("  elsewhere: {host: elsewhere.invalid, user: nobody}\n")
        (folder / "config.yaml").write_text("connections: {main: {host: elsewhere.invalid, user: nobody}}\n")
        (folder / "sql" / "queries" / "maintenance" / "not_here.sql").write_text(
            "/* @asset\nconnection: elsewhere\n*/\nDELETE FROM anything WHERE old"
        )
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("COCKROACH_", "DAGSTER_"))
        }
        done = subprocess.run(
            [sys.executable, "-c", "from cockroach_pipelines.cli import main; main()", "demo", "--config", "demo.yaml"],
            cwd=folder,
            env={**environment, "COLUMNS": "100"},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        yield folder, done  # type: ignore[misc]


def test_every_asset_is_materialized_and_the_ui_is_named(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = demo
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ 21 assets in" in done.stdout
    assert "uv run dg dev" in done.stdout
    assert "✓ reporting/daily_departures" in done.stdout
    assert "31" in next(line for line in done.stdout.splitlines() if "reporting/daily_departures" in line)


def test_the_reconciliation_finds_exactly_the_seeded_differences(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = demo
    assert (
        "✗ reconciliation/flights_against_replica, check no_differences: 101 rows differ (33 missing, 33 extra, "
        "35 changed) in 336,776 against 336,776 rows."
    ) in done.stdout
    results = folder / ".data" / "results" / "reconciliation"
    found = pq.read_table(results / "flights_against_replica.parquet").to_pylist()
    assert len(found) == 101

    def key(row: dict[str, object]) -> tuple[str, object, object]:
        at = row["time_hour"]
        text = f"{at:%Y-%m-%d %H:%M:%S}+00" if isinstance(at, dt.datetime) else str(at)
        return text, row["carrier"], row["flight"]

    seeded = replica_differences()
    for kind in ("changed", "missing", "extra"):
        keys = {key(row) for row in found if row["kind"] == kind}
        assert keys == {key(row) for row in getattr(seeded, kind).to_pylist()}
    cells = {key(row): (row["column"], row["source"], row["target"]) for row in found if row["kind"] == "changed"}
    for row in seeded.changed.to_pylist():
        assert cells[key(row)] == (row["column_name"], row["flights_value"], row["replica_value"])


def test_the_reconciliation_writes_sql_that_would_mend_either_side(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = demo
    results = folder / ".data" / "results" / "reconciliation"
    for side, table in (("target", "flights_replica"), ("source", "flights")):
        text = (results / f"flights_against_replica.mend_{side}.sql").read_text()
        counts = [len(re.findall(rf"^{word} {table} ", text, re.MULTILINE)) for word in ("DELETE FROM", "UPDATE")]
        assert (counts, f"INSERT INTO {table} " in text) == ([33, 35], True)


def test_each_day_of_january_has_its_file(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = demo
    files = sorted((folder / ".data" / "results" / "reporting" / "daily_departures").glob("*.parquet"))
    assert [file.stem for file in files] == [f"2013-01-{day:02}" for day in range(1, 32)]
    assert sum(sum(pq.read_table(file)["scheduled"].to_pylist()) for file in files) == 27004  # flights with month = 1


def test_history_is_kept_beside_the_project_and_nothing_is_open_to_others(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = demo
    assert (folder / ".dagster" / "storage").is_dir()
    written = [path for top in (".data", ".dagster") for path in (folder / top).rglob("*") if path.is_file()]
    assert len(written) > 40
    assert [path for path in written if path.stat().st_mode & 0o077] == []


def test_no_server_is_left_behind(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = demo
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in running


def test_the_documented_python_without_dagster_runs(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = demo
    section = (ROOT / "docs" / "python.md").read_text().partition("\n\n")[2]
    code = "\n".join(line[4:] for line in section.partition("\n`read` gives")[0].splitlines())
    shown = "\n    print(main.query('SELECT count(*), sum(flights), min(flights) FROM departures'))"
    done = subprocess.run(
        [sys.executable, "-c", code.rstrip() + shown],
        cwd=folder,
        env={**os.environ, "COCKROACH_PIPELINES_CONFIG": "demo.yaml"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "[(10, 69203, 0)]\n", done.stderr


PICTURES = {
    "daily_operations": "2013-01-31",
    "carrier_league": "2013-01-01",
    "delay_heatmap": "_",
}


@pytest.mark.browser
def test_the_reports_look_as_they_are_shown(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = demo
    reports = folder / ".data" / "results" / "reports"
    assert (reports / "index.html").is_file()
    apart: dict[str, float] = {}
    with chromium() as browser:
        for name, partition in PICTURES.items():
            (page,) = (reports / "reporting" / name / partition).glob("*/report.html")
            for mode in MODES:
                picture = f"{name}-{mode}"
                apart[picture] = difference(take(browser, page, mode), ROOT / "docs" / "reports" / f"{picture}.png")
    assert {name: value for name, value in apart.items() if value > 0.05} == {}
