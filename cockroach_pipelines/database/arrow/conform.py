"""Arrays brought to the Arrow type of the table's column that they are written to, without losing anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow.errors import UnrepresentableInArrowError
from cockroach_pipelines.database.arrow.types import Column

_NO_ZONE = "Turn it into a timestamp without a zone first, in the zone that is meant, or write to a timestamptz column."
_ANY_INTEGER = pa.decimal128(20, 0)
_LOSSY = "Round, convert or correct the column first, or widen the column of the table."


def conform(array: Any, column: Column) -> Any:
    """Give the array with the type of a table's column, or as it is where only the server can convert it.

    Integers, decimals, dates, times and timestamps are converted when every value stays what it is; text is left to the
    server, and so is a float for a numeric column. A float64 for a float4 column is rounded, as floats are.

    Args:
        array: Values of any Arrow type.
        column: The column of the table, described by the server.

    Raises:
        UnrepresentableInArrowError: A value does not fit, or would lose its fraction, its clock or its zone; `row` is
            its index in the array.
    """
    array = _plain(array)
    source, target = array.type, column.arrow
    if source == target:
        return array
    if pa.types.is_null(source):
        return pa.nulls(len(array), target)
    if pa.types.is_list(source):
        return _conformed_list(array, column) if pa.types.is_list(target) else array
    if pa.types.is_floating(source) and pa.types.is_floating(target):
        return array.cast(target, safe=False)
    if column.unscaled:
        return array  # any decimal fits a numeric without a scale
    if (
        array.null_count < len(array)
        and _is_zoned(source)
        and (pa.types.is_date(target) or (pa.types.is_timestamp(target) and not target.tz))
    ):
        raise _unfit(array, column, advice=_NO_ZONE)
    return _cast(array, column) if _is_convertible(source, target) else array


def _plain(array: Any) -> Any:
    """Give an array of the one type that stands for its kind: no dictionary, no view, no large offsets."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return array.cast(pa.string())
    if pa.types.is_binary_view(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return array.cast(pa.binary())
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return array.cast(pa.decimal128(kind.precision, kind.scale))
    if is_any_list(kind):
        return array.cast(pa.list_(kind.value_type))
    return array


def is_any_list(kind: Any) -> bool:
    """Whether an Arrow type is a list of whatever layout."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _is_convertible(source: Any, target: Any) -> bool:
    if pa.types.is_integer(target):
        return bool(pa.types.is_integer(source) or pa.types.is_floating(source) or pa.types.is_decimal(source))
    if pa.types.is_floating(target):
        return bool(pa.types.is_integer(source))
    if pa.types.is_decimal(target):
        return bool(pa.types.is_integer(source) or pa.types.is_decimal(source))
    if pa.types.is_date(target):
        return bool(pa.types.is_date(source) or pa.types.is_timestamp(source))
    if pa.types.is_time(target):
        return bool(pa.types.is_time(source))
    if pa.types.is_timestamp(target) and target.tz:
        return _is_zoned(source)
    if pa.types.is_timestamp(target):
        return bool(pa.types.is_timestamp(source) or pa.types.is_date(source))
    return False


def _is_zoned(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind)) and kind.tz is not None


def _cast(array: Any, column: Column) -> Any:
    try:
        return _converted(array, column.arrow)
    except pa.ArrowInvalid as error:
        raise _unfit(array, column) from error


def _converted(array: Any, target: Any) -> Any:
    if pa.types.is_decimal(target) and pa.types.is_integer(array.type):
        array = array.cast(_ANY_INTEGER)  # the direct cast asks for room for the widest integer
    converted = array.cast(target)
    if pa.types.is_date(target) and pa.types.is_timestamp(array.type):
        # This cast drops the clock without a word.
        kept = pc.equal(converted.cast(array.type), array)
        if pc.all(kept).as_py() is False:
            raise pa.ArrowInvalid("a timestamp is no date")
    return converted


def _unfit(array: Any, column: Column, advice: str = _LOSSY) -> UnrepresentableInArrowError:
    index = _first_unfit(array, column.arrow)
    shown = str(array.slice(index, 1).cast(pa.string())[0])
    return UnrepresentableInArrowError(column.name, shown, str(array.type), column.pg_type, row=index, advice=advice)


def _first_unfit(array: Any, target: Any) -> int:
    """Give the index of the first value that does not fit, found by halving."""
    if _is_zoned(array.type):
        return int(pc.index(array.is_valid(), True).as_py())
    start, end = 0, len(array)
    while end - start > 1:
        middle = (start + end) // 2
        start, end = (middle, end) if _fits(array.slice(start, middle - start), target) else (start, middle)
    return start


def _fits(array: Any, target: Any) -> bool:
    try:
        _converted(array, target)
    except pa.ArrowInvalid:
        return False
    return True


def _conformed_list(lists: Any, column: Column) -> Any:
    element = replace(column, arrow=column.arrow.value_type)
    try:
        elements = conform(lists.flatten(), element)
    except UnrepresentableInArrowError as error:
        raise error.in_row(pc.list_parent_indices(lists)[error.row].as_py()) from error
    return list_array(lists, elements)


def list_array(lists: Any, elements: Any) -> Any:
    """Give lists of the same lengths and NULLs with other elements, which are as many as `lists.flatten()` gives."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, elements, mask=lists.is_null())
