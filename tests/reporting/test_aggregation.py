"""Figures over all rows are exact, and do not depend on how the rows are cut into batches."""

from __future__ import annotations

from decimal import Decimal, localcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.queries.headers.reporting.figures import parse_figure
from cockroach_pipelines.reporting.aggregation import figures_of
from cockroach_pipelines.reporting.errors import ReportError


def figures(path: Path, *texts: str) -> list[object]:
    found = figures_of(path, map(parse_figure, texts))
    return [found[parse_figure(text)] for text in texts]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.parquet"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.none() | st.decimals(-(10**30), 10**30, places=3)),
    st.integers(1, 5),
)
def test_sums_are_those_of_python(
    path: Path, integers: list[int | None], decimals: list[Decimal | None], group: int
) -> None:
    rows = min(len(integers), len(decimals))
    integers, decimals = integers[:rows], decimals[:rows]
    table = pa.table({"i": pa.array(integers, pa.int64()), "d": pa.array(decimals, pa.decimal128(38, 3))})
    pq.write_table(table, path, row_group_size=group)
    present = [value for value in integers if value is not None]
    exact = [value for value in decimals if value is not None]
    assert figures(path, "sum(i)", "min(i)", "max(i)", "count(i)", "count", "distinct(i)", "first(i)", "last(i)") == [
        sum(present) if present else None,
        min(present, default=None),
        max(present, default=None),
        len(present),
        rows,
        len(set(present)),
        integers[0] if rows else None,
        integers[-1] if rows else None,
    ]
    with localcontext(prec=100):
        total = sum(exact, Decimal(0))
    assert figures(path, "sum(d)") == [total if exact else None]


def test_a_share_is_of_sums_and_nothing_is_divided_by_nothing(path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 1], "b": [3, 3], "z": [0, 0], "f": [0.5, 1.0]}), path)
    third, none, mean, half = figures(path, "sum(a) / sum(b)", "sum(a) / sum(z)", "mean(f)", "sum(a)/count")
    assert (str(third), none, mean, half) == ("0." + "3" * 34, None, 0.75, 1)


def test_figures_of_texts_and_dates(path: Path) -> None:
    pq.write_table(pa.table({"t": ["b", None, "a"]}), path)
    assert figures(path, "min(t)", "max(t)", "first(t)", "distinct(t)") == ["a", "b", "b", 2]
    with pytest.raises(ReportError, match=r"sum\(t\) needs numbers, and 't' is string"):
        figures(path, "sum(t)")
