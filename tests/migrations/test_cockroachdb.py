"""What only CockroachDB does: one statement at a time, a job that outlives its connection, no way back.

PostgreSQL stands behind the driver's boundary; what it cannot say is scripted there in CockroachDB's words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockroach_pipelines.database import Dialect, PartlyCommittedError, StatementError
from cockroach_pipelines.execution.schema_changes import (
    HistoryTables,
    SchemaChangeJobError,
    StatementInDoubtError,
)
from cockroach_pipelines.migrations import MigrationStateError
from cockroach_pipelines.queries import QueryFileError
from tests.migrations.conftest import Project
from tests.peers.scripted import Script, scripted, server_error

VERSION = "CockroachDB CCL v25.2.1 (x86_64-pc-linux-gnu, built 2025/06/18)"
NOTICE = "waiting for job(s) to complete: 977234515298549762\nIf the statement is canceled, jobs will continue in the background."
LOST = "An I/O error occurred while sending to the backend."
SNAPSHOTS = Path(__file__).with_name("snapshots")


class Cluster:
    """A server that says it is CockroachDB."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.jobs = "succeeded"
        self.since: list[int] = []
        script.version = VERSION
        script.instead = self._as_postgresql

    def _as_postgresql(self, sql: str) -> str:
        if sql.startswith(("SHOW JOB WHEN COMPLETE ", "CANCEL SESSION")):
            return "SELECT 1"
        if sql == "SHOW session_id":
            return "SELECT 'abc1'"
        if "FROM [SHOW JOB " in sql:
            error = "" if self.jobs == "succeeded" else 'duplicate key value violates unique constraint "i"'
            return f"SELECT '{self.jobs}', '{error}'"
        if "FROM [SHOW JOBS]" in sql:
            found = ",".join(map(str, self.since)) or "NULL"
            return f"SELECT job FROM unnest(ARRAY[{found}]::int8[]) AS job WHERE job IS NOT NULL AND ?::timestamptz IS NOT NULL AND ?::text LIKE 'CREATE %'"
        return sql

    def lose_connection_at(self, words: str, *, notice: str = "") -> None:
        """Let the connection break while a statement runs, after a notice."""
        if notice:
            self.script.notices.append((words, notice))
        self.script.errors.append((words, server_error("08006", LOST)))

    @property
    def waited_for(self) -> list[str]:
        return [sql for sql in self.script.seen if sql.startswith("SHOW JOB WHEN COMPLETE")]


