"""Groups are compared by measures, and those that differ row by row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cockroach_pipelines.reconciliation import KeyColumnError, Measure, ReconciliationError, Tolerance
from tests.reconciliation.conftest import Databases, cells

ROWS = (
    "SELECT g, CASE WHEN g % 10 = 0 THEN NULL ELSE 'r' || g % 3 END, g * 0.10, 'v' || g % 7, "
    "'2024-01-01'::date + g % 5 FROM generate_series(1, 3000) AS g"
)
TABLE = "id int PRIMARY KEY, region text, amount numeric, v text, day date"
MEASURES = (
    Measure("count"),
    Measure("count", "region"),
    Measure("sum", "amount"),
    Measure("min", "day"),
    Measure("max", "v"),
    Measure("distinct", "v"),
    Measure("avg", "amount"),
)


def test_measures_of_equal_groups_are_equal(databases: Databases) -> None:
    databases.tables("t", TABLE, ROWS, ROWS)
    result = databases.reconcile("t", group_by=("region",), measures=MEASURES)
    assert result.equal
    assert (result.key, result.source_rows) == (("region",), 4)  # three regions, and none
    assert result.columns == ("rows", "count_region", "sum_amount", "min_day", "max_v", "distinct_v", "avg_amount")


def test_differing_groups_are_named_with_their_measures_and_drilled_into(databases: Databases) -> None:
    databases.tables("t", TABLE, ROWS, ROWS)
    databases.target.execute("UPDATE t SET amount = amount + 1 WHERE id IN (1, 10); DELETE FROM t WHERE id = 20")
    result = databases.reconcile(
        "t", group_by=("region",), measures=(Measure("count"), Measure("sum", "amount")), drill=5
    )
    assert {(row["region"], row["column"]) for row in cells(result)} == {
        ("r1", "sum_amount"), (None, "rows"), (None, "sum_amount"),
    }  # fmt: skip
    assert result.drilled is not None
    assert (result.drilled.counts.missing, result.drilled.counts.changed) == (1, 2)
    assert {row["id"] for row in cells(result.drilled)} == {1, 10, 20}
    assert result.drilled.source_rows == 300 + 900
    assert result.as_record()["drilled"]["differences"]["total"] == 3


def test_measures_have_tolerances(databases: Databases) -> None:
    databases.tables("t", TABLE, ROWS, ROWS)
    databases.target.execute(
        "UPDATE t SET amount = amount + 0.3 WHERE id = 1; UPDATE t SET amount = amount + 5 WHERE id = 2"
    )
    close = Measure("sum", "amount", Tolerance(absolute=Decimal("0.5")))
    result = databases.reconcile("t", group_by=("region",), measures=(close,))
    assert [row["region"] for row in cells(result)] == ["r2"]


def test_without_groups_everything_is_one(databases: Databases) -> None:
    databases.tables("t", TABLE, ROWS, f"{ROWS} WHERE g > 1")
    result = databases.reconcile("t", measures=(Measure("count"),), drill=1)
    assert [(row["source"], row["target"]) for row in cells(result)] == [("3000", "2999")]
    assert result.drilled is not None
    assert result.drilled.counts.missing == 1


def test_extremes_of_text_are_those_of_its_bytes(databases: Databases) -> None:
    databases.source.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (v text COLLATE \"C\"); INSERT INTO t VALUES ('a'), ('B')"
    )
    databases.target.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (v text COLLATE \"en-x-icu\"); INSERT INTO t VALUES ('a'), ('B')"
    )
    assert databases.reconcile("t", measures=(Measure("min", "v"), Measure("max", "v"))).equal


def test_mistakes_are_named(databases: Databases) -> None:
    databases.tables("t", TABLE, ROWS, ROWS)
    with pytest.raises(KeyColumnError, match="no column 'regio'"):
        databases.reconcile("t", group_by=("regio",), measures=(Measure("count"),))
    with pytest.raises(ReconciliationError, match="nothing to measure"):
        databases.reconcile("t", group_by=("region",))
    with pytest.raises(ReconciliationError, match="no measure"):
        Measure("median", "amount")
