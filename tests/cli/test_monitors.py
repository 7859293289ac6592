"""A monitor on the command line: what it measured, and 1 when a rule is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

FILES = {
    "maintenance/lag.sql": """
        /* @asset
        warn: {column: lag, below: 60}
        */
        SELECT name, lag FROM (VALUES ('a', 10), ('b', 70)) AS lags (name, lag)
    """,
    "maintenance/quiet.sql": "/* @asset\nexpect: {rows: 0}\n*/\nSELECT 1 AS one WHERE false",
}


def test_broken_rule_is_said_with_the_rows_and_exits_with_1(
    command: Command, server: PostgresServer, tmp_path: Path
) -> None:
    make_project(tmp_path, {"main": server.config}, FILES)
    config = tmp_path / "config.yaml"
    done = command("run", "lag", "-c", config)
    assert done.code == 1
    assert "maintenance/lag: 2 rows read in" in done.out
    assert "✗ lag: 1 of 2 rows break the rule: lag below 60; the values reach from 10 to 70." in done.out
    (check,) = json.loads(command("run", "lag", "-c", config, "--json").out)["checks"]
    assert (check["passed"], check["severity"], check["measured"]) == (
        False,
        "warn",
        {"lag_max": 70.0, "lag_min": 10.0},
    )
    quiet = command("run", "quiet", "-c", config)
    assert (quiet.code, "✓ rows: passed" in quiet.out) == (0, True)
    listed = {entry["asset"]: entry for entry in json.loads(command("list", "-c", config, "--json").out)}
    assert listed["maintenance/lag"]["checks"] == ["lag"]