@pytest.fixture
def cluster(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with scripted(project.connections, monkeypatch, Script()) as script:
        yield Cluster(script)


def check_snapshot(name: str, text: str) -> None:
    """Compare with what was reviewed; `SNAPSHOTS=write` writes it anew."""
    path = SNAPSHOTS / f"{name}.sql"
    if os.environ.get("SNAPSHOTS") == "write":
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("dialect", list(Dialect))
def test_tables_are_made_by_the_texts_that_were_reviewed(dialect: Dialect) -> None:
    definitions = HistoryTables("public", "flyway_schema_history").definitions(dialect)
    check_snapshot(dialect, "".join(f"{sql};\n" for texts in definitions.values() for sql in texts))


@pytest.mark.parametrize("dialect", list(Dialect))
def test_server_is_sent_the_texts_that_were_reviewed(project: Project, cluster: Cluster, dialect: Dialect) -> None:
    """Every statement of a run over three files, one of which loses its connection, in order."""
    project.write("V1__a.sql", "CREATE TABLE IF NOT EXISTS {s}.a (id int)")
    project.write("V2__rows.sql", "INSERT INTO {s}.a VALUES (1)")
    project.write("V3__i.sql", "SET lock_timeout = '10s';\nCREATE INDEX i ON {s}.a (id)")
    if dialect is Dialect.COCKROACHDB:
        cluster.since = [11]
        cluster.lose_connection_at("CREATE INDEX i")
    else:
        cluster.script.version = None
    project.migrator().apply()
    sent = [
        sql.replace(f'"{project.schema}"', '"public"').replace(project.schema, "public") for sql in cluster.script.seen
    ]
    check_snapshot(f"{dialect}-run", "".join(f"{sql};\n" for sql in sent))


def test_each_statement_is_kept_by_itself_and_the_file_goes_on_where_it_failed(
    project: Project, cluster: Cluster
) -> None:
    text = """
        CREATE TABLE IF NOT EXISTS {s}.a (id int);
        ALTER TABLE {s}.a ADD COLUMN IF NOT EXISTS b int;
        ALTER TABLE {s}.a ADD COLUMN IF NOT EXISTS c nothing;
        CREATE INDEX IF NOT EXISTS i ON {s}.a (b);
        """
    project.write("V1__a.sql", text)
    with pytest.raises(StatementError, match=r"V1__a.sql:3:.*type \"nothing\" does not exist") as caught:
        project.migrator().apply()
    assert "The 2 statements before it are kept." in caught.value.advice
    assert project.history() == ["1 1 V1__a.sql false"]
    assert (
        project.psql("SELECT count(*) FROM information_schema.columns WHERE table_schema = '{s}' AND table_name = 'a'")
        == "2"
    )
    project.write("V1__a.sql", text.replace("nothing", "int"))
    project.migrator().repair()
    cluster.script.seen.clear()
    (done,) = project.migrator().apply().done
    assert done.began_at == 3
    assert not any("CREATE TABLE IF NOT EXISTS" in sql and ".a " in sql for sql in cluster.script.seen)
    assert project.history() == ["1 1 V1__a.sql true"]


def test_lost_connection_waits_for_the_job_that_the_server_named(project: Project, cluster: Cluster) -> None:
    project.write("V1__a.sql", "CREATE TABLE IF NOT EXISTS {s}.a (id int)")
    project.write("V2__i.sql", "CREATE INDEX i ON {s}.a (id);\nALTER TABLE {s}.a ADD COLUMN IF NOT EXISTS d int")
    cluster.lose_connection_at("CREATE INDEX i", notice=NOTICE)
    project.migrator().apply()
    assert cluster.waited_for == ["SHOW JOB WHEN COMPLETE 977234515298549762"]
    assert sum("CREATE INDEX i" in sql for sql in cluster.script.seen) == 1
    assert project.history() == ["1 1 V1__a.sql true", "2 2 V2__i.sql true"]


def test_lost_connection_without_a_notice_looks_for_jobs_since_the_statement_began(
    project: Project, cluster: Cluster
) -> None:
    project.write("V1__i.sql", "CREATE TABLE {s}.a (id int)")
    cluster.since = [11, 12]
    cluster.lose_connection_at("CREATE TABLE")
    cluster.script.errors[0] = (f"CREATE TABLE {project.schema}.a", cluster.script.errors[0][1])
    project.migrator().apply()
    assert cluster.waited_for == ["SHOW JOB WHEN COMPLETE 11", "SHOW JOB WHEN COMPLETE 12"]
    (looked,) = [sql for sql in cluster.script.seen if "FROM [SHOW JOBS]" in sql]
    assert "job_type IN ('SCHEMA CHANGE', 'NEW SCHEMA CHANGE')" in looked
    assert project.history() == ["1 1 V1__i.sql true"]


def test_job_that_failed_after_its_connection_is_told_with_its_error(project: Project, cluster: Cluster) -> None:
    path = project.write("V1__i.sql", "SELECT 1;\nCREATE UNIQUE INDEX i ON {s}.a (id)")
    cluster.jobs = "failed"
    cluster.lose_connection_at("CREATE UNIQUE INDEX i", notice=NOTICE)
    with pytest.raises(SchemaChangeJobError) as caught:
        project.migrator().apply()
    assert "job 977234515298549762 failed: duplicate key value" in caught.value.message
    assert str(caught.value.place) == f"{path}:2:1"
    assert project.history() == ["1 1 V1__i.sql false"]


def test_lost_statement_that_may_run_twice_runs_again(project: Project, cluster: Cluster) -> None:
    project.write("V1__a.sql", "CREATE TABLE IF NOT EXISTS {s}.a (id int)")
    cluster.lose_connection_at(f"CREATE TABLE IF NOT EXISTS {project.schema}.a")
    project.migrator().apply()
    assert project.history() == ["1 1 V1__a.sql true"]
    assert project.psql("SELECT to_regclass('{s}.a') IS NOT NULL") == "t"


@pytest.mark.parametrize("decision", ["ran", "again"])
def test_lost_statement_of_which_nobody_knows_waits_for_a_person(
    project: Project, cluster: Cluster, decision: str
) -> None:
    path = project.write("V1__a.sql", "CREATE TABLE IF NOT EXISTS {s}.a (id int);\nCREATE INDEX i ON {s}.a (id)")
    cluster.lose_connection_at("CREATE INDEX i")
    with pytest.raises(StatementInDoubtError, match="Nobody knows whether statement 2 ran") as caught:
        project.migrator().apply()
    assert str(caught.value.place) == f"{path}:2:1"
    with pytest.raises(MigrationStateError, match="is failed: nobody knows whether statement 2"):
        project.migrator().apply()
    with pytest.raises(MigrationStateError, match="--in-doubt ran, or --in-doubt again"):
        project.migrator().repair()
    project.migrator().repair(in_doubt=decision)
    project.migrator().apply()
    assert project.history() == ["1 1 V1__a.sql true"]
    assert project.psql("SELECT count(*) FROM pg_indexes WHERE schemaname = '{s}' AND indexname = 'i'") == (
        "0" if decision == "ran" else "1"
    )


def test_statement_whose_process_was_killed_is_found_out_about(project: Project, cluster: Cluster) -> None:
    project.write("V1__a.sql", "CREATE TABLE IF NOT EXISTS {s}.a (id int);\nCREATE INDEX i ON {s}.a (id)")
    migrator = project.migrator()
    with migrator.changes.locked():
        pass
    (_, found) = migrator.info()
    fingerprints = [
        statement.fingerprint for entry in found.entries if entry.file for statement in entry.file.statements
    ]
    project.psql(
        "INSERT INTO {s}.flyway_schema_history_statements (script, statement, fingerprint, state) VALUES "
        f"('V1__a.sql', 1, '{fingerprints[0]}', 'done'), ('V1__a.sql', 2, '{fingerprints[1]}', 'running')"
    )
    cluster.since = [7]
    (done,) = migrator.apply().done
    assert (done.began_at, cluster.waited_for) == (2, ["SHOW JOB WHEN COMPLETE 7"])
    assert project.history() == ["1 1 V1__a.sql true"]


def test_rows_are_changed_exactly_once_although_the_connection_is_lost(project: Project, cluster: Cluster) -> None:
    project.write("V1__a.sql", "CREATE TABLE IF NOT EXISTS {s}.a (id int)")
    project.write("V2__rows.sql", "INSERT INTO {s}.a VALUES (1);\nINSERT INTO {s}.a VALUES (2)")
    cluster.lose_connection_at(f"INSERT INTO {project.schema}.a VALUES (1)")
    project.migrator().apply()
    assert project.psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM {s}.a") == "1,2"


def test_schema_change_that_met_another_transaction_runs_again(project: Project, cluster: Cluster) -> None:
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    retry = "restart transaction: TransactionRetryWithProtoRefreshError: RETRY_SERIALIZABLE"
    cluster.script.errors.append((f"CREATE TABLE {project.schema}.a", server_error("40001", retry)))
    project.migrator().apply()
    assert project.history() == ["1 1 V1__a.sql true"]


def test_data_that_was_committed_without_its_schema_change_is_never_run_again(
    project: Project, cluster: Cluster
) -> None:
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    partly = "transaction committed but schema change aborted with error: (23505): duplicate key value"
    cluster.script.errors.append((f"CREATE TABLE {project.schema}.a", server_error("XXA00", partly)))
    with pytest.raises(PartlyCommittedError, match="never run it blindly again"):
        project.migrator().apply()
    assert project.history() == ["1 1 V1__a.sql false"]


def test_file_that_mixes_definitions_and_rows_is_refused_before_anything_runs(
    project: Project, cluster: Cluster
) -> None:
    project.write("V1__a.sql", "CREATE TABLE IF NOT EXISTS {s}.a (id int);\nINSERT INTO {s}.a VALUES (1)")
    with pytest.raises(QueryFileError, match=r"V1__a.sql:2:1: The file changes both definitions and rows"):
        project.migrator().apply()
    assert project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = '{s}'") == "0"
