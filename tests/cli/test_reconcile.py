"""Comparisons on the command line: files of two relations, and two tables by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Command, Finished
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

TABLES = """
    DROP SCHEMA IF EXISTS compared CASCADE;
    CREATE SCHEMA compared;
    CREATE TABLE compared.orders (id int PRIMARY KEY, placed timestamptz, customer text, amount numeric(10, 2));
    INSERT INTO compared.orders
        SELECT n, '2024-01-01Z'::timestamptz + n * interval '1 hour', 'c' || n % 7, n FROM generate_series(1, 100) AS n;
    CREATE TABLE compared.same AS TABLE compared.orders;
    CREATE TABLE compared.copy AS TABLE compared.orders;
    ALTER TABLE compared.copy ADD PRIMARY KEY (id);
    UPDATE compared.copy SET amount = amount + 0.01 WHERE id IN (5, 6);
    UPDATE compared.copy SET customer = customer || ' ' WHERE id = 7;
    DELETE FROM compared.copy WHERE id = 99;
    INSERT INTO compared.copy VALUES (101, NULL, 'new', 1);
    GRANT ALL ON SCHEMA compared TO PUBLIC;
    GRANT ALL ON ALL TABLES IN SCHEMA compared TO PUBLIC
"""

FILES = {
    "reconciliation/tables.sql": """
        /* @asset
        source: {connection: main, table: compared.orders, where: id <= :most}
        target: {connection: other, table: compared.copy, where: id <= :most}
        params: {most: {type: integer, default: 1000}}
        */
    """,
    "reconciliation/equal.sql": "/* @asset\nsource: compared.orders\ntarget: compared.same\n*/",
    "reconciliation/warned.sql": """
        /* @asset
        source: compared.orders
        target: compared.copy
        expect: {warn: 0, error: 10}
        */
    """,
    "reconciliation/blocked.sql": """
        /* @asset
        source: compared.orders
        target: compared.copy
        expect: {max_differences: 1, blocking: true}
        */
    """,
    "reconciliation/statements.sql": """
        /* @asset
        key: customer
        target: {connection: other}
        tolerance: {total: 0.05}
        */
        -- name: source
        SELECT customer, sum(amount) AS total FROM compared.orders WHERE id < 99 GROUP BY customer;
        -- name: target
        SELECT rtrim(customer) AS customer, sum(amount) AS total FROM compared.copy WHERE id < 99 GROUP BY 1;
    """,
    "reconciliation/groups.sql": """
        /* @asset
        source: compared.orders
        target: compared.copy
        group_by: customer
        measures: [count, sum(amount)]
        drill: 2
        */
    """,
    "reconciliation/wrong.sql": """
        /* @asset
        key: id
        */
        -- name: source
        SELECT id FROM compared.orders;
        -- name: target
        SELECT id,
               nothing FROM compared.copy;
    """,
    "reconciliation/wrong_where.sql": """
        /* @asset
        source: compared.orders
        target: compared.copy
        where: id > 0 AND custmer IS NOT NULL
        */
    """,
}


@pytest.fixture(scope="module")
def tables(server: PostgresServer) -> PostgresServer:
    server.psql(TABLES)
    return server


@pytest.fixture
def project(tables: PostgresServer, tmp_path: Path) -> Path:
    return make_project(tmp_path, {"main": tables.config, "other": tables.config}, FILES).folder / "config.yaml"


def reconcile(command: Command, project: Path, *arguments: object) -> Finished:
    return command("reconcile", *arguments, "-c", project)


def test_run_of_two_tables_shows_what_differs(command: Command, project: Path) -> None:
    done = command("run", "tables", "-c", project)
    assert done.code == 1
    assert "5 rows differ (1 missing, 1 extra, 3 changed) in 100 against 100 rows." in done.out
    assert "main:compared.orders against other:compared.copy" in done.out
    assert "amount: the target differs by +0.01 (100% of its differences)" in done.out
    assert "'c0 '" in done.out  # a blank at the end is seen
    assert "chance that a difference was missed" in done.out


def test_run_binds_parameters_on_both_sides(command: Command, project: Path) -> None:
    done = command("run", "tables", "-c", project, "--param", "most=50", "--json")
    found = json.loads(done.out)
    assert (found["rows"], found["differences"]["total"]) == ({"source": 50, "target": 50}, 3)


def test_run_of_equal_tables_exits_with_0(command: Command, project: Path) -> None:
    done = command("run", "equal", "-c", project)
    assert (done.code, "No differences in 100 against 100 rows." in done.out) == (0, True), done.err


def test_run_of_two_statements_compares_their_rows(command: Command, project: Path) -> None:
    done = command("run", "statements", "-c", project)
    assert (done.code, "No differences in 7 against 7 rows." in done.out) == (0, True), done.out + done.err


@pytest.mark.parametrize(
    ("name", "code", "verdict"), [("warned", 1, "warn"), ("tables", 1, "fail"), ("equal", 0, "pass")]
)
def test_json_has_what_a_program_wants_to_know(
    command: Command, project: Path, name: str, code: int, verdict: str
) -> None:
    done = command("run", name, "-c", project, "--json")
    found = json.loads(done.out)
    assert (done.code, found["verdict"], found["asset"]) == (code, verdict, f"reconciliation/{name}")
    assert {
        "differences",
        "by_column",
        "schema",
        "patterns",
        "consistency",
        "strategy",
        "sample",
        "stopped",
    } <= found.keys()
    assert "differences_file" not in found


def test_output_holds_every_difference(command: Command, project: Path, tmp_path: Path) -> None:
    done = command("run", "tables", "-c", project, "-o", tmp_path / "d.parquet")
    assert "written to" in done.out
    rows = pq.read_table(tmp_path / "d.parquet").to_pylist()
    assert {(row["id"], row["kind"], row["column"]) for row in rows} == {
        (5, "changed", "amount"),
        (6, "changed", "amount"),
        (7, "changed", "customer"),
        (99, "missing", None),
        (101, "extra", None),
    }
    assert command("run", "tables", "-c", project, "-o", tmp_path / "d.csv").code == 1
    assert len((tmp_path / "d.csv").read_text().splitlines()) == 6
    done = command("run", "tables", "-c", project, "-o", "-")
    assert done.out.startswith('"row","id","kind"')
    assert "5 rows differ" in done.err


def test_output_of_a_blocked_comparison_is_not_written(command: Command, project: Path, tmp_path: Path) -> None:
    done = command("run", "blocked", "-c", project, "-o", tmp_path / "d.parquet")
    assert (done.code, "not written to" in done.out) == (1, True)
    assert not (tmp_path / "d.parquet").exists()


def test_servers_errors_have_their_line_in_the_file(command: Command, project: Path) -> None:
    done = command("run", "wrong", "-c", project)
    assert (done.code, 'wrong.sql:8:8: [42703] column "nothing" does not exist' in done.err) == (1, True), done.err
    done = command("run", "wrong_where", "-c", project)
    assert (done.code, 'wrong_where.sql:4:19: [42703] column "custmer" does not exist' in done.err) == (1, True), (
        done.err
    )


def test_too_many_workers_for_the_pool_are_refused_before_anything_waits(
    command: Command, tables: PostgresServer, tmp_path: Path
) -> None:
    text = "/* @asset\nsource: compared.orders\ntarget: compared.copy\ncare: {workers: 4}\n*/"
    make_project(tmp_path, {"main": tables.config}, {"reconciliation/many.sql": text})
    done = command("run", "many", "-c", tmp_path / "config.yaml")
    assert done.code == 2
    assert "takes 8 connections 'main' at once, and its pool has 4" in done.err


def test_reconcile_tells_two_tables_apart(command: Command, project: Path) -> None:
    done = reconcile(command, project, "compared.orders", "compared.copy", "--target-connection", "other")
    assert done.code == 1
    assert "5 rows differ (1 missing, 1 extra, 3 changed)" in done.out
    assert reconcile(command, project, "compared.orders", "compared.same").code == 0


def test_reconcile_takes_the_rules_of_a_header(command: Command, project: Path) -> None:
    done = reconcile(
        command, project, "compared.orders", "compared.copy", "--key", "id", "--where", "id <= 98 AND customer <> 'x'",
        "--tolerance", "amount=0.01", "--tolerance", "customer=ignore_trailing_blanks", "--exclude", "placed", "--json",
    )  # fmt: skip
    found = json.loads(done.out)
    assert (done.code, found["columns"], found["rows"]["source"]) == (0, ["customer", "amount"], 98)
    assert reconcile(command, project, "compared.orders", "compared.copy", "--max-differences", "5").code == 0
    assert reconcile(command, project, "compared.orders", "compared.copy", "--max-differences", "4").code == 1


def test_an_early_end_is_never_a_pass(command: Command, project: Path, tables: PostgresServer) -> None:
    tables.psql(
        "CREATE TABLE compared.many AS SELECT n AS id, 1 AS v FROM generate_series(1, 300000) AS n;"
        "CREATE TABLE compared.others AS SELECT n AS id, 2 AS v FROM generate_series(1, 300000) AS n;"
        "ALTER TABLE compared.many ADD PRIMARY KEY (id); ALTER TABLE compared.others ADD PRIMARY KEY (id);"
        "GRANT ALL ON ALL TABLES IN SCHEMA compared TO PUBLIC"
    )
    done = reconcile(
        command, project, "compared.many", "compared.others", "--target-connection", "other", "--stop-at", "10",
        "--max-differences", "1000000", "--json",
    )  # fmt: skip
    found = json.loads(done.out)
    assert (done.code, found["complete"], found["verdict"]) == (1, False, "fail")
    assert found["headline"].startswith("At least ")
    assert 10 <= found["differences"]["total"] < 300_000


def test_mending_sql_is_written_and_never_run_and_mends(
    command: Command, project: Path, tables: PostgresServer, tmp_path: Path
) -> None:
    tables.psql(
        "CREATE TABLE compared.mended AS TABLE compared.copy; ALTER TABLE compared.mended ADD PRIMARY KEY (id); GRANT ALL ON compared.mended TO PUBLIC"
    )
    arguments = ("compared.orders", "compared.mended")
    done = reconcile(command, project, *arguments, "--mend", tmp_path / "mend.sql")
    assert (done.code, "read it before you run it" in done.out) == (1, True)
    assert reconcile(command, project, *arguments).code == 1  # nothing was run
    tables.psql((tmp_path / "mend.sql").read_text())
    assert reconcile(command, project, *arguments, "--mend", tmp_path / "again.sql").code == 0
    assert not (tmp_path / "again.sql").exists()


def test_mending_by_upserts_and_of_the_source(
    command: Command, project: Path, tables: PostgresServer, tmp_path: Path
) -> None:
    tables.psql(
        "DROP TABLE IF EXISTS compared.mended; CREATE TABLE compared.mended AS TABLE compared.copy;"
        "ALTER TABLE compared.mended ADD PRIMARY KEY (id); GRANT ALL ON compared.mended TO PUBLIC;"
        "DROP TABLE IF EXISTS compared.ours; CREATE TABLE compared.ours AS TABLE compared.orders;"
        "ALTER TABLE compared.ours ADD PRIMARY KEY (id); GRANT ALL ON compared.ours TO PUBLIC"
    )
    arguments = ("compared.ours", "compared.mended")
    done = reconcile(command, project, *arguments, "--mend", tmp_path / "mend.sql", "--upsert", "--mend-source")
    assert (done.code, "read it before you run it" in done.out) == (1, True), done.err
    text = (tmp_path / "mend.sql").read_text()
    assert "-- Makes compared.ours like the target: 5 rows differ" in text
    assert 'ON CONFLICT ("id") DO UPDATE SET' in text
    tables.psql(text)
    assert reconcile(command, project, *arguments).code == 0


def test_columns_of_other_names(command: Command, project: Path, tables: PostgresServer) -> None:
    tables.psql(
        "CREATE TABLE compared.renamed AS SELECT id AS nr, placed, customer AS who, amount FROM compared.orders;"
        "GRANT ALL ON compared.renamed TO PUBLIC"
    )
    arguments = ("compared.orders", "compared.renamed", "--rename", "id=nr", "--rename", "customer=who")
    assert reconcile(command, project, *arguments).code == 0


def test_groups_and_the_rows_of_those_that_differ(command: Command, project: Path, tmp_path: Path) -> None:
    done = command("run", "groups", "-c", project, "-o", tmp_path / "d.parquet")
    assert done.code == 1, done.err
    assert "main:compared.orders against main:compared.copy: 6 groups differ" in done.out
    assert "The rows of 2 of the 6 groups that differ:" in done.out
    rows = pq.read_table(tmp_path / "d.parquet").to_pylist()
    assert {row["level"] for row in rows} == {"group", "row"}
    found = json.loads(command("run", "groups", "-c", project, "--json").out)
    assert "differences_file" not in found["drilled"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a", "b", "--upsert"), "--upsert says how to mend, and --mend is missing."),
        (("a", "b", "--mend-source"), "--mend-source says how to mend, and --mend is missing."),
        (("orders; DROP TABLE x", "copy"), "SOURCE: 'orders; DROP TABLE x' is no name of a table."),
        (("a", "b", "--tolerance", "amount"), "--tolerance 'amount' has no value."),
        (("a", "b", "--tolerance", "amount=ignore_cas"), "Did you mean 'ignore_case'?"),
        (("a", "b", "--sample", "7"), "--sample: 7 is no share."),
        (("a", "b", "--where", "id = :id"), "--where:1:6: :id is a parameter, and there are none here."),
        (("a", "b", "--where", "id = = 1"), "--where:1:6"),
        (("a", "b", "--as-of", "yesterday"), "--as-of: 'yesterday' is no moment"),
        (("a", "b", "--columns", "x", "--exclude", "y"), "--exclude: `columns` and `exclude` exclude each other."),
        (("a", "b", "--source-connection", "mian"), "Did you mean 'main'?"),
        (("a", "b", "--json", "--output", "-"), "both want standard output"),
        (("a", "b", "--output", "x.docx"), "ends in .parquet"),
    ],
)
def test_wrong_arguments_exit_with_2_before_anything_runs(
    command: Command, project: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = reconcile(command, project, *arguments)
    assert (done.code, said in done.err) == (2, True), done.err


def test_a_table_that_is_not_there_exits_with_1(command: Command, project: Path) -> None:
    done = reconcile(command, project, "compared.orders", "compared.nothing")
    assert done.code == 1
    said = 'error: [42P01] relation "compared.nothing" does not exist (the target, on main)'
    assert said in done.err


@pytest.mark.parametrize(
    "way", [("run", "tables"), ("reconcile", "compared.orders", "compared.copy")], ids=lambda way: way[0]
)
def test_what_was_found_is_told_although_its_file_cannot_be_written(
    command: Command, project: Path, tmp_path: Path, way: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    nowhere = ("-o", tmp_path / "file" / "d.parquet")
    done = command(*way, "-c", project, *nowhere)
    assert done.code == 1
    assert "5 rows differ" in done.out
    assert "written to" not in done.out
    assert "cannot be written" in done.err
    done = command(*way, "-c", project, *nowhere, "--json")
    record = json.loads(done.out)
    assert (done.code, record["differences"]["total"], record["written_to"]) == (1, 5, None)


def test_a_working_folder_that_cannot_be_written_is_an_error_of_its_own(
    command: Command, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = reconcile(command, project, "compared.orders", "compared.copy", "--resume", tmp_path / "file" / "kept")
    assert done.code == 1
    assert f"error: {tmp_path}/file/kept cannot be written: Not a directory." in done.err


def test_resume_keeps_its_folder_only_as_long_as_there_is_something_to_resume(
    command: Command, project: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    assert reconcile(command, project, "compared.orders", "compared.same", "--resume", folder).code == 0
    assert not list(folder.rglob("*.jsonl"))


def test_list_and_check_know_comparisons(command: Command, project: Path) -> None:
    entries = {entry["asset"]: entry for entry in json.loads(command("list", "-c", project, "--json").out)}
    assert entries["reconciliation/tables"]["compares"] == ["main:compared.orders", "other:compared.copy"]
    assert entries["reconciliation/statements"]["reads"] == ["compared.copy", "compared.orders"]
    assert "main:compared.orders ⇄ other:compared.copy" in command("list", "-c", project).out
    assert "8 good, 0 broken" in command("check", "-c", project).out


def test_help_teaches_by_examples(command: Command) -> None:
    said = " ".join(command("reconcile", "--help").out.split())
    assert "cockroach-pipelines reconcile orders orders_copy --recheck 30s --mend mend.sql" in said
    assert "it is never run" in said
