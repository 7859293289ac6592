"""One file becomes a query, or a broken one that says what is wrong and where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries import (
    BrokenQuery,
    ParameterError,
    Query,
    QueryFileError,
    QueryKind,
    SQLLoader,
    SQLRepository,
)


def errors_of(broken: Query | BrokenQuery, sql_folder: Path) -> list[str]:
    assert isinstance(broken, BrokenQuery)
    return [str(problem).replace(f"{sql_folder}{os.sep}queries{os.sep}", "") for problem in broken.error.problems]


def test_a_file_with_a_header_is_a_query(load: Any, sql_folder: Path) -> None:
    query = load("""
        /* @asset
        description: Flights per carrier.
        partition: {every: day, from: 2013-01-01}
        params: {origin: {type: text, default: JFK}}
        checks:
          known: {sql: SELECT * FROM result WHERE origin <> :origin, severity: warn}
        */
        -- not the description
        SELECT carrier, count(*) FROM flights
        WHERE time_hour >= :partition_start AND time_hour < :partition_end AND origin = :origin;
        """)
    assert isinstance(query, Query)
    assert (query.name, query.kind) == ("reporting/report", QueryKind.REPORTING)
    assert query.path == sql_folder / "queries" / "reporting" / "report.sql"
    assert query.description == "Flights per carrier."
    assert query.dialects == set(Dialect)
    assert [str(table) for table in query.tables_read] == ["flights"]
    statement = query.statement_for(Dialect.POSTGRESQL)
    assert statement.bound.names == ("partition_start", "partition_end", "origin")
    assert statement.sql.startswith("-- not the description\nSELECT")
    assert statement.executable.endswith("AND origin = ?")
    assert statement.first_line == 8
    assert query.checks["known"].bound.names == ("origin",)


def test_a_server_error_is_shown_in_the_files_own_line(load: Any) -> None:
    query = load("/* @asset\ndescription: x\n*/\nSELECT :a,\n  wrong FROM t\n".replace(":a", "1"))
    statement = query.statement_for(Dialect.COCKROACHDB)
    position = statement.executable.index("wrong") + 1
    assert (statement.place(position).line, statement.place(position).column) == (5, 3)
    assert statement.place(None).line == 4


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("-- Flights per day.\n-- More.\nSELECT 1", "Flights per day."),
        ("/* licence */\n\n---- Flights\nSELECT 1", "Flights"),
        ("SELECT 1 -- no", ""),
        ("/* @asset\nowner: team:x\n*/\n-- After the header\nSELECT 1", "After the header"),
    ],
)
def test_a_file_without_description_has_its_first_comment_line(load: Any, text: str, description: str) -> None:
    assert load(text).description == description


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "DELETE FROM flights",
            [
                "reporting/report.sql:1:1: DELETE has no place in a report, which only reads.\n"
                "Move the file below sql/queries/maintenance if it is to write."
            ],
        ),
        (
            "WITH gone AS (\n  DELETE FROM flights RETURNING *\n) SELECT * FROM gone",
            [
                "reporting/report.sql:2:3: DELETE has no place in a report, which only reads.\n"
                "Move the file below sql/queries/maintenance if it is to write."
            ],
        ),
        (
            "SELECT * INTO copy FROM flights",
            [
                "reporting/report.sql:1:10: INTO has no place in a report, which only reads.\n"
                "Move the file below sql/queries/maintenance if it is to write."
            ],
        ),
        (
            "SELECT * FROM flights FOR UPDATE",
            [
                "reporting/report.sql:1:23: FOR UPDATE has no place in a report, which locks no rows.\n"
                "Remove FOR UPDATE."
            ],
        ),
        (
            "CREATE TABLE x (a int)",
            [
                "reporting/report.sql:1:1: CREATE has no place in a report, which only reads.\n"
                "Move the file below sql/queries/maintenance if it is to write."
            ],
        ),
        (
            "BEGIN",
            [
                "reporting/report.sql:1:1: A file does not begin or end transactions.\n"
                "Remove the statement: each file runs in a transaction of its own."
            ],
        ),
        (
            "SELECT 1;\n\n  SELECT 2;",
            [
                "reporting/report.sql:3:3: A second of 2 statements begins here.\n"
                "One file, one statement: move it to a file of its own."
            ],
        ),
        ("", ["reporting/report.sql:1:1: There is no SQL statement here.\nWrite one, or remove the file."]),
        (
            "/* @asset\ndescription: x\n*/\n-- nothing",
            ["reporting/report.sql:3:3: There is no SQL statement here.\nWrite one, or remove the file."],
        ),
        (
            "/* @asset\nparams: {carrier: text}\n*/\nSELECT :carier, :carrier, :other",
            [
                "reporting/report.sql:4:8: The parameter :carier is not declared.\n"
                "Did you mean 'carrier'? Declare it in the header: `params: {carier: text}`.",
                "reporting/report.sql:4:27: The parameter :other is not declared.\n"
                "Declare it in the header: `params: {other: text}`.",
            ],
        ),
        (
            "SELECT :partition_key",
            [
                "reporting/report.sql:1:8: :partition_key needs a partition, and the header has none.\n"
                "Add one to the header: `partition: {every: day, from: 2013-01-01}`."
            ],
        ),
        (
            "/* @asset\nparams:\n  carrier: text\n*/\nSELECT 1",
            [
                "reporting/report.sql:3:3: The parameter 'carrier' is declared and never used.\n"
                "Remove it, or write :carrier where its value belongs."
            ],
        ),
        (
            "/* @asset\nchecks:\n  one: SELECT * FORM result\n  two: DELETE FROM x\n  three: SELECT 1; SELECT 2\n"
            "  four: SELECT :x\n*/\nSELECT 1",
            [
                "reporting/report.sql:3:22: 'result' is unexpected here.\nDid you mean FROM instead of FORM?",
                "reporting/report.sql:4:8: DELETE has no place in a check, which only reads.\n"
                "Move the file below sql/queries/maintenance if it is to write.",
                "reporting/report.sql:5:20: A check is one query.\nMake a check of its own of it.",
                "reporting/report.sql:6:16: The parameter :x is not declared.\n"
                "Declare it in the header: `params: {x: text}`.",
            ],
        ),
        (
            "/* @asset\nchecks:\n  one: >\n    SELECT *\n    FORM result\n*/\nSELECT 1",
            ["reporting/report.sql:3:8: 'result' is unexpected here.\nDid you mean FROM instead of FORM?"],
        ),
        (
            "/* @asset\ndescripton: x\nevery: 7m\n*/\nSELECT * FORM t",
            [
                "reporting/report.sql:2:1: Unknown key 'descripton'.\nDid you mean 'description'?",
                "reporting/report.sql:3:8: `every`: '7m' divides neither the hour nor the day evenly: write 6m or 10m.",
                "reporting/report.sql:5:15: 't' is unexpected here.\nDid you mean FROM instead of FORM?",
            ],
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_everything_that_is_wrong(
    load: Any, sql_folder: Path, text: str, problems: list[str]
) -> None:
    broken = load(text)
    assert errors_of(broken, sql_folder) == problems
    assert broken.kind is QueryKind.REPORTING


def test_maintenance_may_write_and_reconciliation_may_not(write: Any, sql_folder: Path) -> None:
    write("maintenance/purge.sql", "DELETE FROM flights WHERE year < 2000")
    write("reconciliation/purge.sql", "DELETE FROM flights WHERE year < 2000")
    repository = SQLRepository(sql_folder)
    assert list(repository.queries) == ["maintenance/purge"]
    assert "DELETE has no place in a reconciliation" in str(repository.broken["reconciliation/purge"].error)


def test_keys_of_other_kinds_are_refused_at_their_place(write: Any, sql_folder: Path) -> None:
    write("reporting/writes.sql", "/* @asset\nautocommit: true\nidempotent: true\n*/\nSELECT 1")
    write("maintenance/past.sql", "/* @asset\nas_of: -10s\n*/\nDELETE FROM flights WHERE year < 2000")
    broken = SQLRepository(sql_folder).broken
    assert str(broken["maintenance/past"].error).endswith(
        "past.sql:2:8: `as_of` is for what reads: nobody writes into the past.\nRemove it."
    )
    autocommit, idempotent = (str(problem) for problem in broken["reporting/writes"].error.problems)
    assert "writes.sql:2:13: `autocommit` is for maintenance" in autocommit
    assert "writes.sql:3:13: `idempotent` is for maintenance" in idempotent


def test_a_report_may_show_and_explain(load: Any) -> None:
    assert isinstance(load("SHOW JOBS"), Query)
    assert isinstance(load("EXPLAIN SELECT 1"), Query)


# Values


def test_parameters_have_their_values_defaults_and_types(load: Any) -> None:
    query = load("""
        /* @asset
        partition: {every: day, from: 2013-01-01}
        params: {n: integer, day: {type: date, default: null}, names: {type: "text[]", default: [AA]}}
        */
        SELECT :n, :day, :names, :partition_key""")
    assert query.parameter_values({"n": "3", "partition_key": "2013-01-01"}) == {
        "n": 3,
        "day": None,
        "names": ["AA"],
        "partition_key": "2013-01-01",
    }


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "The parameter 'n' has no value.\nGive it one of type integer."),
        ({"n": "x"}, "The parameter 'n': 'x' is no integer from -2^63 to 2^63-1.\nIts type is integer."),
        ({"n": 1, "m": 2}, "There is no parameter 'm'.\nKnown here: n."),
        ({"n": 1, "partition_key": "x"}, "There is no parameter 'partition_key'.\nKnown here: n."),
    ],
)
def test_a_wrong_value_is_refused(load: Any, given: dict[str, object], error: str) -> None:
    query = load("/* @asset\nparams: {n: integer}\n*/ SELECT :n")
    with pytest.raises(ParameterError) as raised:
        query.parameter_values(given)
    assert str(raised.value).endswith(error)


# Files


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"SELECT 1\n, '\xe9'", ":2:4: The byte 0xe9 is no UTF-8.\nSave the file as UTF-8."),
        ("SELECT 1".encode("utf-16"), ":1:1: The file is UTF-16.\nSave it as UTF-8."),
        (b"SELECT 1 " + b" " * 1_048_576, ": The file has 1,048,585 bytes, and at most 1,048,576 are read.\n"),
        (b"SELECT \0", ":1:8: A NUL character stands here.\n"),
    ],
)
def test_a_file_that_is_no_text_is_refused(write: Any, sql_folder: Path, content: bytes, error: str) -> None:
    path = write("reporting/report.sql", "")
    path.write_bytes(content)
    broken = SQLRepository(sql_folder).broken["reporting/report"]
    assert error in str(broken.error)


def test_a_byte_order_mark_and_windows_lines_are_read(write: Any, sql_folder: Path) -> None:
    path = write("reporting/report.sql", "")
    path.write_bytes(b"\xef\xbb\xbf/* @asset\r\ndescription: x\r\n*/\r\nSELECT :a\r\n")
    broken = SQLRepository(sql_folder).broken["reporting/report"]
    assert str(broken.error).splitlines()[0].endswith("report.sql:4:8: The parameter :a is not declared.")


def test_a_pipe_or_a_link_to_nowhere_does_not_stop_the_others(write: Any, sql_folder: Path) -> None:
    write("reporting/good.sql", "SELECT 1")
    os.mkfifo(sql_folder / "queries" / "reporting" / "pipe.sql")
    (sql_folder / "queries" / "reporting" / "link.sql").symlink_to("nowhere.sql")
    repository = SQLRepository(sql_folder)
    assert list(repository.queries) == ["reporting/good"]
    assert "This is no regular file." in str(repository.broken["reporting/pipe"].error)
    assert "The file cannot be read: No such file or directory." in str(repository.broken["reporting/link"].error)


@pytest.mark.parametrize(
    ("path", "name", "error"),
    [
        (
            "reporting/daily report.sql",
            "reporting/daily_report",
            "'daily report' in the path cannot be part of an asset's name.\n"
            "Rename it to 'daily_report': names hold letters, digits and underscores.",
        ),
        (
            "reporting/fi-nance/x.sql",
            "reporting/fi_nance/x",
            "'fi-nance' in the path cannot be part of an asset's name.\n"
            "Rename it to 'fi_nance': names hold letters, digits and underscores.",
        ),
        (
            "reporting/x.cockroach.sql",
            "reporting/x",
            "'cockroach' in the name of the file is no dialect.\nDid you mean 'cockroachdb'?",
        ),
        (
            "reporting/x.2013.sql",
            "reporting/x",
            "'2013' in the name of the file is no dialect.\nRename it to x_2013.sql.",
        ),
        ("reporting/x.SQL", "reporting/x", "The ending '.SQL' is not .sql.\nRename it to x.sql."),
        (
            "x.sql",
            "x",
            "The file stands in no folder that says what kind of query it is.\n"
            "Move it to one of reconciliation, reporting, maintenance.",
        ),
        ("reportng/x.sql", "reportng/x", "The folder 'reportng' is no kind of query.\nDid you mean 'reporting'?"),
        (
            "misc/x.sql",
            "misc/x",
            "The folder 'misc' is no kind of query.\nMove the file to one of reconciliation, reporting, maintenance.",
        ),
    ],
)
def test_a_wrong_path_is_refused_under_a_name_that_an_asset_can_have(
    write: Any, sql_folder: Path, path: str, name: str, error: str
) -> None:
    file = write(path, "SELECT 1")
    broken = SQLRepository(sql_folder).broken
    assert list(broken) == [name]
    assert str(broken[name].error) == f"{file}: {error}"


# Dialects


def test_a_connections_dialect_picks_the_file(write: Any, sql_folder: Path) -> None:
    write("reporting/x.sql", "/* @asset\ndescription: Both.\n*/ SELECT 1")
    write("reporting/x.postgresql.sql", "SELECT 2")
    query = SQLRepository(sql_folder).queries["reporting/x"]
    assert query.statement_for(Dialect.POSTGRESQL).executable == "SELECT 2"
    assert query.statement_for(Dialect.COCKROACHDB).executable == "SELECT 1"
    assert query.description == "Both."
    assert query.dialects == set(Dialect)


def test_a_file_for_another_dialect_says_which_there_is(write: Any, sql_folder: Path) -> None:
    path = write("reporting/jobs.cockroachdb.sql", "SELECT * FROM [SHOW JOBS]")
    query = SQLRepository(sql_folder).queries["reporting/jobs"]
    assert query.dialects == {Dialect.COCKROACHDB}
    with pytest.raises(QueryFileError) as raised:
        query.statement_for(Dialect.POSTGRESQL)
    assert str(raised.value) == (
        f"{path}:1:1: reporting/jobs is written for cockroachdb, and the connection 'main' is postgresql.\n"
        "Add jobs.postgresql.sql beside it, or set `connection` to one that is cockroachdb."
    )


def test_headers_of_two_dialects_are_equal_or_one_is_missing(write: Any, sql_folder: Path) -> None:
    write("reporting/a.cockroachdb.sql", "/* @asset\nowner: team:x\n*/ SELECT 1")
    write("reporting/a.postgresql.sql", "/* @asset {owner: 'team:x'} */ SELECT 2")
    write("reporting/b.cockroachdb.sql", "/* @asset\nowner: team:x\n*/ SELECT 1")
    other = write("reporting/b.postgresql.sql", "/* @asset\nowner: team:y\n*/ SELECT 2")
    repository = SQLRepository(sql_folder)
    assert list(repository.queries) == ["reporting/a"]
    assert str(repository.broken["reporting/b"].error) == (
        f"{other}:1:10: This header differs from that of b.cockroachdb.sql.\n"
        "Keep it in one of b.cockroachdb.sql and b.postgresql.sql, or make both equal."
    )


def test_one_wrong_dialect_makes_the_whole_query_wrong(write: Any, sql_folder: Path) -> None:
    write("reporting/a.cockroachdb.sql", "SELECT 1")
    wrong = write("reporting/a.postgresql.sql", "SELECT (")
    broken = SQLRepository(sql_folder).broken["reporting/a"]
    assert broken.error.place.source == wrong


def test_a_loader_reads_a_single_file(write: Any, sql_folder: Path) -> None:
    path = write("maintenance/a/b.sql", "ANALYZE flights")
    query = SQLLoader(sql_folder / "queries").load(path)
    assert isinstance(query, Query)
    assert query.name == "maintenance/a/b"
