"""Migrations on a real server: applied, refused, failed, repaired, taken over from Flyway."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cockroach_pipelines.database import StatementError
from cockroach_pipelines.execution.lease import LeaseHeldError
from cockroach_pipelines.migrations import MigrationStateError, Migrator
from cockroach_pipelines.queries import MigrationVersion, QueryFileError
from tests.migrations.conftest import Project
from tests.peers.flyway import flyway_history


def test_fifty_files_are_applied_in_order_and_once(project: Project) -> None:
    for number in range(1, 50):
        project.write(
            f"V{number}__step_{number}.sql",
            f"""
            CREATE TABLE {{s}}.t{number} (id int PRIMARY KEY);
            INSERT INTO {{s}}.t{number} SELECT generate_series(1, {number});
            """
            + (f"INSERT INTO {{s}}.t{number} SELECT id + 1000 FROM {{s}}.t{number - 1};" if number > 1 else ""),
        )
    project.write("R__sums.sql", "CREATE OR REPLACE VIEW {s}.sums AS SELECT count(*) AS n FROM {s}.t49")
    told: list[str] = []
    result = project.migrator().apply(tell=lambda applied: told.append(applied.file.script))
    assert told == [f"V{number}__step_{number}.sql" for number in range(1, 50)] + ["R__sums.sql"]
    assert len(result.done) == 50
    assert project.psql("SELECT n FROM {s}.sums") == "1225"
    rows = project.psql(
        "SELECT h.installed_rank, h.version, h.description, h.type, h.script, h.checksum IS NOT NULL, h.installed_by, "
        "h.execution_time >= 0, h.success, length(f.sha256), f.statements "
        "FROM {s}.flyway_schema_history AS h JOIN {s}.flyway_schema_history_files AS f USING (installed_rank) "
        "WHERE installed_rank IN (2, 50) ORDER BY 1"
    ).splitlines()
    assert rows == [
        "2|2|step 2|SQL|V2__step_2.sql|t|tester|t|t|64|3",
        "50||sums|SQL|R__sums.sql|t|tester|t|t|64|1",
    ]
    assert project.migrator().apply().done == ()
    assert set(project.states().values()) == {"applied"}


def test_repeatable_file_runs_again_when_it_has_changed(project: Project) -> None:
    project.write("R__one.sql", "CREATE OR REPLACE VIEW {s}.one AS SELECT 1 AS n")
    project.migrator().apply()
    project.write("R__one.sql", "CREATE OR REPLACE VIEW {s}.one AS SELECT 2 AS n")
    assert project.states() == {"R__one.sql": "changed"}
    project.migrator().apply()
    assert project.psql("SELECT n FROM {s}.one") == "2"
    assert project.history() == ["1 - R__one.sql true", "2 - R__one.sql true"]


def test_dry_run_changes_nothing_not_even_a_table_of_our_own(project: Project) -> None:
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    plan = project.migrator().apply(dry_run=True).plan
    assert [entry.script for entry in plan] == ["V1__a.sql"]
    assert project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = '{s}'") == "0"


def test_target_leaves_what_is_newer_and_repeatables(project: Project) -> None:
    for number in (1, 2, 3):
        project.write(f"V{number}__x.sql", f"CREATE TABLE {{s}}.t{number} (id int)")
    project.write("R__v.sql", "CREATE OR REPLACE VIEW {s}.v AS SELECT 1 AS n")
    project.migrator().apply(target=MigrationVersion.parse("2"))
    assert project.states() == {
        "V1__x.sql": "applied",
        "V2__x.sql": "applied",
        "V3__x.sql": "pending",
        "R__v.sql": "pending",
    }


@pytest.mark.parametrize("text", ["CREATE TABLE {s}.a (id bigint)", "CREATE TABLE {s}.a\n(id int)"])
def test_file_that_was_tampered_with_is_found_and_stops_everything(project: Project, text: str) -> None:
    path = project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    project.migrator().apply()
    project.write("V1__a.sql", text)
    project.write("V2__b.sql", "CREATE TABLE {s}.b (id int)")
    found = project.migrator().validate()
    assert [entry.state.value for entry in found.survey.wrong] == ["tampered with"]
    with pytest.raises(MigrationStateError) as caught:
        project.migrator().apply()
    assert str(caught.value).startswith(f"{path}:1:1: version 1 (V1__a.sql) is tampered with: its ")
    assert "write a new migration" in caught.value.advice
    assert project.history() == ["1 1 V1__a.sql true"]
    assert project.migrator().repair()[0].startswith("the history takes V1__a.sql as it is now")
    project.migrator().apply()
    assert project.history() == ["1 1 V1__a.sql true", "2 2 V2__b.sql true"]


def test_line_ends_that_git_changes_are_no_tampering(project: Project) -> None:
    path = project.write("V1__a.sql", "CREATE TABLE {s}.a\n(id int)\n")
    project.migrator().apply()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert project.migrator().validate().passed


def test_file_that_is_missing_is_found_and_can_count_as_deleted(project: Project) -> None:
    first = project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    project.write("V2__b.sql", "CREATE TABLE {s}.b (id int)")
    project.migrator().apply()
    first.unlink()
    with pytest.raises(MigrationStateError, match=r"V1__a.sql\) is missing: applied on"):
        project.migrator().apply()
    assert project.migrator().repair(dry_run=True) == ("V1__a.sql counts as deleted",)
    project.migrator().repair()
    assert project.migrator().validate().passed
    assert project.psql("SELECT type FROM {s}.flyway_schema_history WHERE installed_rank = 3") == "DELETE"


def test_older_file_that_comes_later_is_out_of_order_unless_allowed(project: Project) -> None:
    project.write("V2__b.sql", "CREATE TABLE {s}.b (id int)")
    project.migrator().apply()
    project.write("V1.5__a.sql", "CREATE TABLE {s}.a (id int)")
    with pytest.raises(MigrationStateError, match="out of order: version 2 was applied before it; number it anew"):
        project.migrator().apply()
    project.migrator().apply(out_of_order=True)
    assert project.history() == ["1 2 V2__b.sql true", "2 1.5 V1.5__a.sql true"]
    assert project.migrator().validate().passed


def test_newer_row_than_any_file_is_no_error(project: Project) -> None:
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    newer = project.write("V2__b.sql", "CREATE TABLE {s}.b (id int)")
    project.migrator().apply()
    newer.unlink()
    assert project.states() == {"V1__a.sql": "applied", "V2__b.sql": "future"}
    assert project.migrator().validate().passed


def test_failure_takes_back_its_whole_file_and_names_the_place(project: Project) -> None:
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    path = project.write(
        "V2__b.sql", "CREATE TABLE {s}.b (id int);\nINSERT INTO {s}.b\nVALUES (1), (nowhere);\nSELECT 1;"
    )
    project.write("V3__c.sql", "CREATE TABLE {s}.c (id int)")
    with pytest.raises(StatementError) as caught:
        project.migrator().apply()
    place = caught.value.place
    assert place is not None
    assert (place.source, place.line, place.column) == (path, 3, 14)
    assert "Nothing of V2__b.sql was kept." in caught.value.advice
    assert project.history() == ["1 1 V1__a.sql true"]
    assert project.psql("SELECT to_regclass('{s}.b') IS NULL") == "t"
    project.write("V2__b.sql", "CREATE TABLE {s}.b (id int)")
    project.migrator().apply()
    assert project.history()[1:] == ["2 2 V2__b.sql true", "3 3 V3__c.sql true"]


def test_rule_that_is_broken_lets_no_file_run(project: Project) -> None:
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    project.write("V2__b.sql", "DROP TABLE {s}.a")
    with pytest.raises(QueryFileError, match="write `-- allow: destructive`"):
        project.migrator().apply()
    assert project.psql("SELECT to_regclass('{s}.a') IS NULL") == "t"


def test_file_outside_a_transaction_goes_on_where_it_failed(project: Project) -> None:
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    text = """
        -- transaction: false
        CREATE INDEX CONCURRENTLY i ON {s}.a (id);
        INSERT INTO {s}.a VALUES (1);
        CREATE INDEX CONCURRENTLY j ON {s}.a (nowhere);
        INSERT INTO {s}.a VALUES (2);
        """
    path = project.write("V2__indexes.sql", text)
    with pytest.raises(StatementError) as caught:
        project.migrator().apply()
    assert caught.value.place is not None
    assert (caught.value.place.source, caught.value.place.line) == (path, 4)
    assert "`migrate apply` goes on at statement 3 of 4" in caught.value.advice
    assert project.history() == ["1 1 V1__a.sql true", "2 2 V2__indexes.sql false"]
    with pytest.raises(MigrationStateError, match=r"is failed: statement 3 of 4 \(line 4\) failed: \[42703\]"):
        project.migrator().apply()
    project.write("V2__indexes.sql", text.replace("nowhere", "id"))
    assert project.migrator().repair() == (
        "the failed row of V2__indexes.sql is removed",
        "statement 3 of V2__indexes.sql will run again",
    )
    assert [entry.note for entry in project.migrator().apply(dry_run=True).plan] == [
        "goes on at statement 3 of 4 (line 4)"
    ]
    (done,) = project.migrator().apply().done
    assert (done.began_at, project.psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM {s}.a")) == (3, "1,2")
    assert project.history() == ["1 1 V1__a.sql true", "2 2 V2__indexes.sql true"]
    assert project.psql("SELECT count(*) FROM {s}.flyway_schema_history_statements") == "0"


def test_statement_that_has_run_may_not_become_another_one(project: Project) -> None:
    text = "-- transaction: false\nCREATE TABLE {s}.a (id int);\nCREATE TABLE {s}.b (id nothing);"
    project.write("V1__a.sql", text)
    with pytest.raises(StatementError):
        project.migrator().apply()
    project.migrator().repair()
    project.write("V1__a.sql", text.replace("a (id int)", "a (id bigint)").replace("nothing", "int"))
    with pytest.raises(MigrationStateError, match="statement 1 has run already, and is another one now"):
        project.migrator().apply()
    project.write("V1__a.sql", text.replace("a (id int)", "a  (id  INT)").replace("nothing", "int"))
    project.migrator().apply()
    assert project.history() == ["1 1 V1__a.sql true"]


def test_settings_of_a_file_hold_for_its_later_statements_and_for_no_other_file(project: Project) -> None:
    project.write(
        "V1__a.sql",
        "-- transaction: false\nSET search_path = {s};\nCREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (id);",
    )
    project.write("V2__b.sql", "CREATE TABLE {s}.b AS SELECT current_setting('search_path') AS path")
    project.migrator().apply()
    assert project.psql("SELECT to_regclass('{s}.i') IS NOT NULL") == "t"
    assert project.psql("SELECT path LIKE '%{s}%' FROM {s}.b") == "f"


def test_role_of_a_file_does_not_keep_the_history_from_being_written(project: Project) -> None:
    project.psql("GRANT etl TO tester; GRANT USAGE, CREATE ON SCHEMA {s} TO etl")
    project.write("V1__a.sql", "SET ROLE etl;\nCREATE TABLE {s}.a (id int)")
    project.write(
        "V2__b.sql", "-- transaction: false\nSET ROLE etl;\nCREATE TABLE {s}.b (id int);\nINSERT INTO {s}.b VALUES (1)"
    )
    project.migrator().apply()
    assert (
        project.psql(
            "SELECT string_agg(tableowner, ',') FROM pg_tables WHERE schemaname = '{s}' AND tablename IN ('a', 'b')"
        )
        == "etl,etl"
    )
    assert project.psql("SELECT DISTINCT installed_by FROM {s}.flyway_schema_history") == "tester"


def test_schema_that_holds_tables_of_unknown_origin_needs_a_baseline(project: Project) -> None:
    project.psql("CREATE TABLE {s}.old (id int)")
    project.write("V1__old.sql", "CREATE TABLE {s}.old (id int)")
    project.write("V2__new.sql", "CREATE TABLE {s}.new (id int)")
    with pytest.raises(
        MigrationStateError, match=r"holds 1 tables and views, such as old(.|\n)*migrate baseline --version 0"
    ):
        project.migrator().apply()
    project.migrator().baseline(MigrationVersion.parse("1"))
    project.migrator().baseline(MigrationVersion.parse("1"))
    project.migrator().apply()
    assert project.history() == ["1 1 << Flyway Baseline >> true", "2 2 V2__new.sql true"]
    assert project.states() == {"V1__old.sql": "baseline", "V2__new.sql": "applied"}
    with pytest.raises(MigrationStateError, match="The history has begun"):
        project.migrator().baseline(MigrationVersion.parse("2"))


def _flyways_own(project: Project) -> Migrator:
    project.write("V1__create_books.sql", "CREATE TABLE {s}.books (id int PRIMARY KEY);\n")
    project.write("V1.1__fill_books.sql", "INSERT INTO {s}.books VALUES (1);\n")
    project.write("R__view.sql", "CREATE OR REPLACE VIEW {s}.v AS SELECT id FROM {s}.books;\n")
    project.psql("CREATE TABLE {s}.books (id int PRIMARY KEY); INSERT INTO {s}.books VALUES (1)")
    project.psql(
        "CREATE VIEW {s}.v AS SELECT id FROM {s}.books; ALTER TABLE {s}.books OWNER TO tester; ALTER VIEW {s}.v OWNER TO tester"
    )
    migrator = project.migrator()
    from cockroach_pipelines.database import Dialect
    from cockroach_pipelines.queries import MigrationFolder

    checksums = {
        file.script: file.checksum for file in MigrationFolder(project.folder).for_dialect(Dialect.POSTGRESQL).files
    }
    flyway_history(
        project.server,
        project.schema,
        f"""
        (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '"{project.schema}"', NULL, 'flyway', 0, true),
        (1, '1', 'create books', 'SQL', 'V1__create_books.sql', {checksums["V1__create_books.sql"]}, 'flyway', 12, true),
        (2, '1.1', 'fill books', 'SQL', 'V1.1__fill_books.sql', {checksums["V1.1__fill_books.sql"]}, 'flyway', 3, true),
        (3, NULL, 'view', 'SQL', 'R__view.sql', {checksums["R__view.sql"]}, 'flyway', 4, true)
        """,
    )
    return migrator


def test_history_of_flyway_is_taken_over_and_gone_on_with(project: Project) -> None:
    migrator = _flyways_own(project)
    assert set(project.states().values()) == {"applied"}
    assert migrator.validate().passed
    assert migrator.apply().done == ()
    project.write("V2__more.sql", "INSERT INTO {s}.books VALUES (2);\n")
    migrator.apply()
    assert project.history()[-1] == "4 2 V2__more.sql true"
    row = project.psql(
        "SELECT installed_rank, version, description, type, script, installed_by, success FROM {s}.flyway_schema_history "
        "WHERE installed_rank = 4"
    )
    assert row == "4|2|more|SQL|V2__more.sql|tester|t"


def test_baseline_of_flyway_is_kept_to(project: Project) -> None:
    flyway_history(
        project.server,
        project.schema,
        "(1, '3', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', NULL, 'flyway', 0, true)",
    )
    for number in (1, 3, 4):
        project.write(f"V{number}__x.sql", f"CREATE TABLE {{s}}.t{number} (id int)")
    project.migrator().apply()
    assert project.states() == {"V1__x.sql": "below the baseline", "V3__x.sql": "baseline", "V4__x.sql": "applied"}
    assert project.history()[1:] == ["2 4 V4__x.sql true"]


def test_flyway_that_is_at_work_is_not_disturbed(project: Project) -> None:
    flyway_history(project.server, project.schema, "(-100, 'a1b2', 'flyway-lock', '', '', 0, '', 0, true)")
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    with pytest.raises(Exception, match="Flyway itself holds its lock"):
        project.migrator().apply()
    project.psql("UPDATE {s}.flyway_schema_history SET installed_on = now() - interval '11 minutes'")
    project.migrator().apply()
    assert project.history() == ["1 1 V1__a.sql true"]


def test_of_two_runners_at_once_one_works_and_the_other_says_who_and_until_when(project: Project) -> None:
    project.write("V1__slow.sql", "SELECT pg_sleep(1.5); CREATE TABLE {s}.a (id int)")
    begun = threading.Event()

    def first() -> int:
        begun.set()
        return len(project.migrator().apply().done)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(first)
        begun.wait()
        while (
            project.psql(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(1.5)%' AND state = 'active'"
            )
            == "0"
        ):
            assert not working.done()
        with pytest.raises(LeaseHeldError) as caught:
            project.migrator().apply()
        assert working.result() == 1
    said = caught.value.message
    assert re.search(
        r"is held by \S+, process \d+ \(.*\) since [-\d]+ [:\d]+ UTC, until [-\d]+ [:\d]+ UTC unless renewed", said
    )
    assert project.history() == ["1 1 V1__slow.sql true"]
    assert project.psql("SELECT count(*) FROM {s}.flyway_schema_history_lease") == "0"


def test_runner_that_died_is_followed_by_another_after_its_lease(project: Project) -> None:
    project.write("V1__a.sql", "CREATE TABLE {s}.a (id int)")
    with project.migrator(lease_seconds=1).changes.locked():
        project.psql(
            "UPDATE {s}.flyway_schema_history_lease SET token = 'died', expires_on = now() + interval '600 ms'"
        )
        with pytest.raises(LeaseHeldError):
            project.migrator().apply()
        project.psql("SELECT pg_sleep(0.7)")
        assert len(project.migrator().apply().done) == 1
