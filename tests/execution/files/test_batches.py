"""Batches are cut and collected without losing a row or its place."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.execution.files.ahead import Ahead
from cockroach_pipelines.execution.files.batches import Grouping, pieces, unique_names


@given(sizes=st.lists(st.integers(0, 300), max_size=12), rows=st.integers(1, 200), size=st.integers(1, 5_000))
def test_groups_have_every_row_in_order_and_no_more_than_they_may(sizes: list[int], rows: int, size: int) -> None:
    numbers = iter(range(10_000))
    batches = [pa.RecordBatch.from_pydict({"n": [next(numbers) for _ in range(count)]}) for count in sizes]
    grouping = Grouping(rows, size)
    groups = [group for batch in batches for group in grouping.add(batch)]
    rest = grouping.rest()
    groups += [rest] if rest is not None else []
    assert [n for group in groups for n in group["n"].to_pylist()] == list(range(sum(sizes)))
    assert all(0 < group.num_rows <= rows for group in groups)
    assert all(group.nbytes <= max(size, 8) for group in groups)
    assert grouping.rest() is None


def test_piece_is_never_less_than_a_row() -> None:
    batch = pa.RecordBatch.from_pydict({"t": ["x" * 100, "y" * 100]})
    assert [piece.num_rows for piece in pieces(batch, 10)] == [1, 1]


@given(names=st.lists(st.sampled_from(["a", "a_2", "a_3", "b"])))
def test_names_become_unique_and_keep_their_beginning(names: list[str]) -> None:
    unique = unique_names(names)
    assert len(set(unique)) == len(names)
    assert all(new.startswith(name) for new, name in zip(unique, names, strict=True))
    assert unique == names or len(set(names)) < len(names)


def test_results_come_in_the_order_of_the_calls() -> None:
    ahead: Ahead[int] = Ahead(threads=3, limit=4)
    due = [result for number in range(100) for result in ahead.submit(lambda number: number * 2, number)]
    assert due + ahead.drain() == [number * 2 for number in range(100)]
