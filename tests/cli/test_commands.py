"""The commands on SQL files: what they print, and their exit codes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import fsspec
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.config import DatabaseConfig
from tests.cli.conftest import Command
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

FILES = {
    "reporting/numbers.sql": """
        /* @asset
        params: {count: {type: integer, default: 3}}
        checks: {positive: SELECT n FROM result WHERE n <= 0}
        */
        SELECT n, n / 3.0 AS third, CASE WHEN n > 1 THEN 'it''s [bold]' END AS word FROM generate_series(1, :count) AS n
    """,
    "reporting/monthly.sql": """
        /* @asset
        partition: {every: month, from: 2024-01-01}
        */
        SELECT :partition_key AS key, :partition_start AS start, :partition_end AS stop
    """,
    "reporting/blocked.sql": """
        /* @asset
        checks: {none: {sql: SELECT * FROM result, blocking: true}}
        */
        SELECT 1 AS a, 2 AS b
    """,
    "maintenance/nothing.sql": "DELETE FROM nowhere WHERE false",
    "reconciliation/two_wrong.sql": "SELECT n FROM generate_series(1, 2) AS n",
    "reporting/fails.sql": "SELECT 1 / (n - 1) AS x\nFROM generate_series(1, 2) AS n\nJOIN nowhere ON true",
}


@pytest.fixture
def project(server: PostgresServer, tmp_path: Path) -> Path:
    return make_project(tmp_path, {"main": server.config}, FILES).folder / "config.yaml"


def test_run_shows_rows_and_checks(command: Command, project: Path) -> None:
    done = command("run", "reporting/numbers", "-c", project)
    assert done.code == 0, done.err
    assert "it's [bold]" in done.out
    assert "NULL" in done.out
    assert "reporting/numbers: 3 rows read in" in done.out
    assert "✓ positive: passed" in done.out


@pytest.mark.parametrize("name", ["numbers", "reporting/numbers", "reporting/numbers.sql"])
def test_run_finds_a_file_by_its_name_or_the_last_part_of_it(command: Command, project: Path, name: str) -> None:
    assert command("run", name, "-c", project).code == 0


def test_run_takes_parameters(command: Command, project: Path) -> None:
    done = command("run", "numbers", "-c", project, "--param", "count=40", "--rows", "2")
    assert "40 rows read" in done.out
    wrong = command("run", "numbers", "-c", project, "--param", "cuont=40")
    assert (wrong.code, "Did you mean 'count'?" in wrong.err) == (2, True)
    untyped = command("run", "numbers", "-c", project, "--param", "count=many")
    assert (untyped.code, "integer" in untyped.err) == (2, True)


def test_run_binds_the_partition(command: Command, project: Path) -> None:
    done = command("run", "monthly", "-c", project, "-p", "2024-02", "--json")
    (row,) = json.loads(done.out)["first_rows"]
    assert row == {"key": "2024-02-01", "start": "2024-02-01 00:00:00+00:00", "stop": "2024-03-01 00:00:00+00:00"}


def test_run_without_its_partition_says_how_to_give_one(command: Command, project: Path) -> None:
    done = command("run", "monthly", "-c", project)
    assert done.code == 2
    assert "is partitioned by month" in done.err
    assert "--partition 2024-01-01" in done.err


def test_run_writes_parquet_and_csv_and_leaves_nothing_else(command: Command, project: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert command("run", "numbers", "-c", project, "-o", results / "n.parquet").code == 0
    assert command("run", "numbers", "-c", project, "-o", results / "n.csv").code == 0
    assert pq.read_table(results / "n.parquet")["n"].to_pylist() == [1, 2, 3]
    assert (results / "n.csv").read_text().splitlines()[0] == '"n","third","word"'
    assert sorted(path.name for path in results.iterdir()) == ["n.csv", "n.parquet"]


@pytest.mark.parametrize("ending", ["csv.gz", "csv.zst", "arrow", "feather"])
def test_run_writes_every_format_to_a_path_or_a_url(
    command: Command, project: Path, tmp_path: Path, ending: str
) -> None:
    done = command("run", "numbers", "-c", project, "-o", tmp_path / f"n.{ending}")
    assert (done.code, f"written to {tmp_path / f'n.{ending}'}" in done.out) == (0, True)
    done = command("run", "numbers", "-c", project, "--json", "-o", f"memory://bucket/n.{ending}")
    assert json.loads(done.out)["written_to"] == f"memory://bucket/n.{ending}"
    assert fsspec.filesystem("memory").cat(f"/bucket/n.{ending}") == (tmp_path / f"n.{ending}").read_bytes()


def test_run_with_a_dash_gives_csv_on_standard_output_and_the_rest_on_standard_error(
    command: Command, project: Path
) -> None:
    done = command("run", "numbers", "-c", project, "-o", "-")
    assert done.out == (
        '"n","third","word"\n1,"0.33333333333333333333",\n2,"0.66666666666666666667","it\'s [bold]"\n'
        '3,"1.00000000000000000000","it\'s [bold]"\n'
    )
    assert "3 rows read" in done.err
    assert "written to standard output" in done.err
    both = command("run", "numbers", "-c", project, "-o", "-", "--json")
    assert (both.code, "both want standard output" in both.err) == (2, True)


def test_reader_of_standard_output_that_has_enough_ends_the_command_quietly(project: Path) -> None:
    program = Path(sys.executable).with_name("cockroach-pipelines")
    run = f"{program} run numbers -c {project} --param count=300000 -o -; echo $? >&2"
    ended = subprocess.run(["bash", "-c", f"({run}) | head -n 1"], capture_output=True, text=True)
    assert ended.stdout == '"n","third","word"\n'
    assert ended.stderr.split()[-1] == "141"
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_standard_output_that_cannot_be_written_says_so(project: Path) -> None:
    program = Path(sys.executable).with_name("cockroach-pipelines")
    with Path("/dev/full").open("w") as full:
        arguments = [str(program), "run", "numbers", "-c", str(project), "-o", "-"]
        ended = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1
    assert "Standard output cannot be written: No space left on device." in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.parametrize("output", ["r.parquet", "r.csv", "-"])
def test_blocking_check_that_fails_keeps_the_rows_from_appearing(
    command: Command, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("r.parquet", "r.csv"):
        Path(name).write_text("the last good result")
    done = command("run", "blocked", "-c", project, "-o", output)
    assert (done.code, "a blocking check failed" in done.out + done.err) == (1, True)
    assert "written to" not in (done.out + done.err).replace("not written to", "")
    assert "1,2" not in done.out
    assert {Path(name).read_text() for name in ("r.parquet", "r.csv")} == {"the last good result"}
    assert not Path(".staging").exists()


def test_maintenance_has_no_result_to_write(command: Command, project: Path, tmp_path: Path) -> None:
    done = command("run", "nothing", "-c", project, "-o", tmp_path / "r.csv")
    assert (done.code, "is maintenance: it has no result" in done.err) == (2, True)


def test_run_shows_as_many_rows_as_are_asked_for(command: Command, project: Path) -> None:
    done = command("run", "numbers", "-c", project, "--param", "count=500", "--rows", "400", "--json")
    assert [row["n"] for row in json.loads(done.out)["first_rows"]] == list(range(1, 401))


def test_run_refuses_an_unknown_format_before_anything_runs(command: Command, project: Path, tmp_path: Path) -> None:
    done = command("run", "numbers", "-c", project, "-o", tmp_path / "n.docx")
    assert (done.code, "ends in .parquet, .csv, .csv.gz, .csv.zst, .arrow or .feather" in done.err) == (2, True)


TEMPLATE = """
    /* @template
    identifiers: {columns: [n, word]}
    params: {above: {type: integer, default: 0}}
    */
    SELECT {% for column in columns %}{{ column | identifier }}{% if not loop.last %}, {% endif %}{% endfor %}
    FROM (VALUES (1, 'one'), (2, 'it''s two')) AS numbers (n, word) WHERE n > {{ above }} ORDER BY n
