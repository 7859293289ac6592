"""What `watch` may say, and what it may not, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockroach_pipelines.queries import Query, QueryFileError, SQLLoader


def load(folder: Path, watch: str, kind: str = "reporting", statement: str = "SELECT 1 AS one") -> Query:
    path = folder / kind / "file.sql"
    path.parent.mkdir(parents=True)
    path.write_text(f"/* @asset\nwatch: {watch}\n*/\n{statement}\n")
    found = SQLLoader(folder, ["main", "other"]).load(path)
    if not isinstance(found, Query):
        raise found.error
    return found


def test_query_alone_is_asked_every_minute_on_the_files_connection(tmp_path: Path) -> None:
    query = load(tmp_path, "SELECT max(updated_at) FROM orders")
    assert query.watch is not None
    assert query.watch.bound.text == "SELECT max(updated_at) FROM orders"
    assert (query.watch.watch.every, query.watch.watch.timeout, query.watched_connection) == (60, 10, "main")


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    query = load(tmp_path, '{query: "SELECT max(a), max(b)", every: 5m, timeout: 2s, connection: other}')
    assert query.watch is not None
    assert (query.watch.watch.every, query.watch.watch.timeout, query.watched_connection) == (300, 2, "other")


def test_tables_of_the_query_are_no_dependencies(tmp_path: Path) -> None:
    assert load(tmp_path, "SELECT max(updated_at) FROM orders").tables_read == frozenset()


def test_maintenance_can_watch(tmp_path: Path) -> None:
    assert load(tmp_path, "SELECT count(*) FROM t", "maintenance", "DELETE FROM t WHERE old").watch is not None


@pytest.mark.parametrize(
    ("watch", "place", "said"),
    [
        ("DELETE FROM orders", "2:8", "DELETE has no place in the query of `watch`"),
        ("SELECT max(id) FROM orders WHERE day = :day", "2:47", "has a parameter :day"),
        ("SELECT 1; SELECT 2", "2:18", "`watch` is one query."),
        ("SELEC max(id) FROM orders", "2:8", "No statement begins with 'SELEC'."),
        ('""', "2:8", "`watch.query`: is empty"),
        ("{every: 1m}", "2:1", "`watch.query` is missing."),
        ("{query: SELECT 1, every: 1s}", "2:33", "`watch.every`: Dagster looks no more often than every 5s"),
        ("{query: SELECT 1, every: yes}", "2:33", "`watch.every`: 'true' is no span of time"),
        ("{query: SELECT 1, timeout: 2m}", "2:35", "`watch.timeout`: Dagster waits a minute for a sensor"),
        ("{query: SELECT 1, evry: 1m}", "2:26", "Unknown key 'evry' of watch."),
        ("{query: SELECT 1, connection: othr}", "2:38", "There is no connection 'othr'."),
        ("[SELECT 1]", "2:8", "`watch`: expected a mapping of keys to values, found a list"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(tmp_path: Path, watch: str, place: str, said: str) -> None:
    with pytest.raises(QueryFileError) as caught:
        load(tmp_path, watch)
    assert said in str(caught.value)
    assert str(caught.value.place).endswith(f"file.sql:{place}")
