"""Which window of time the values of a column are in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.queries import PartitionWindow
from cockroach_pipelines.queries.headers import PartitionEvery, TimePartition

WindowFinder = Callable[[Any], Any]
"""Gives for a column the number of the window, from 0, that each of its values is in: -1 for none, and for NULL."""


def finder_for(kind: pa.DataType, partition: TimePartition, windows: Sequence[PartitionWindow]) -> WindowFinder:
    """Give what finds the windows of values of a type.

    A timestamptz is a moment; a timestamp is one in the partition's zone, the first of two that clocks show; a date is in
    the window that begins last among those that begin on it or before; text is the key of its window.

    Args:
        kind: The column's type.
        partition: What the windows are of.
        windows: The windows, which follow each other.

    Raises:
        ValueError: A value of that type does not say which window it is in.
    """
    hours = partition.every is PartitionEvery.HOUR
    if pa.types.is_timestamp(kind):
        zone = None if kind.tz else partition.timezone
        moments = _Moments(windows)
        return lambda column: moments(_in_zone(column, zone, ambiguous="raise" if hours else "earliest"))
    if pa.types.is_date(kind) and not hours:
        return _Days(windows, ZoneInfo(partition.timezone))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _Keys(windows)
    wanted = "a timestamptz, a timestamp or the key" if hours else "a timestamptz, a timestamp, a date or the key"
    raise ValueError(
        f"is {kind}, which does not say of which {partition.every} a row is: it has to be {wanted} as text"
    )


class _Moments:
    def __init__(self, windows: Sequence[PartitionWindow]) -> None:
        self._edges = _edges([*(window.start for window in windows), windows[-1].end], "M8[us]")

    def __call__(self, column: Any) -> Any:
        return _between(self._edges, column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), column)


class _Days:
    def __init__(self, windows: Sequence[PartitionWindow], zone: ZoneInfo) -> None:
        begins = [
            moment.astimezone(zone).date() for moment in (*(each.start for each in windows), windows[-1].end) if moment
        ]
        self._edges = np.array(begins, "M8[D]").astype(np.int64)

    def __call__(self, column: Any) -> Any:
        return _between(self._edges, column.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()), column)


class _Keys:
    def __init__(self, windows: Sequence[PartitionWindow]) -> None:
        self._keys = pa.array([window.time_key for window in windows], pa.string())

    def __call__(self, column: Any) -> Any:
        found = pc.index_in(column.cast(pa.string()), value_set=self._keys)
        return np.asarray(pc.fill_null(found, -1))


def _edges(moments: Sequence[Any], unit: str) -> Any:
    return np.array([moment.replace(tzinfo=None) for moment in moments], unit).astype(np.int64)


def _between(edges: Any, numbers: Any, column: Any) -> Any:
    values = np.asarray(pc.fill_null(numbers, 0))
    found = np.searchsorted(edges, values, side="right") - 1
    found[(found == len(edges) - 1) | ~np.asarray(column.is_valid())] = -1
    return found


def _in_zone(column: Any, zone: str | None, *, ambiguous: str) -> Any:
    # A time that clocks skip is no moment; it is taken for the one that they go on at.
    return column if zone is None else pc.assume_timezone(column, zone, ambiguous=ambiguous, nonexistent="latest")
