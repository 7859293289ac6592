"""A runner that is killed leaves a lease that expires, and a file that goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cockroach_pipelines.execution.lease import LeaseHeldError
from tests.migrations.conftest import Project
from tests.peers.project import make_project
from tests.peers.waiting import wait_until


def test_runner_that_was_killed_is_followed_where_it_ended(project: Project, tmp_path: Path) -> None:
    make_project(tmp_path, {"main": project.server.config}, {"reporting/one.sql": "SELECT 1 AS one"})
    config = tmp_path / "config.yaml"
    own = {"folder": str(project.folder), "history": f"{project.schema}.flyway_schema_history"}
    config.write_text(json.dumps(json.loads(config.read_text()) | {"migrations": {"main": own}}))
    project.write(
        "V1__a.sql",
        "-- transaction: false\nCREATE TABLE {s}.a (id int);\nINSERT INTO {s}.a VALUES (1);\nCREATE TABLE {s}.b AS SELECT pg_sleep(60) IS NULL AS n;",
    )
    running = f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CREATE TABLE {project.schema}.b %'"
    program = Path(sys.executable).with_name("cockroach-pipelines")
    command = [str(program), "migrate", "apply", "-c", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        wait_until(lambda: project.psql(running) == "1", 90, lambda: "the third statement does not run")
        process.send_signal(signal.SIGKILL)
    project.psql(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE {project.schema}.b %'"
    )
    with pytest.raises(LeaseHeldError, match="unless renewed"):
        project.migrator().apply()
    project.psql("UPDATE {s}.flyway_schema_history_lease SET expires_on = now()")
    migrator = project.migrator()
    (_, found) = migrator.info()
    assert [entry.note for entry in found.entries] == [
        "statement 3 of 3 (line 4) was begun, and nobody wrote down its end"
    ]
    migrator.repair(in_doubt="again")
    project.write("V1__a.sql", (project.folder / "V1__a.sql").read_text().replace("pg_sleep(60)", "pg_sleep(0)"))
    (done,) = migrator.apply().done
    assert (done.began_at, project.psql("SELECT count(*) FROM {s}.a")) == (3, "1")
    assert project.history() == ["1 1 V1__a.sql true"]
