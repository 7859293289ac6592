"""One database: it joins the relations itself, and says the same as every other strategy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.reconciliation import ReconciliationError, Relation, Strategy
from tests.reconciliation.conftest import Databases
from tests.reconciliation.test_truth import value
from tests.reconciliation.values import POOLS, Row, insert, truth


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[str], list[Row], list[Row]]:
    pools = draw(st.lists(st.sampled_from(POOLS), min_size=1, max_size=4))
    types = [["int4", *(draw(st.sampled_from(pool.types)) for pool in pools)] for _ in range(2)]
    keys = [draw(st.lists(st.integers(-3, 6), unique=True, max_size=8)) for _ in range(2)]
    sides: list[list[Row]] = [
        [((str(key), str(key)), *draw(st.tuples(*(value(pool) for pool in pools)))) for key in own] for own in keys
    ]
    for number, row in enumerate(sides[1]):  # most values are equal
        twin = next((other for other in sides[0] if other[0] == row[0]), None)
        if twin is not None and draw(st.booleans()):
            sides[1][number] = twin
    return types[0], types[1], sides[0], sides[1]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=tables())
def test_join_agrees_with_brute_force(both_databases: Databases, case: Any) -> None:
    source_types, target_types, source, target = case
    for name, types, rows in (("ours", source_types, source), ("theirs", target_types, target)):
        columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(types))
        both_databases.source.execute(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns}, PRIMARY KEY (c0))")
        if rows:
            both_databases.source.execute(insert(name, rows, types))
    expected = truth(source, target, 1)
    for strategy in (Strategy.JOIN, None):
        result = both_databases.reconcile("ours", Relation("source", "theirs"), strategy=strategy)
        counts = result.counts
        assert (counts.missing, counts.extra, counts.changed) == (expected.missing, expected.extra, expected.changed)
        assert (result.source_rows, result.target_rows) == (len(source), len(target))
        assert result.consistency[1].shared_with_other_side


def test_large_tables_of_one_database_are_joined(databases: Databases) -> None:
    rows = "SELECT g AS a, g % 7 AS b, 'v' || g AS v FROM generate_series(1, 120000) AS g"
    databases.source.execute(
        f"DROP TABLE IF EXISTS ours, theirs; CREATE TABLE ours AS {rows}; CREATE TABLE theirs AS {rows} WHERE g <> 77;"
        "ALTER TABLE ours ADD PRIMARY KEY (b, a); ALTER TABLE theirs ADD PRIMARY KEY (b, a);"
        "UPDATE theirs SET v = 'other' WHERE a = 4711; ANALYZE ours; ANALYZE theirs"
    )
    result = databases.reconcile("ours", Relation("source", "theirs"))
    assert result.choice.strategy is Strategy.JOIN
    assert (result.counts.missing, result.counts.changed) == (1, 1)
    assert (result.source_rows, result.target_rows) == (120_000, 119_999)


def test_join_is_refused_where_duplicates_could_hide(databases: Databases) -> None:
    databases.source.execute("DROP TABLE IF EXISTS ours; CREATE TABLE ours (a int, v text)")
    with pytest.raises(ReconciliationError, match="cannot be joined"):
        databases.reconcile("ours", Relation("source", "ours"), key=("a",), strategy=Strategy.JOIN)
