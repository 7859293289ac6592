"""Mending SQL makes one side like the other, and changes nothing that has changed since."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database import Dialect
from cockroach_pipelines.queries import SQLParser
from cockroach_pipelines.reconciliation import (
    Direction,
    Measure,
    ReconciliationError,
    Relation,
    mending_sql,
    upserting_sql,
)
from cockroach_pipelines.reconciliation.columns import Column, Pair
from cockroach_pipelines.reconciliation.families import family_of
from cockroach_pipelines.reconciliation.mending_statements import MendingStatements, Replacement
from tests.reconciliation.conftest import Databases
from tests.reconciliation.test_generated_sql import check_snapshot
from tests.reconciliation.test_join import tables
from tests.reconciliation.values import insert


def run(connection: psycopg.Connection[Any], statements: list[str]) -> None:
    for text in statements:
        connection.execute(text)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    case=tables(),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    direction=st.sampled_from(list(Direction)),
    upsert=st.booleans(),
)
def test_either_side_becomes_like_the_other_in_either_way(
    both_databases: Databases, case: Any, timezone: str, direction: Direction, upsert: bool
) -> None:
    source_types, target_types, source, target = case
    sides = {
        Direction.SOURCE: (both_databases.source, source_types, source),
        Direction.TARGET: (both_databases.target, target_types, target),
    }
    for connection, types, rows in sides.values():
        columns = ", ".join(f'"c {number}" {kind}' for number, kind in enumerate(types))
        connection.execute(f'DROP TABLE IF EXISTS mended; CREATE TABLE mended ({columns}, PRIMARY KEY ("c 0"))')
        if rows:
            connection.execute(insert("mended", rows, types))
    result = both_databases.reconcile("mended", timezone=timezone)
    if upsert:
        sql = upserting_sql(result, direction, connections=both_databases.manager, batch=2)
    else:
        sql = mending_sql(result, direction, batch=2)
    run(sides[direction][0], list(sql))
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


def test_duplicates_are_left_out_however_their_key_is_written(databases: Databases) -> None:
    databases.tables(
        "t", "id numeric(6, 2), v text", "VALUES (1, 'a'), (2, 'x')", "VALUES (1, 'a'), (1, 'a'), (2, 'y')"
    )
    text = "".join(mending_sql(databases.reconcile("t", key=("id",))))
    assert "-- left out, the key is not unique: (1): 1 against 2 copies" in text
    assert "DELETE" not in text


def upserts(databases: Databases, result: Any, direction: Direction = Direction.TARGET, **options: Any) -> list[str]:
    return list(upserting_sql(result, direction, connections=databases.manager, **options))


def test_upserts_put_whole_rows_and_change_nothing_that_has_changed_since(databases: Databases) -> None:
    databases.source.execute(
        "DROP TABLE IF EXISTS a; CREATE TABLE a (id int PRIMARY KEY, v text, w int, noise text);"
        "INSERT INTO a VALUES (1, 'it''s', 1), (2, 'two', 2), (3, NULL, 3), (5, 'five', 5), (6, 'six', 6)"
    )
    databases.target.execute(
        "DROP TABLE IF EXISTS b; CREATE TABLE b (nr bigint PRIMARY KEY, t varchar(5), w int, noise text DEFAULT 'kept');"
        "INSERT INTO b VALUES (2, 'zwei', 2), (3, 'drei', 3), (4, 'vier', 4), (6, 'sechs', 6)"
    )
    result = databases.reconcile("a", Relation("target", "b"), rename={"id": "nr", "v": "t"}, exclude=("noise",))
    sql = upserts(databases, result)
    assert sql[1].startswith("BEGIN ISOLATION LEVEL SERIALIZABLE;\nDELETE FROM b WHERE")
    assert (
        'INSERT INTO b ("nr", "t", "w")\n'
        "SELECT v.n0::bigint, v.n1::character varying, v.n2::integer\n"
        "FROM (\n    VALUES\n"
    ) in sql[2]
    assert "(2, 'two', 2, true, 'zwei', 2)" in sql[2]
    assert "(1, 'it''s', 1, false, NULL, NULL)" in sql[2]
    assert 'ON CONFLICT ("nr") DO UPDATE SET "t" = excluded."t", "w" = excluded."w";' in sql[2]
    databases.target.execute("UPDATE b SET t = 'moved' WHERE nr IN (2, 4); INSERT INTO b VALUES (1, 'there')")
    for _ in range(2):  # to run it again changes nothing more
        run(databases.target, sql)
        assert databases.target.execute("SELECT * FROM b ORDER BY nr").fetchall() == [
            (1, "there", None, "kept"), (2, "moved", 2, "kept"), (3, None, 3, "kept"), (4, "moved", 4, "kept"),
            (5, "five", 5, "kept"), (6, "six", 6, "kept"),
        ]  # fmt: skip


def test_upserts_know_what_has_changed_since_the_comparison(databases: Databases) -> None:
    rows = "SELECT g, 'v' || g FROM generate_series(1, 30) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text", rows, f"{rows} WHERE g > 10")
    result = databases.reconcile("t")
    databases.target.execute("INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, 5) AS g")  # they were in flight
    databases.source.execute("DELETE FROM t WHERE id IN (6, 7)")
    sql = upserts(databases, result, batch=4)
    assert "(6," not in "".join(sql)
    run(databases.target, sql)
    assert databases.reconcile("t").equal


def test_a_row_whose_unique_value_is_freed_by_a_deletion_comes_after_it(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text UNIQUE", "VALUES (1, 'one')", "VALUES (2, 'one')")
    result = databases.reconcile("t")
    run(databases.target, upserts(databases, result))
    assert databases.reconcile("t").equal


def test_upserts_need_a_key_that_the_table_keeps_unique(databases: Databases) -> None:
    for definition in ("id int, v text", "id int UNIQUE, v text", "id int NOT NULL, v text, UNIQUE (id, v)"):
        databases.tables("t", definition, "VALUES (1, 'a')", "VALUES (1, 'b')")
        result = databases.reconcile("t", key=("id",))
        with pytest.raises(
            ReconciliationError, match="its key id is no primary key there, and not unique and NOT NULL"
        ):
            upserting_sql(result, connections=databases.manager)
    with pytest.raises(ReconciliationError, match="its rows have no key"):
        upserting_sql(databases.reconcile("t", key=()), connections=databases.manager)


def test_rows_that_cannot_be_put_are_left_out_of_upserts(databases: Databases) -> None:
    databases.source.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v text); INSERT INTO t VALUES (NULL, 'x'), (1, 'a'), (1, 'b'), (2, 'c')"
    )
    databases.target.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'z')"
    )
    text = "".join(upserts(databases, databases.reconcile("t", key=("id",))))
    assert "-- left out, a key with NULL: (NULL)\n" in text
    assert "-- left out, the key is not unique: (1): 2 against 1 copies\n" in text
    assert "(2, 'c', false, NULL)" in text
    assert "'a'" not in text


def test_rows_of_groups_that_were_looked_into_are_mended(databases: Databases) -> None:
    rows = "SELECT g, 'r' || g % 3, g FROM generate_series(1, 90) AS g"
    databases.tables("t", "id int PRIMARY KEY, region text, amount int", rows, rows)
    databases.target.execute("UPDATE t SET amount = 0 WHERE id = 7; DELETE FROM t WHERE id = 8")
    measures = {"group_by": ("region",), "measures": (Measure("sum", "amount"),)}
    with pytest.raises(ReconciliationError, match="groups were compared, not rows"):
        mending_sql(databases.reconcile("t", **measures))
    result = databases.reconcile("t", **measures, drill=9)
    run(databases.target, list(mending_sql(result)))
    assert databases.reconcile("t").equal


TYPES = (
    ("int8", "int8"), ("numeric", "decimal(12,2)"), ("float8", "float8"), ("bool", "bool"), ("text", "string"),
    ("varchar", "varchar(10)"), ("bpchar", "char(6)"), ("date", "date"), ("timestamptz", "timestamptz"), ("uuid", "uuid"),
    ("bytea", "bytes"), ("jsonb", "jsonb"), ("varbit", "bit(3)"), ("_int8", "int8[]"), ("interval", "interval"),
)  # fmt: skip


@pytest.mark.parametrize(("by_primary_key", "name"), [(True, "upsert"), (False, "insert-on-conflict")])
def test_upserts_for_cockroachdb_are_read_by_the_parser(by_primary_key: bool, name: str) -> None:
    pairs = []
    for number, (pg_type, declared) in enumerate(TYPES):
        column = Column(f"c{number}", pg_type, declared)
        pairs.append(Pair(column, column, family_of(pg_type)))
    write = MendingStatements("sales.orders", tuple(pairs[:1]), tuple(pairs[1:]), is_source=False)
    new = ("-5", "1.50", "0.1", "true", "it's", "v", "c", "2024-02-29", "2024-10-27 02:30:00+00",
           "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00ff", '{"a": 1}', "101", "{1,NULL}", "1 mon")  # fmt: skip
    rows = [Replacement(new, ("-5", *(None for _ in new[1:]))), Replacement(("6", *new[1:]), None)]
    text = write.upsert(rows, Dialect.COCKROACHDB, by_primary_key=by_primary_key)
    parsed = SQLParser().parse(text)
    assert parsed.statement_count == 1
    assert {str(table) for table in parsed.tables_written} == {"sales.orders"}
    check_snapshot(f"cockroachdb-{name}", text + "\n")


OWN_TYPES = """
DROP TYPE IF EXISTS pair_of_values CASCADE;
CREATE TYPE pair_of_values AS (number int, note json);
DROP SCHEMA IF EXISTS apart CASCADE;
CREATE SCHEMA apart;
CREATE TYPE apart.mood AS ENUM ('sad', 'ok');
"""


@pytest.mark.parametrize("upsert", [False, True])
@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("jsonpath", "$.a", "$.b"),
        ("pg_snapshot", "10:20:10", "10:20:11"),
        ("regclass", "pg_class", "pg_type"),
        ("box", "(1,1),(0,0)", "(3,1),(2,0)"),  # of the same area, which is all that `=` looks at
        ("circle", "<(0,0),1>", "<(1,1),1>"),
        ("path", "((0,0),(1,1))", "((0,0),(2,2))"),
        ("box[]", "{(1,1),(0,0)}", "{(3,1),(2,0)}"),
        ("pair_of_values", '(1,"{""a"": 1}")', "(2,)"),
        ("apart.mood", "sad", "ok"),
    ],
)
def test_values_that_the_server_does_not_compare_with_literals(
    databases: Databases, kind: str, ours: str, theirs: str, upsert: bool
) -> None:
    databases.create(OWN_TYPES, OWN_TYPES)
    source, target = (f"VALUES (1, '{value}'::{kind}), (2, NULL), (3, '{value}')" for value in (ours, theirs))
    databases.tables("t", f"id int PRIMARY KEY, v {kind}", source, f"{target}, (4, '{theirs}')")
    result = databases.reconcile("t")
    sql = upserts(databases, result) if upsert else list(mending_sql(result))
    databases.target.execute(f"UPDATE t SET v = NULL WHERE id = 3; UPDATE t SET v = '{ours}' WHERE id = 4")
    run(databases.target, sql)
    ((right,),) = databases.source.execute("SELECT v::text FROM t WHERE id = 1").fetchall()
    rows = databases.target.execute("SELECT id, v::text FROM t ORDER BY id").fetchall()
    assert rows == [(1, right), (2, None), (3, None), (4, right)], "what has changed since stays"


@pytest.mark.parametrize("upsert", [False, True])
@pytest.mark.parametrize("direction", list(Direction))
def test_what_the_server_generates_is_not_written(databases: Databases, upsert: bool, direction: Direction) -> None:
    definition = (
        "id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) STORED,"
        "number int GENERATED BY DEFAULT AS IDENTITY"
    )
    source, target = (
        f"(id, v, number) OVERRIDING SYSTEM VALUE VALUES {rows}"
        for rows in ("(1, 1, 1), (2, 2, 2), (3, 3, 3)", "(1, 1, 9), (2, 5, 2), (4, 4, 4)")
    )
    databases.tables("t", definition, source, target)
    result = databases.reconcile("t")
    sql = upserts(databases, result, direction) if upsert else list(mending_sql(result, direction))
    assert "-- twice is left out: the server computes it from other columns.\n" in "".join(sql)
    run(databases.target if direction is Direction.TARGET else databases.source, sql)
    assert databases.reconcile("t").equal


@pytest.mark.parametrize("upsert", [False, True])
def test_an_identity_of_a_row_that_is_there_stays(databases: Databases, upsert: bool) -> None:
    databases.tables(
        "t",
        "id int PRIMARY KEY, v int, number int GENERATED ALWAYS AS IDENTITY",
        "(id, v) VALUES (1, 1), (2, 2), (3, 3)",
        "(id, v) VALUES (2, 2), (1, 7)",
    )
    result = databases.reconcile("t")
    sql = upserts(databases, result) if upsert else list(mending_sql(result))
    assert "-- number is an identity, which only rows that are inserted can be given.\n" in "".join(sql)
    run(databases.target, sql)
    assert databases.target.execute("SELECT * FROM t ORDER BY id").fetchall() == [(1, 1, 2), (2, 2, 1), (3, 3, 3)]


def test_a_row_too_wide_to_stand_beside_what_it_replaces(databases: Databases) -> None:
    columns = ", ".join(f"c{number} text" for number in range(900))
    databases.tables("t", f"id int PRIMARY KEY, {columns}", "(id, c7) VALUES (1, 'a')", "(id, c7) VALUES (1, 'b')")
    result = databases.reconcile("t")
    with pytest.raises(ReconciliationError, match="901 columns are too many for one statement"):
        upserting_sql(result, connections=databases.manager)
    run(databases.target, list(mending_sql(result)))
    assert databases.reconcile("t").equal
