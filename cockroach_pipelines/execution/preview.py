"""The first rows of a table, for people."""

from __future__ import annotations

import math

import pyarrow as pa

from cockroach_pipelines.database.arrow import text_of_intervals
from cockroach_pipelines.execution.files import unique_names

PREVIEW_ROWS = 10

# What a browser, whose numbers are floats, shows as it is.
_LARGEST_EXACT = 2**53

PlainValue = str | int | float | bool | None


def preview_records(table: pa.Table, limit: int = PREVIEW_ROWS, width: int = 200) -> list[dict[str, PlainValue]]:
    """Give a table's first rows for people: plain values, anything else as text, long text cut to `width` characters."""
    names = unique_names(table.schema.names)
    return [
        dict(zip(names, (_plain(value, width) for value in row), strict=True))
        for row in zip(*(_values(column) for column in table.slice(0, limit).columns), strict=True)
    ]


def _values(column: pa.ChunkedArray) -> list[object]:
    if pa.types.is_interval(column.type):
        return [text for chunk in column.chunks for text in text_of_intervals(chunk, "").to_pylist()]
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):  # a moment before the year 1 or after 9999, which Python does not know
        return list(column.cast(pa.string()).to_pylist())


def _plain(value: object, width: int) -> PlainValue:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no NaN and no infinity
    if isinstance(value, int) and abs(value) > _LARGEST_EXACT:
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= width else f"{text[: width - 1]}…"
