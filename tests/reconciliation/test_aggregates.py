"""Groups are compared by measures, and those that differ row by row."""

from __future__ import annotations

from decimal import Decimal

import pyarrow.parquet as pq
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
    assert result.headline == "2 groups differ (2 changed) in 4 against 4 groups."
    assert {(row["region"], row["column"]) for row in cells(result) if row["level"] == "group"} == {
        ("r1", "sum_amount"), (None, "rows"), (None, "sum_amount"),
    }  # fmt: skip
    assert result.drilled is not None
    assert (result.drilled.counts.missing, result.drilled.counts.changed) == (1, 2)
    assert {row["id"] for row in cells(result.drilled)} == {1, 10, 20}
    assert result.drilled.source_rows == 300 + 900
    assert result.as_record()["drilled"]["differences"]["total"] == 3


def test_rows_of_groups_are_in_the_dataset_like_any_others(databases: Databases) -> None:
    databases.tables("t", TABLE, ROWS, ROWS)
    databases.target.execute(
        "UPDATE t SET amount = amount + 1, v = 'w' WHERE id = 1; DELETE FROM t WHERE id = 22; INSERT INTO t VALUES (-1, 'r2', 5)"
    )
    measures = (Measure("count"), Measure("sum", "amount"))
    result = databases.reconcile("t", group_by=("region",), measures=measures, drill=5)
    found = cells(result)
    assert list(found[0]) == ["row", "level", "region", "id", "kind", "column", "source", "target"]
    assert [row["level"] for row in found] == ["group"] * 4 + ["row"] * 4
    assert [row["row"] for row in found] == [0, 0, 1, 1, 2, 2, 3, 4]
    shown = [tuple(row[name] for name in ("id", "kind", "column", "source", "target")) for row in found[4:]]
    assert shown[:2] == [
        (1, "changed", "amount", "0.10", "1.10"),
        (1, "changed", "v", "v1", "w"),
    ]
    assert [(row[0], row[1]) for row in shown[2:]] == [(22, "missing"), (-1, "extra")]
    assert '"amount": "2.20"' in str(shown[2][3])


def test_dataset_has_the_same_columns_when_nothing_differs(databases: Databases) -> None:
    databases.tables("t", TABLE, ROWS, ROWS)
    for drill, columns in ((0, ["row", "region"]), (2, ["row", "level", "region", "id"])):
        result = databases.reconcile("t", group_by=("region",), measures=(Measure("count"),), drill=drill)
        names = pq.read_schema(result.differences).names
        assert names == [*columns, "kind", "column", "source", "target"]
        assert result.headline == "No differences in 4 against 4 groups."


def test_what_groups_is_in_the_key_of_rows_too_and_has_any_name(databases: Databases) -> None:
    rows = "SELECT g % 3, g, g FROM generate_series(1, 30) AS g"
    databases.tables("t", "level int, id int, amount int, PRIMARY KEY (level, id)", rows, f"{rows} WHERE g <> 5")
    result = databases.reconcile("t", group_by=("level",), measures=(Measure("count"),), drill=1)
    assert [(row["level"], row["key_level"], row["id"], row["kind"]) for row in cells(result)] == [
        ("group", 2, None, "changed"), ("row", 2, 5, "missing"),
    ]  # fmt: skip


def test_groups_are_normalized_like_values(databases: Databases) -> None:
    rows = "SELECT g, {}, g FROM generate_series(1, 30) AS g"
    databases.tables(
        "t", "id int PRIMARY KEY, region text, amount int", rows.format("'r' || g % 3"), rows.format("'R' || g % 3")
    )
    asked = {"group_by": ("region",), "measures": (Measure("sum", "amount"), Measure("max", "region")), "drill": 3}
    assert databases.reconcile("t", **asked).counts.total == 6
    assert databases.reconcile("t", **asked, normalize={"region": "lower({})"}).equal
    databases.target.execute("UPDATE t SET amount = 0 WHERE id = 3")
    result = databases.reconcile("t", **asked, normalize={"region": "lower({})"})
    assert [(row["level"], row["region"], row["id"]) for row in cells(result)] == [
        ("group", "r0", None),
        ("row", None, 3),
    ]


def test_groups_of_numbers_of_different_types_are_looked_into(databases: Databases) -> None:
    databases.source.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, g numeric); INSERT INTO t VALUES (1, 1.0), (2, 2.0)"
    )
    databases.target.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, g int); INSERT INTO t VALUES (2, 2), (3, 2)"
    )
    result = databases.reconcile("t", group_by=("g",), measures=(Measure("count"),), drill=9)
    assert result.drilled is not None
    assert [(row["id"], row["kind"]) for row in cells(result.drilled)] == [(1, "missing"), (3, "extra")]


def test_sums_of_floats_do_not_depend_on_the_order_of_rows(databases: Databases) -> None:
    rows = "SELECT g, 1.0::float8 / g FROM generate_series(1, 2000) AS g"
    databases.tables("t", "id int, rate float8", f"{rows} ORDER BY 1", f"{rows} ORDER BY 1 DESC")
    orders = [each.execute("SELECT sum(rate) FROM t").fetchone() for each in (databases.source, databases.target)]
    assert orders[0] != orders[1]
    assert databases.reconcile("t", measures=(Measure("sum", "rate"), Measure("avg", "rate"))).equal


def test_a_tolerance_of_rows_that_are_not_looked_into_is_refused(databases: Databases) -> None:
    databases.tables("t", TABLE, ROWS, ROWS)
    asked = {"measures": (Measure("sum", "amount"),), "tolerance": {"amount": Tolerance(absolute=Decimal(1))}}
    with pytest.raises(
        ReconciliationError, match="'amount' would have no effect: groups are compared by their measures"
    ):
        databases.reconcile("t", **asked)
    assert databases.reconcile("t", **asked, drill=1).equal


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
    assert next((row["source"], row["target"]) for row in cells(result)) == ("3000", "2999")
    assert result.headline == "1 group differs (1 changed) in 1 against 1 groups."
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
    with pytest.raises(ReconciliationError, match="would be called 'sum_amount'"):
        databases.reconcile("t", group_by=("region",), measures=(Measure("sum", "amount"), Measure("sum", "amount")))
    with pytest.raises(KeyColumnError, match="'idd' does not exist"):  # before anything is compared
        databases.reconcile("t", group_by=("region",), measures=(Measure("count"),), drill=1, key=("idd",))
    with pytest.raises(ReconciliationError, match="no measure"):
        Measure("median", "amount")
