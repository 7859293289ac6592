"""Mending SQL makes one side like the other, and changes nothing that has changed since."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from cockroach_pipelines.reconciliation import Direction, ReconciliationError, Relation, mending_sql
from tests.reconciliation.conftest import Databases
from tests.reconciliation.test_join import tables
from tests.reconciliation.values import insert


def run(connection: psycopg.Connection[Any], statements: list[str]) -> None:
    for text in statements:
        connection.execute(text)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=tables())
def test_either_side_becomes_like_the_other(both_databases: Databases, case: Any) -> None:
    source_types, target_types, source, target = case
    target_types = source_types  # the other side holds every value
    for direction, changed in ((Direction.TARGET, both_databases.target), (Direction.SOURCE, both_databases.source)):
        for connection, types, rows in (
            (both_databases.source, source_types, source),
            (both_databases.target, target_types, target),
        ):
            columns = ", ".join(f'"c {number}" {kind}' for number, kind in enumerate(types))
            connection.execute(f'DROP TABLE IF EXISTS mended; CREATE TABLE mended ({columns}, PRIMARY KEY ("c 0"))')
            if rows:
                connection.execute(insert("mended", rows, types))
        result = both_databases.reconcile("mended")
        run(changed, list(mending_sql(result, direction, batch=2)))
        assert both_databases.reconcile("mended").equal


def test_renamed_columns_and_conditions_on_what_was_seen(databases: Databases) -> None:
    databases.source.execute(
        "DROP TABLE IF EXISTS a; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'it''s'), (2, 'two'), (3, NULL)"
    )
    databases.target.execute(
        "DROP TABLE IF EXISTS b; CREATE TABLE b (nr int PRIMARY KEY, w text); INSERT INTO b VALUES (2, 'zwei'), (3, 'drei'), (4, 'vier')"
    )
    result = databases.reconcile("a", Relation("target", "b"), rename={"id": "nr", "v": "w"})
    text = "".join(mending_sql(result))
    assert 'UPDATE b SET "w" = \'two\' WHERE "nr" = 2 AND "w" = \'zwei\';' in text
    assert 'UPDATE b SET "w" = NULL WHERE "nr" = 3 AND "w" = \'drei\';' in text
    assert 'DELETE FROM b WHERE "nr" = 4 AND "w" = \'vier\';' in text
    assert "INSERT INTO b (\"nr\", \"w\") VALUES\n    (1, 'it''s')\nON CONFLICT DO NOTHING;" in text
    databases.target.execute("UPDATE b SET w = 'moved' WHERE nr IN (2, 4); INSERT INTO b VALUES (1, 'there')")
    run(databases.target, [text])
    assert databases.target.execute("SELECT * FROM b ORDER BY nr").fetchall() == [
        (1, "there"), (2, "moved"), (3, None), (4, "moved"),
    ]  # fmt: skip


def test_keys_that_are_not_unique_are_left_out(databases: Databases) -> None:
    databases.tables(
        "t", "id int, v text", "VALUES (1, 'a'), (1, 'a'), (2, 'x')", "VALUES (1, 'a'), (1, 'a'), (1, 'a'), (2, 'y')"
    )
    text = "".join(mending_sql(databases.reconcile("t", key=("id",))))
    assert "-- left out, the key is not unique: (1): 2 against 3 copies" in text
    assert "DELETE" not in text
    assert "UPDATE" in text


def test_what_cannot_be_mended_is_said(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text", "VALUES (1, 'a'), (2, 'b')", "VALUES (1, 'c'), (2, 'd')")
    query = Relation("target", sql="SELECT * FROM t")
    for options, reason in (
        ({"target": query, "key": ("id",)}, "it is a query"),
        ({"key": ()}, "no key"),
        ({"normalize": {"v": "upper({})"}}, "normalized"),
        ({"limit": 1}, "1 rows alone"),
    ):
        result = databases.reconcile("t", **options)
        with pytest.raises(ReconciliationError, match=reason):
            list(mending_sql(result))
