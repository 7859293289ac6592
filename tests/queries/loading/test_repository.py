"""A folder of SQL: what is found, what follows what, and how a query is asked for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cockroach_pipelines.config import ConfigurationError, DatabaseConfig
from cockroach_pipelines.queries import (
    QueryFileError,
    QueryKind,
    QueryNotFoundError,
    SQLRepository,
    TableName,
    TableOn,
    checked_prefix,
)


def test_every_file_is_a_query_under_its_path(write: Any, sql_folder: Path) -> None:
    write("reporting/finance/daily.sql", "SELECT 1")
    write("reporting/daily.sql", "SELECT 1")
    write("maintenance/purge.sql", "DELETE FROM t WHERE old")
    write("maintenance/README.md", "no SQL")
    write("maintenance/.hidden.sql", "no SQL")
    write("maintenance/.git/x.sql", "no SQL")
    (sql_folder / "queries" / "maintenance" / "folder.sql").mkdir()
    repository = SQLRepository(sql_folder)
    assert list(repository.queries) == ["maintenance/purge", "reporting/daily", "reporting/finance/daily"]
    assert not repository.broken


def test_links_are_followed_and_circles_of_them_are_not(write: Any, sql_folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.sql").write_text("SELECT 1")
    (outside / "again").symlink_to(outside)
    reporting = sql_folder / "queries" / "reporting"
    reporting.mkdir()
    (reporting / "linked").symlink_to(outside)
    (reporting / "y.sql").symlink_to(outside / "x.sql")
    assert list(SQLRepository(sql_folder).queries) == ["reporting/linked/x", "reporting/y"]


def test_a_bad_file_never_hides_the_others(write: Any, sql_folder: Path) -> None:
    write("reporting/a-b.sql", "SELECT 1")
    write("reporting/a_b.sql", "SELECT 1")
    write("reporting/a b.sql", "SELECT 1")
    repository = SQLRepository(sql_folder)
    assert list(repository.queries) == ["reporting/a_b"]
    assert list(repository.broken) == ["reporting/a_b_2", "reporting/a_b_3"]


@pytest.mark.parametrize(
    ("made", "wrong", "message"),
    [
        ([], "sql", "This folder does not exist."),
        (["sql"], "sql/queries", "This folder does not exist."),
    ],
)
def test_a_folder_that_is_missing_is_an_error(tmp_path: Path, made: list[str], wrong: str, message: str) -> None:
    for folder in made:
        (tmp_path / folder).mkdir()
    with pytest.raises(QueryFileError) as raised:
        SQLRepository(tmp_path / "sql")
    assert str(raised.value) == (
        f"{tmp_path / wrong}: {message}\n"
        "Run in the project's folder, or set `sql_folder` to the folder that holds queries/."
    )


def test_a_folder_without_files_is_an_error(sql_folder: Path) -> None:
    with pytest.raises(QueryFileError, match=r"There is no \.sql file below this folder"):
        len(SQLRepository(sql_folder).queries)


def test_a_connection_that_does_not_exist_is_an_error_where_it_is_named(write: Any, sql_folder: Path) -> None:
    path = write("reporting/x.sql", "/* @asset\nconnection: replca\n*/ SELECT 1")
    write("reporting/y.sql", "SELECT 1")
    repository = SQLRepository(sql_folder, connections=["main", "replica"])
    assert list(repository.queries) == ["reporting/y"]
    assert str(repository.broken["reporting/x"].error) == (
        f"{path}:2:13: There is no connection 'replca'.\nDid you mean 'replica'?"
    )


# Asking for a query


def test_a_query_is_found_by_name_by_last_part_and_by_file(write: Any, sql_folder: Path, monkeypatch: Any) -> None:
    path = write("reporting/finance/daily.sql", "SELECT 1")
    repository = SQLRepository(sql_folder)
    monkeypatch.chdir(sql_folder)
    for name in (
        "reporting/finance/daily",
        "reporting/finance/daily.sql",
        "daily",
        path,
        "queries/reporting/finance/daily.sql",
    ):
        assert repository.get(name).name == "reporting/finance/daily"


def test_what_is_not_found_says_what_may_have_been_meant(write: Any, sql_folder: Path) -> None:
    write("reporting/finance/daily.sql", "SELECT 1")
    write("reporting/hr/daily.sql", "SELECT 1")
    write("reporting/hr/weekly.sql", "SELECT 1")
    write("reporting/broken.sql", "SELECT (1")
    repository = SQLRepository(sql_folder)

    def error(name: str) -> str:
        with pytest.raises((QueryNotFoundError, QueryFileError)) as raised:
            repository.get(name)
        return str(raised.value)

    assert error("daily") == (
        "'daily' is more than one query.\nSay which: reporting/finance/daily, reporting/hr/daily."
    )
    assert error("reporting/hr/wekly") == (
        "There is no query 'reporting/hr/wekly'.\nDid you mean 'reporting/hr/weekly'?"
    )
    assert error("weekley") == "There is no query 'weekley'.\nDid you mean 'reporting/hr/weekly'?"
    assert error("zzz") == f"There is no query 'zzz'.\nThere are 4 queries below {sql_folder / 'queries'}."
    assert "')' is missing" in error("broken")


# What follows what


def test_a_reader_follows_the_writers_of_its_tables(write: Any, sql_folder: Path) -> None:
    write("maintenance/load.sql", "INSERT INTO public.daily SELECT * FROM flights")
    write("maintenance/purge.sql", "DELETE FROM archive WHERE old")
    write("reporting/a.sql", 'SELECT * FROM Daily, weather, "Weather"')
    write("reporting/b.sql", "/* @asset\ndepends_on: [reporting/a, other/python]\n*/ SELECT * FROM pg_stat_activity")
    write("reconciliation/c.sql", "SELECT * FROM daily EXCEPT SELECT * FROM information_schema.tables, s.daily")
    repository = SQLRepository(sql_folder)
    assert repository.dependencies() == {
        "maintenance/load": set(),
        "maintenance/purge": set(),
        "reconciliation/c": {"maintenance/load"},
        "reporting/a": {"maintenance/load"},
        "reporting/b": {"reporting/a"},
    }
    assert {str(on.table): readers for on, readers in repository.external_tables().items()} == {
        "public.Weather": {"reporting/a"},
        "public.flights": {"maintenance/load"},
        "public.weather": {"reporting/a"},
        "s.daily": {"reconciliation/c"},
    }


def test_tables_of_one_name_in_two_databases_are_two_tables(write: Any, sql_folder: Path) -> None:
    write("maintenance/load.sql", "INSERT INTO orders SELECT 1")
    write("maintenance/copy.sql", "/* @asset\nconnection: copies\n*/\nINSERT INTO orders SELECT 1")
    for name, connection in (("here", "main"), ("there", "copies"), ("reader", "reader"), ("nobody", "other")):
        write(f"reporting/{name}.sql", f"/* @asset\nconnection: {connection}\n*/\nSELECT * FROM Orders")
    server = {"host": "db.example.com", "user": "etl"}
    connections = {
        "main": DatabaseConfig(**server),
        "copies": DatabaseConfig(**server, database="copies"),
        "reader": DatabaseConfig(host="DB.example.com", user="reader"),  # another role of main's database
        "other": DatabaseConfig(host="other.example.com", user="etl"),
    }
    repository = SQLRepository(sql_folder, connections)
    assert {name: before for name, before in repository.dependencies().items() if before} == {
        "reporting/here": {"maintenance/load"},
        "reporting/reader": {"maintenance/load"},
        "reporting/there": {"maintenance/copy"},
    }
    orders = TableName("", "public", "orders")
    assert repository.external_tables() == {TableOn("other", orders): {"reporting/nobody"}}
    # Of names alone nobody knows which of them reach the same database.
    assert repository.writers()[TableOn("reader", orders)] == {"maintenance/load"}
    assert TableOn("reader", orders) in SQLRepository(sql_folder, list(connections)).external_tables()


def test_names_have_a_prefix_and_headers_name_files_of_the_folder_without(write: Any, sql_folder: Path) -> None:
    write("maintenance/load.sql", "INSERT INTO orders SELECT 1")
    days = "/* @asset\npartition: {every: day, from: 2024-01-01}\n%s*/ SELECT * FROM orders"
    write("reporting/days.sql", days % "")
    write("reporting/next.sql", days % "after: reporting/days\npartition_mapping: {reporting/days: yesterday}\n")
    write("reporting/wrong.sql", days % "depends_on: [elsewhere/load, reporting/dayz]\n")
    repository = SQLRepository(sql_folder, prefix="finance/emea")
    assert list(repository.queries) == [
        f"finance/emea/{n}" for n in ("maintenance/load", "reporting/days", "reporting/next")
    ]
    upstream = repository.dependencies()["finance/emea/reporting/next"]
    assert upstream == {"finance/emea/maintenance/load", "finance/emea/reporting/days"}
    following = repository.get("next")
    assert following.header.after == ("finance/emea/reporting/days",)
    assert list(following.header.partition_mapping) == ["finance/emea/reporting/days"]
    assert following.kind is QueryKind.REPORTING
    (broken,) = repository.broken.values()
    assert broken.name == "finance/emea/reporting/wrong"
    assert "Did you mean 'finance/emea/reporting/days'?" in str(broken.error)
    plain = SQLRepository(sql_folder).get("next")
    assert (plain.name, plain.code_version) == ("reporting/next", following.code_version)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("finance-emea", "'finance-emea' cannot be part of an asset's name"),
        (["finance", ""], "'' cannot be part of an asset's name"),
        ("reporting", "'reporting' is what the names of files begin with by themselves"),
    ],
)
def test_a_prefix_that_cannot_be_one_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        checked_prefix(given)


def test_prefixes_are_a_text_or_a_list() -> None:
    assert [checked_prefix(each) for each in (None, "a", "a/b", ["a", "b"])] == ["", "a", "a/b", "a/b"]


def test_writers_of_one_table_do_not_follow_each_other_through_it(write: Any, sql_folder: Path) -> None:
    write("maintenance/a.sql", "DELETE FROM t WHERE x IN (SELECT x FROM t LIMIT 10)")
    write("maintenance/b.sql", "UPDATE t SET x = (SELECT max(x) FROM t) WHERE x IS NULL")
    repository = SQLRepository(sql_folder)
    assert repository.dependencies() == {"maintenance/a": set(), "maintenance/b": set()}


def test_queries_that_wait_for_each_other_are_broken_and_the_others_are_not(write: Any, sql_folder: Path) -> None:
    path = write("maintenance/a.sql", "INSERT INTO a SELECT * FROM c")
    write("maintenance/b.sql", "INSERT INTO b SELECT * FROM a")
    write("maintenance/c.sql", "INSERT INTO c SELECT * FROM b")
    write("reporting/d.sql", "SELECT * FROM c")
    repository = SQLRepository(sql_folder)
    assert list(repository.queries) == ["reporting/d"]
    assert list(repository.broken) == ["maintenance/a", "maintenance/b", "maintenance/c"]
    assert str(repository.broken["maintenance/a"].error) == (
        f"{path}:1:1: These queries wait for each other: "
        "maintenance/a → maintenance/c → maintenance/b → maintenance/a "
        "(each reads what the next writes, or names it in depends_on or after).\n"
        "Make one statement of them, or let one write to a table of its own."
    )


def test_a_thousand_files_are_read_in_seconds(write: Any, sql_folder: Path) -> None:
    for number in range(1000):
        write(f"reporting/folder_{number % 20}/q_{number}.sql", f"SELECT a, count(*) FROM t_{number} GROUP BY a")
    started = time.process_time()
    repository = SQLRepository(sql_folder)
    assert len(repository.queries) == 1000
    assert len(repository.external_tables()) == 1000
    assert time.process_time() - started < 4  # under a second on an idle machine; this one may be shared
