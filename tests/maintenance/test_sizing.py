"""Batches become as large as takes the time that one should take, and never leave their bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.maintenance.sizing import AdaptiveSize
from cockroach_pipelines.queries import BatchSize


@given(
    per_row=st.floats(1e-6, 1e-2), overhead=st.floats(0, 0.1), start=st.floats(0.001, 1000), target=st.floats(0.2, 5.0)
)
def test_the_size_converges_within_twenty_batches(per_row: float, overhead: float, start: float, target: float) -> None:
    wanted = (target - overhead) / per_row
    rules = BatchSize(start=max(1, round(start * wanted)), min=1, max=10**10, target=target)
    size = AdaptiveSize(rules)
    for _ in range(20):
        size.learn(size.rows, overhead + per_row * size.rows)
    assert 0.8 * target < overhead + per_row * size.rows < 1.2 * target


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 10**6), st.floats(0, 100)))), st.integers(10, 1000))
def test_the_size_stays_in_its_bounds(happenings: list[tuple[int, float] | None], start: int) -> None:
    rules = BatchSize(start=start, min=10, max=1000)
    size = AdaptiveSize(rules)
    for happening in happenings:
        if happening is None:
            before = size.rows
            assert size.halve() == (size.rows < before)
        else:
            size.learn(*happening)
        assert 10 <= size.rows <= 1000


def test_it_is_halved_and_grows_again() -> None:
    size = AdaptiveSize(BatchSize(start=1000, min=100, max=1000))
    assert [size.halve() and size.rows for _ in range(4)] == [500, 250, 125, 100]
    assert not size.halve()
    size.learn(100, 0.001)
    assert size.rows == 200
