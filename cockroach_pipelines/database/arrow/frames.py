"""Arrow tables as pandas frames."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa


def to_pandas(table: Any) -> Any:
    """Give a `pd.DataFrame` in which every value is exact, and as many columns as possible have pandas' own types."""
    columns = {position: _series(column) for position, column in enumerate(table.columns)}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))
    frame.columns = pd.Index(table.column_names)  # names may repeat
    return frame


def _series(column: Any) -> Any:
    if _pandas_would_lose(column):
        return pd.Series(pd.arrays.ArrowExtensionArray(column))
    return column.to_pandas()


def _pandas_would_lose(column: Any) -> bool:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return bool(column.null_count)  # pandas would make them floats, or objects
    return bool(
        pa.types.is_decimal(kind) or pa.types.is_nested(kind) or pa.types.is_date(kind) or pa.types.is_time(kind)
    )
