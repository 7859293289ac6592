"""Cutting a key that begins with integers into a grid, by a sample of its values."""

from __future__ import annotations

import numpy as np

from cockroach_pipelines.reconciliation.columns import Pair
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.segments import GridSegments, IntegerSegments, RowSegments

_FEWEST_KEYS = 64
_EVEN = 0.5  # of the segments that keys of an even spread would fall into
_MOST_SPAN = 2**62


def grid_of(ranges: RowSegments, count: int) -> GridSegments | None:
    """Give about so many segments that one scan tells apart; None where they would be uneven, or the key is another.

    Args:
        ranges: Ranges of the key between bounds that split the rows about evenly; the bounds are the sample.
        count: How many segments there should be.
    """
    first, second, *_ = ranges.pairs
    if {first.family, second.family} != {Family.INTEGER} or len(ranges.bounds) < _FEWEST_KEYS:
        return None
    keys = [(int(bound[0]), int(bound[1])) for bound in ranges.bounds]
    rows, columns = ([key[place] for key in keys] for place in (0, 1))
    outer = _axis(first, rows, count)
    inner = _axis(second, columns, -(-count // outer.ranges) if outer.width == 1 else 1)
    grid = GridSegments(outer, inner)
    return grid if _span(rows) < _MOST_SPAN > _span(columns) and _is_even(grid, keys) else None


def _axis(pair: Pair, values: list[int], count: int) -> IntegerSegments:
    width = -(-_span(values) // count)
    return IntegerSegments(pair, min(values), width, -(-_span(values) // width))


def _span(values: list[int]) -> int:
    return max(values) - min(values) + 1


def _is_even(grid: GridSegments, keys: list[tuple[int, int]]) -> bool:
    met = {
        ((row - grid.first.low) // grid.first.width, (column - grid.second.low) // grid.second.width)
        for row, column in keys
    }
    segments = grid.count - 1
    return len(met) >= _EVEN * segments * -float(np.expm1(-len(keys) / segments))