"""


def test_run_renders_a_template_with_binds_and_allowed_names(command: Command, project: Path, tmp_path: Path) -> None:
    template = tmp_path / "sql" / "templates" / "pick.sql"
    template.parent.mkdir()
    template.write_text(dedent(TEMPLATE).lstrip())
    done = command("run", "templates/pick", "-c", project, "--param", "columns=word,n", "--param", "above=1", "--json")
    assert json.loads(done.out)["first_rows"] == [{"word": "it's two", "n": 2}]
    refused = command("run", template, "-c", project, "--param", "columns=word,oid")
    assert (refused.code, "oid" in refused.err) == (2, True)
    assert "7 good, 0 broken" in command("check", "-c", project).out


def test_failed_check_exits_with_1(command: Command, project: Path) -> None:
    done = command("run", "two_wrong", "-c", project)
    assert (done.code, "✗ no_differences: 2 wrong rows" in done.out) == (1, True)


def test_statement_error_exits_with_1_and_names_file_and_line(command: Command, project: Path) -> None:
    done = command("run", "fails", "-c", project)
    assert done.code == 1
    assert 'fails.sql:3:6: [42P01] relation "nowhere" does not exist' in done.err


def test_statement_error_shows_the_line_of_the_file_with_a_caret_below_the_place(
    command: Command, project: Path
) -> None:
    lines = command("run", "fails", "-c", project).err.splitlines()
    assert "    3 | JOIN nowhere ON true" in lines
    assert lines[lines.index("    3 | JOIN nowhere ON true") + 1] == "      |      ^"


def test_attempts_that_fail_are_shown_while_the_next_one_is_awaited_and_logged_where_the_configuration_says(
    command: Command, server: PostgresServer, tmp_path: Path
) -> None:
    server.psql(
        "CREATE SEQUENCE IF NOT EXISTS attempts; SELECT setval('attempts', 1, false); GRANT ALL ON SEQUENCE attempts TO PUBLIC;"
        "DROP TABLE IF EXISTS settled; CREATE TABLE settled (n int); GRANT ALL ON settled TO PUBLIC; INSERT INTO settled VALUES (0);"
        "CREATE OR REPLACE FUNCTION once_in_vain() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('attempts') < 2 THEN RAISE SQLSTATE '40001' USING MESSAGE = 'restart transaction'; END IF; RETURN 1; END $$"
    )
    make_project(
        tmp_path,
        {"main": server.config},
        {"maintenance/settle.sql": "UPDATE settled SET n = once_in_vain() WHERE n = 0"},
    )
    config = tmp_path / "config.yaml"
    settings = json.loads(config.read_text()) | {"logging": {"format": "json", "file": "log.jsonl"}}
    config.write_text(json.dumps(settings))
    done = command("run", "settle", "-c", config)
    assert done.code == 0, done.err
    assert "attempt 1 failed, again in 0." in done.err
    assert "[40001] restart transaction" in done.err
    assert "it took 2 attempts" in done.out
    told = [json.loads(line)["event"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert told == ["statement_failed", "retry_scheduled", "statement_finished", "transaction_committed"]


def test_run_says_as_of_when_it_read(command: Command, server: PostgresServer, tmp_path: Path) -> None:
    make_project(
        tmp_path, {"main": server.config}, {"reporting/past.sql": "/* @asset\nas_of: -10s\n*/\nSELECT 1 AS one"}
    )
    done = command("run", "past", "-c", tmp_path / "config.yaml")
    assert "as of now, in one snapshot: PostgreSQL keeps no history to read as of -10s" in done.out
    entry = json.loads(command("run", "past", "-c", tmp_path / "config.yaml", "--json").out)
    assert (entry["attempts"], "PostgreSQL" in entry["as_of"]) == (1, True)


def test_unknown_name_exits_with_2_and_a_proposal(command: Command, project: Path) -> None:
    done = command("run", "reporting/nubmers", "-c", project)
    assert (done.code, "Did you mean 'reporting/numbers'?" in done.err) == (2, True)


def test_no_connection_exits_with_3(command: Command, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = DatabaseConfig(host="127.0.0.1", port=unused.getsockname()[1], user="etl", sslmode="disable")
        make_project(tmp_path, {"main": nobody}, FILES)
        done = command("run", "numbers", "-c", tmp_path / "config.yaml")
    assert (done.code, "[08001]" in done.err) == (3, True)


def test_check_says_how_many_files_are_good(command: Command, project: Path) -> None:
    done = command("check", "-c", project)
    assert (done.code, "6 good, 0 broken" in done.out) == (0, True)


def test_check_names_file_line_and_column_of_every_broken_file(command: Command, project: Path, tmp_path: Path) -> None:
    broken = tmp_path / "sql" / "queries" / "reporting" / "broken.sql"
    broken.write_text("SELECT 1 AS one\nFROM flights WHERE (")
    done = command("check", "-c", project)
    assert done.code == 1
    assert "broken.sql:2:" in done.err
    assert "6 good, 1 broken" in done.out
    found = {entry["name"]: entry for entry in json.loads(command("check", "-c", project, "--json").out)}
    assert found["reporting/broken"]["ok"] is False
    assert found["reporting/broken"]["problems"][0]["line"] == 2
    assert found["reporting/numbers"] == {"name": "reporting/numbers", "ok": True}


def test_list_tells_partitions_schedules_and_tables(command: Command, project: Path) -> None:
    entries = {entry["asset"]: entry for entry in json.loads(command("list", "-c", project, "--json").out)}
    assert entries["reporting/monthly"]["partition"] == "month"
    assert entries["reporting/fails"]["reads"] == ["nowhere"]
    assert "reporting/monthly" in command("list", "-c", project).out


def test_missing_configuration_exits_with_2(command: Command, tmp_path: Path) -> None:
    done = command("list", "-c", tmp_path / "absent.yaml")
    assert (done.code, "absent.yaml" in done.err) == (2, True)


def test_demo_refuses_a_real_server(command: Command, project: Path) -> None:
    done = command("demo", "-c", project)
    assert (done.code, "runs on the embedded database only" in done.err) == (2, True)


@pytest.mark.parametrize("name", ["demo", "doctor", "check", "list", "run"])
def test_help_teaches_every_command(command: Command, name: str) -> None:
    assert name in command("--help").out
    assert "--config" in command(name, "--help").out
