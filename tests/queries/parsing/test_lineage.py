"""Which columns each column of a result is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from cockroach_pipelines.queries import Query, TableName, column_origins
from tests.queries.conftest import Load, Write

FLIGHTS = TableName("", "public", "flights")
AIRLINES = TableName("", "public", "airlines")
COLUMNS = {FLIGHTS: ["carrier", "dest", "delay"], AIRLINES: ["carrier", "name"]}


@pytest.fixture
def origins(load: Load) -> object:
    def origins(sql: str, columns: Mapping[TableName, Sequence[str]] = COLUMNS) -> dict[str, list[str]]:
        query = load(sql)
        assert isinstance(query, Query), query
        found = column_origins(query.statements[None], columns)
        return {name: [f"{each.table}.{each.column}" for each in made_of] for name, made_of in found.items()}

    return origins


CASES = {
    "a column and an expression": (
        "SELECT f.dest, f.delay / 60 AS hours FROM flights AS f",
        {"dest": ["public.flights.dest"], "hours": ["public.flights.delay"]},
    ),
    "columns whose table only the catalogue tells": (
        "SELECT name, delay + 1 AS more FROM flights JOIN airlines USING (carrier)",
        {"name": ["public.airlines.name"], "more": ["public.flights.delay"]},
    ),
    "a star": (
        "SELECT a.*, 1 AS one FROM airlines AS a",
        {"carrier": ["public.airlines.carrier"], "name": ["public.airlines.name"]},
    ),
    "through common table expressions and subqueries": (
        "WITH late AS (SELECT carrier AS c, avg(delay) AS mean FROM flights GROUP BY 1) "
        "SELECT x.c, x.mean FROM (SELECT * FROM late) AS x",
        {"c": ["public.flights.carrier"], "mean": ["public.flights.delay"]},
    ),
    "both parts of a union": (
        "SELECT carrier AS word FROM flights UNION ALL SELECT name FROM airlines",
        {"word": ["public.airlines.name", "public.flights.carrier"]},
    ),
    "parameters and CockroachDB's own syntax": (
        "SELECT dest FROM flights@primary AS OF SYSTEM TIME '-10s' WHERE delay > 3 LIMIT 5",
        {"dest": ["public.flights.dest"]},
    ),
    "quoted names": (
        'SELECT "f"."Dest" AS "To" FROM "Flights" AS f',
        {"To": ["public.Flights.Dest"]},
    ),
    "a scalar subquery": (
        "SELECT (SELECT max(a.name) FROM airlines AS a WHERE a.carrier = f.carrier) AS longest FROM flights AS f",
        {"longest": ["public.airlines.name"]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_origins(origins: object, name: str) -> None:
    sql, expected = CASES[name]
    assert origins(sql) == expected  # type: ignore[operator]


def test_what_cannot_be_told_is_left_out(origins: object) -> None:
    assert origins("SELECT * FROM flights", {}) == {}  # type: ignore[operator]
    assert origins("SELECT name, flights.delay FROM flights, airlines", {}) == {"delay": ["public.flights.delay"]}  # type: ignore[operator]
    assert origins("SELECT 1 AS one, now() AS at") == {}  # type: ignore[operator]
    assert origins("SELECT job_id FROM [SHOW JOBS]") == {}  # type: ignore[operator]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO airlines (name, carrier) SELECT dest, carrier FROM flights",
        "WITH f AS (SELECT * FROM flights) INSERT INTO airlines (name, carrier) SELECT dest, carrier FROM f",
        "UPSERT INTO airlines SELECT carrier, dest AS name FROM flights",
    ],
)
def test_columns_that_maintenance_fills(write: Write, sql_folder: object, sql: str) -> None:
    from cockroach_pipelines.queries import SQLRepository

    write("maintenance/fill.sql", sql)
    query = SQLRepository(sql_folder).get("fill")  # type: ignore[arg-type]
    found = column_origins(query.statements[None], COLUMNS)
    assert {name: [each.column for each in made_of] for name, made_of in found.items()} == {
        "name": ["dest"],
        "carrier": ["carrier"],
    }
