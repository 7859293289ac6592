"""A sensor can be tried by Dagster's own command, without a daemon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.peers.postgres import PostgresServer
from tests.peers.processes import inherited
from tests.peers.project import make_project


def test_preview_of_a_watermark_asks_the_database_and_tells_the_run(server: PostgresServer, tmp_path: Path) -> None:
    make_project(
        tmp_path, {"main": server.config}, {"reporting/totals.sql": "/* @asset\nwatch: SELECT 7\n*/\nSELECT 1 AS one\n"}
    )
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    dagster = Path(sys.executable).with_name("dagster")
    done = subprocess.run(
        [dagster, "sensor", "preview", "watch__reporting__totals", "-m", "cockroach_pipelines.definitions"],
        cwd=tmp_path,
        env=inherited(DAGSTER_HOME=str(home)),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Sensor returning run requests for 1 run(s)" in done.stdout
