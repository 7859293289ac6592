"""Keys of several columns whose first two are integers: one scan tells their segments apart, and an index finds them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database import Dialect
from cockroach_pipelines.reconciliation import HashKind, Strategy
from cockroach_pipelines.reconciliation.columns import Column, Pair
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.grid import grid_of
from cockroach_pipelines.reconciliation.segments import GridSegments, IntegerSegments, RowSegments, from_state
from tests.reconciliation.conftest import Databases

PAIRS = tuple(
    Pair(Column(name, "int8", "int8", nullable=False), Column(name, "int8", "int8", nullable=False), Family.INTEGER)
    for name in ("a", "b")
)
SIDE = SideSQL(Dialect.POSTGRESQL, is_source=True)
VALUES = st.integers(-60, 60) | st.sampled_from([-(2**63), 2**63 - 1])


@st.composite
def grids(draw: st.DrawFn) -> GridSegments:
    first, second = (
        IntegerSegments(pair, draw(st.integers(-50, 50)), draw(st.integers(1, 20)), draw(st.integers(1, 6)))
        for pair in PAIRS
    )
    return GridSegments(first, second)


@settings(max_examples=60, deadline=None)
@given(grids(), st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=40), st.data())
def test_a_condition_finds_the_rows_that_a_scan_gives_its_segments(
    both_databases: Databases, grid: GridSegments, rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    edges = data.draw(st.lists(st.integers(0, grid.count), min_size=2, max_size=6, unique=True).map(sorted))
    runs = list(zip(edges[::2], edges[1::2], strict=False))
    values = ", ".join(f"({a}, {b})" for a, b in rows)
    found = both_databases.source.execute(
        f"SELECT {grid.number(SIDE)}, ({grid.condition(runs, SIDE)}) FROM (VALUES {values}) AS r(a, b)"
    ).fetchall()
    for number, chosen in found:
        assert 0 <= number < grid.count - 1
        assert chosen == any(first <= number < end for first, end in runs)


@given(grids())
def test_an_interrupted_comparison_goes_on_with_the_same_segments(grid: GridSegments) -> None:
    assert from_state(grid.as_state(), PAIRS, PAIRS, HashKind.MD5) == grid


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("g % 50, g / 50", "equal ranges of a, b"),  # tenants with many rows each
        ("g / 3, g % 3", "equal ranges of a"),  # orders with some lines each
        ("power(10, g % 9)::int4, g", "hash buckets of a, b"),  # equal ranges would be uneven
    ],
)
def test_rows_are_compared_by_ranges_of_both_columns_where_these_are_even(
    databases: Databases, key: str, said: str
) -> None:
    rows = f"SELECT {key}, g FROM generate_series(0, 29999) AS g"
    databases.tables("grid", "a int4, b int8, v int8, PRIMARY KEY (a, b)", rows, f"{rows} WHERE g <> 77")
    beyond = "INSERT INTO grid VALUES (-2147483648, 9223372036854775807, 1), (2147483647, -9223372036854775808, 2)"
    databases.create("SELECT 1", f"{beyond}; UPDATE grid SET v = -v WHERE v = 29999")
    result = databases.reconcile("grid")
    assert result.choice.strategy is Strategy.CHECKSUMS
    assert said in result.choice.segments
    assert result.counts.as_dict() == {"missing": 1, "extra": 2, "changed": 1}


def test_keys_of_other_types_and_small_samples_have_no_grid() -> None:
    text = Pair(Column("t", "text", "text", nullable=False), Column("t", "text", "text", nullable=False), Family.TEXT)
    keys = tuple((str(number // 10), str(number % 10)) for number in range(100))
    assert grid_of(RowSegments((PAIRS[0], PAIRS[1]), keys), 50) is not None
    assert grid_of(RowSegments((PAIRS[0], PAIRS[1]), keys[:20]), 50) is None
    assert grid_of(RowSegments((PAIRS[0], text), keys), 50) is None
