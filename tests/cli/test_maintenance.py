"""Batch jobs on the command line: run, list, status, arm, pause, resume, audit, and their exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.execution.lease import Lease
from cockroach_pipelines.maintenance.own_tables import OwnTables
from tests.cli.conftest import Command
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

FILES = {
    "maintenance/purge.sql": """
        /* @asset
        batch: {table: pages, key: id, size: {start: 100, min: 100, max: 100}, archive: kept}
        checks: {nothing_old: SELECT id FROM pages WHERE old}
        */
        DELETE FROM pages WHERE old
    """,
    "maintenance/throttled.sql": """
        /* @asset
        batch: {table: pages, key: id, pause: {when: "SELECT 'somebody copies'", every: 10ms, longest: 50ms}}
        */
        DELETE FROM pages WHERE old
    """,
    "maintenance/older.sql": "DELETE FROM pages WHERE at < now() - INTERVAL '30 days'",
    "reporting/pages.sql": "SELECT count(*) FROM pages",
}


@pytest.fixture
def project(server: PostgresServer, tmp_path: Path) -> Iterator[Path]:
    server.psql(
        "DROP TABLE IF EXISTS pages; DROP SCHEMA IF EXISTS cockroach_pipelines CASCADE;"
        "CREATE TABLE pages (id int PRIMARY KEY, old boolean, at timestamptz DEFAULT now());"
        "INSERT INTO pages SELECT n, n % 2 = 0 FROM generate_series(1, 1000) AS n; ALTER TABLE pages OWNER TO tester; ANALYZE pages"
    )
    yield make_project(tmp_path, {"main": server.config}, FILES).folder / "config.yaml"
    server.psql("DROP TABLE IF EXISTS pages; DROP SCHEMA IF EXISTS cockroach_pipelines CASCADE")


def test_a_file_is_looked_at_armed_and_run(command: Command, project: Path, server: PostgresServer) -> None:
    looked = command("run", "purge", "-c", project)
    assert looked.code == 0, looked.err
    assert "dry run: would touch about 500 rows of 1,000 (50.0%); nothing was changed" in looked.out
    assert "Index Scan using pages_pkey" in looked.out
    assert "key: id, by the index pages_pkey" in looked.out
    assert "cockroach-pipelines maintenance arm maintenance/purge, or run it with --arm" in looked.out
    assert server.psql("SELECT count(*) FROM pages") == "1000"
    assert (
        command("maintenance", "arm", "purge", "-c", project).out
        == "✓ maintenance/purge may change data, as it is now\n"
    )
    done = command("run", "purge", "-c", project)
    assert done.code == 0, done.err
    assert re.search(r"maintenance/purge: 500 rows in 6 batches, .* rows/s; ended: done on main \(PostgreSQL", done.out)
    assert "deleted rows are in" in done.out
    assert "✓ nothing_old: passed" in done.out
    assert server.psql("SELECT count(*) FROM pages") == "500"


def test_arming_takes_a_look_first(command: Command, project: Path) -> None:
    refused = command("maintenance", "arm", "purge", "-c", project)
    assert refused.code == 1
    assert "maintenance/purge has had no dry run as it is now." in refused.err
    assert "cockroach-pipelines run maintenance/purge --dry-run" in refused.err


def test_a_run_can_arm_and_says_all_as_json(command: Command, project: Path) -> None:
    done = command("run", "purge", "--arm", "--json", "-c", project)
    record = json.loads(done.out)
    told = ("end_reason", "rows", "batches", "resumes", "dry_run")
    assert [record[name] for name in told] == ["done", 500, 6, 0, None]
    assert record["checks"] == [{"check": "nothing_old", "passed": True, "wrong_rows": 0, "error": None}]
    dry = json.loads(command("run", "purge", "--dry-run", "--json", "-c", project).out)["dry_run"]
    assert (dry["table_rows"], dry["index"], dry["unique_key"]) == (1000, "pages_pkey", True)


def test_a_throttled_run_exits_with_4(command: Command, project: Path) -> None:
    done = command("run", "throttled", "--arm", "-c", project)
    assert done.code == 4
    assert "ended: throttled (somebody copies)" in done.out


def test_a_job_that_another_process_holds_exits_with_4(command: Command, project: Path, server: PostgresServer) -> None:
    command("run", "purge", "-c", project)
    with ConnectionManager({"main": server.config}) as connections, connections.lend() as connection:
        Lease(OwnTables().holders, "maintenance/purge", "somebody@elsewhere").take(connection)
        connection.commit()
    held = command("run", "purge", "--arm", "-c", project)
    assert held.code == 4
    said = r"maintenance/purge is held by somebody@elsewhere since 20.* UTC, until 20.* UTC unless renewed; this run did nothing\."
    assert re.search(said, held.err)
    status = command("maintenance", "status", "purge", "-c", project)
    assert status.code == 4
    assert "held by somebody@elsewhere since" in status.out


def test_jobs_are_paused_and_resumed_by_name_or_all(command: Command, project: Path) -> None:
    assert command("pause", "purge", "--reason", "month end", "-c", project).code == 0
    paused = command("run", "purge", "--arm", "-c", project)
    assert (paused.code, "ended: paused" in paused.out, "month end" in paused.out) == (4, True, True)
    assert "maintenance/purge may run again" in command("resume", "purge", "-c", project).out
    assert "every job of main is paused" in command("maintenance", "pause", "--all", "-c", project).out
    listed = json.loads(command("maintenance", "list", "--json", "-c", project).out)
    assert [(each["job"], each["state"]) for each in listed] == [
        ("maintenance/purge", "paused"),
        ("maintenance/throttled", "paused"),
    ]
    assert command("maintenance", "resume", "--all", "-c", project).code == 0
    assert "maintenance/purge" in command("maintenance", "list", "-c", project).out
    neither = command("pause", "-c", project)
    assert (neither.code, "Name one batch file, or write --all." in neither.err) == (2, True)


def test_the_audit_has_every_batch(command: Command, project: Path) -> None:
    command("run", "purge", "--arm", "-c", project)
    shown = command("maintenance", "audit", "purge", "-c", project)
    assert "done" in shown.out
    record = json.loads(command("maintenance", "audit", "purge", "--json", "-c", project).out)
    assert sum(each["rows"] for each in record["batches"]) == 500
    assert [(each["rows"], each["batches"], each["reason"]) for each in record["runs"]] == [(500, 6, "done")]
    assert all(each["archive"].endswith(".parquet") for each in record["batches"] if each["rows"])


def test_only_batch_files_are_armed_and_looked_at(command: Command, project: Path) -> None:
    for option in ("--arm", "--dry-run"):
        wrong = command("run", "pages", option, "-c", project)
        assert (wrong.code, "reporting/pages has no `batch`" in wrong.err) == (2, True)
    unknown = command("maintenance", "status", "pages", "-c", project)
    assert (unknown.code, "There is no batch file 'pages'." in unknown.err) == (2, True)


def test_check_proposes_ttl_where_the_database_may_be_cockroachdb(command: Command, project: Path) -> None:
    checked = command("check", "-c", project)
    assert checked.code == 0
    assert "maintenance/older: CockroachDB deletes rows older than a span by itself" in checked.err
    verdicts = json.loads(command("check", "--json", "-c", project).out)
    assert [each["name"] for each in verdicts if "note" in each] == ["maintenance/older"]
