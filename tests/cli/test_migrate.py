"""`cockroach-pipelines migrate`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cockroach_pipelines.config import DatabaseConfig
from tests.cli.conftest import Command, Finished
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

HISTORY = "cli_migrated.flyway_schema_history"


@dataclass
class Cli:
    command: Command
    folder: Path

    def __call__(self, *arguments: object) -> Finished:
        return self.command("migrate", *arguments, "-c", self.folder / "config.yaml")

    def write(self, name: str, text: str) -> None:
        (self.folder / "sql" / "migrations" / name).write_text(text)


@pytest.fixture
def migrate(command: Command, server: PostgresServer, tmp_path: Path) -> Iterator[Cli]:
    server.psql("DROP SCHEMA IF EXISTS cli_migrated CASCADE; CREATE SCHEMA cli_migrated AUTHORIZATION tester")
    make_project(tmp_path, {"main": server.config}, {"reporting/one.sql": "SELECT 1 AS one"})
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"migrations": {"main": {"history": HISTORY}}}))
    (tmp_path / "sql" / "migrations").mkdir()
    cli = Cli(command, tmp_path)
    cli.write("V1__first_tables.sql", "CREATE TABLE cli_migrated.a (id int);\nCREATE TABLE cli_migrated.b (id int)")
    cli.write("V2__rows.sql", "INSERT INTO cli_migrated.a VALUES (1)")
    yield cli
    server.psql("DROP SCHEMA cli_migrated CASCADE")


def test_apply_says_each_file_and_info_their_states(migrate: Cli) -> None:
    planned = migrate("apply", "--dry-run")
    assert planned.code == 0
    assert "  1: CREATE TABLE cli_migrated.a (id int)" in planned.out
    assert "2 migrations would be applied to main" in planned.out
    applied = migrate("apply")
    assert (applied.code, "✓ V1__first_tables.sql: 2 statements in" in applied.out) == (0, True), applied.err
    assert "✓ 2 migrations applied to main" in applied.out
    migrate.write("V3__more.sql", "SELECT 1")
    info = migrate("info")
    assert info.code == 0
    assert "first tables" in info.out
    assert "1 pending, 0 wrong" in info.out
    entries = json.loads(migrate("info", "--json").out)
    assert [(entry["version"], entry["state"], entry["installed_rank"]) for entry in entries] == [
        ("1", "applied", 1),
        ("2", "applied", 2),
        ("3", "pending", None),
    ]


def test_validate_exits_with_1_when_something_is_wrong_and_names_all_of_it(migrate: Cli) -> None:
    assert migrate("validate").code == 0
    migrate("apply")
    migrate.write("V1__first_tables.sql", "CREATE TABLE cli_migrated.a (id bigint)")
    migrate.write("V3__drop.sql", "SELECT 1;\nDROP TABLE cli_migrated.a")
    migrate.write("notes.sql", "SELECT 1")
    done = migrate("validate")
    assert done.code == 1
    assert "✗ version 1 (V1__first_tables.sql) is tampered with: its checksum was" in done.out
    assert "V3__drop.sql:2:1: DROP TABLE destroys data" in done.out
    assert "notes.sql: The name is none of a migration." in done.out
    assert "3 problems, 0 warnings" in done.out
    found = json.loads(migrate("validate", "--json").out)
    assert (found["ok"], len(found["problems"])) == (False, 3)


def test_apply_exits_with_1_for_a_statement_and_for_a_history_and_2_for_a_file(migrate: Cli) -> None:
    migrate.write("V3__fails.sql", "SELECT 1;\nSELECT nowhere")
    failed = migrate("apply")
    assert failed.code == 1
    assert 'V3__fails.sql:2:8: [42703] column "nowhere" does not exist' in failed.err
    assert "    2 | SELECT nowhere" in failed.err.splitlines()
    migrate.write("V3__fails.sql", "DROP TABLE cli_migrated.a")
    assert migrate("apply").code == 2
    migrate.write("V3__fails.sql", "SELECT 1")
    migrate.write("V2__rows.sql", "SELECT 1")
    assert migrate("apply").code == 1
    repaired = migrate("repair")
    assert (repaired.code, "the history takes V2__rows.sql as it is now" in repaired.out) == (0, True)
    assert "there is nothing to repair" in migrate("repair").out
    assert migrate("apply").code == 0


def test_apply_exits_with_4_while_somebody_else_is_at_it(migrate: Cli, server: PostgresServer) -> None:
    migrate("apply")
    migrate.write("V3__more.sql", "SELECT 1")
    server.psql(
        "INSERT INTO cli_migrated.flyway_schema_history_lease VALUES ('migration of cli_migrated.flyway_schema_history', "
        "'elsewhere, process 7', 'x', now(), now() + interval '1 minute')"
    )
    done = migrate("apply")
    assert (done.code, "is held by elsewhere, process 7 since" in done.err) == (4, True)
    server.psql("UPDATE cli_migrated.flyway_schema_history_lease SET expires_on = now() + interval '1 second'")
    waited = migrate("apply", "--wait", "1m")
    assert (waited.code, "waiting: migration of" in waited.err) == (0, True)
    assert (migrate("apply", "--wait", "soon").code, migrate("apply", "--wait", "0s").code) == (2, 0)


def test_baseline_begins_the_history_of_a_database_that_is_there(migrate: Cli, server: PostgresServer) -> None:
    server.psql("CREATE TABLE cli_migrated.a (id int); ALTER TABLE cli_migrated.a OWNER TO tester")
    refused = migrate("apply")
    assert (refused.code, "`migrate baseline --version 0`" in refused.err) == (1, True)
    assert migrate("baseline", "--version", "one").code == 2
    begun = migrate("baseline", "--version", "1")
    assert (begun.code, "the history of main begins at version 1" in begun.out) == (0, True)
    assert json.loads(migrate("apply", "--json").out)["applied"][0]["script"] == "V2__rows.sql"


def test_folder_that_is_missing_and_connection_that_is_none_exit_with_2(
    command: Command, server: PostgresServer, tmp_path: Path
) -> None:
    make_project(tmp_path, {"main": server.config}, {"reporting/one.sql": "SELECT 1 AS one"})
    missing = command("migrate", "info", "-c", tmp_path / "config.yaml")
    assert (missing.code, "V1__first_tables.sql" in missing.err) == (2, True)
    unknown = command("migrate", "info", "-c", tmp_path / "config.yaml", "--connection", "mian")
    assert (unknown.code, "Did you mean 'main'?" in unknown.err) == (2, True)


def test_help_teaches_each_command(command: Command) -> None:
    text = command("migrate", "--help").out
    assert all(name in text for name in ("info", "validate", "apply", "baseline", "repair"))
    assert "4 somebody else is at it" in " ".join(text.split())


def test_migrations_of_a_connection_that_is_none_are_a_wrong_configuration(command: Command, tmp_path: Path) -> None:
    nobody = DatabaseConfig(host="db.example.com", user="etl")
    make_project(tmp_path, {"main": nobody}, {"reporting/one.sql": "SELECT 1 AS one"})
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"migrations": {"mian": {}}}))
    done = command("migrate", "info", "-c", config)
    assert (done.code, "migrations names 'mian', which is no connection" in done.err) == (2, True)


def test_check_names_migrations_that_cannot_be_used_without_a_database(command: Command, tmp_path: Path) -> None:
    nobody = DatabaseConfig(host="db.example.com", user="etl")
    make_project(tmp_path, {"main": nobody}, {"reporting/one.sql": "SELECT 1 AS one"})
    folder = tmp_path / "sql" / "migrations"
    folder.mkdir()
    for name, text in {
        "V1__a.sql": "SELECT 1",
        "V1__b.sql": "SELECT 1",
        "V2__quote.sql": "SELECT 'open",
        "V3__c.cockroachdb.sql": "-- transaction: maybe\nSELECT 1",
        "notes.sql": "SELECT 1",
    }.items():
        (folder / name).write_text(text)
    done = command("check", "-c", tmp_path / "config.yaml")
    assert (done.code, "6 files" in done.out, "2 good, 4 broken" in done.out) == (1, True, True)
    for said in (
        "V1__b.sql:1:1: This is version 1 a second time",
        "V2__quote.sql:1:8: The string that begins here never ends.",
        "V3__c.cockroachdb.sql:1:1: `transaction: maybe` is unknown.",
        "notes.sql: The name is none of a migration.",
    ):
        assert said in done.err
