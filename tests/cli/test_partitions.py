"""`run --partition` takes keys of every form, and `list` says what a file is partitioned by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

REGIONS = "{query: 'SELECT region FROM (VALUES (''eu''), (''us'')) AS r (region)'}"
FILES = {
    "reporting/hours.sql": "/* @asset\npartition: {every: hour, from: 2013-01-01, timezone: America/New_York}\n*/\n"
    "SELECT :partition_start AS start, :partition_end AS stop, :partition_key AS key",
    "reporting/keys.sql": "/* @asset\npartition: {keys: [eu, us]}\n*/\nSELECT :partition_key AS key",
    "reporting/asked.sql": f"/* @asset\npartition: {REGIONS}\n*/\nSELECT :partition_key AS key",
    "reporting/both.sql": f"/* @asset\npartition: {{day: {{every: day, from: 2013-01-01}}, region: {REGIONS}}}\n*/\n"
    "SELECT :partition_start AS start, :partition_key AS key",
}


@pytest.fixture
def project(server: PostgresServer, tmp_path: Path) -> Path:
    return make_project(tmp_path, {"main": server.config}, FILES).folder / "config.yaml"


@pytest.mark.parametrize(
    ("name", "key", "row"),
    [
        (
            "hours",
            "2013-11-03-01:00-0500",
            {"start": "2013-11-03 06:00:00+00:00", "stop": "2013-11-03 07:00:00+00:00", "key": "2013-11-03-01:00-0500"},
        ),
        ("keys", "us", {"key": "us"}),
        ("asked", "eu", {"key": "eu"}),
        ("both", "2013-01-02|eu", {"start": "2013-01-02 00:00:00+00:00", "key": "eu"}),
    ],
)
def test_run_takes_a_key_of_every_form(
    command: Command, project: Path, name: str, key: str, row: dict[str, str]
) -> None:
    done = command("run", f"reporting/{name}", "-p", key, "-c", project, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["partition"] == key
    assert result["first_rows"] == [row]


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        ("hours", None, "reporting/hours is partitioned by hour. Say which: --partition 2013-01-01-00:00"),
        ("keys", None, "reporting/keys is partitioned by keys. Say which: --partition eu"),
        ("both", None, "reporting/both is partitioned by day x region. Say which: --partition '2013-01-01|KEY'"),
        ("keys", "uss", "'uss' is no partition of this file. Did you mean 'us'?"),
        ("asked", "ap", "The query of the keys of reporting/asked does not give 'ap'. Known here: eu, us."),
        ("both", "2013-01-02|ap", "The query of the keys of reporting/both does not give 'ap'. Known here: eu, us."),
    ],
)
def test_run_refuses_a_key_that_is_none(command: Command, project: Path, name: str, key: str | None, said: str) -> None:
    done = command("run", f"reporting/{name}", *(["-p", key] if key else []), "-c", project)
    assert done.code == 2
    assert said in " ".join(done.err.split())


def test_list_says_what_a_file_is_partitioned_by(command: Command, project: Path) -> None:
    listed = {each["asset"]: each["partition"] for each in json.loads(command("list", "-c", project, "--json").out)}
    assert listed == {
        "reporting/asked": "query",
        "reporting/both": "day x region",
        "reporting/hours": "hour",
        "reporting/keys": "keys",
    }
