"""Arrow into the CSV that COPY FROM STDIN takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from cockroach_pipelines.database.arrow.errors import UnrepresentableInArrowError, UnsupportedTypeError
from cockroach_pipelines.database.arrow.intervals import text_of_durations, text_of_intervals
from cockroach_pipelines.database.arrow.moments import text_of_moments

_NULL_TEXT = pa.scalar(None, pa.string())
_CSV = csv.WriteOptions(include_header=False, quoting_style="needed")  # quotes every text, so that '' differs from NULL
_HEX_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)


def csv_of(batch: Any) -> bytes:
    """Give the rows of a `pa.RecordBatch` as CSV; NULL is empty, an empty text is quoted.

    Raises:
        UnsupportedTypeError: A column's type has no counterpart in the database.
        UnrepresentableInArrowError: A moment or interval is finer than a microsecond, or out of range.
    """
    columns = [_writable(array, name) for array, name in zip(batch.columns, batch.schema.names, strict=True)]
    names = [str(position) for position in range(len(columns))]  # columns may have the same name
    sink = pa.BufferOutputStream()
    csv.write_csv(pa.RecordBatch.from_arrays(columns, names=names), sink, _CSV)
    return bytes(sink.getvalue())


def _writable(array: Any, column: str) -> Any:
    """Give an array whose CSV by pyarrow is the server's text for the same values."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _of_extension(array, column)
    if pa.types.is_dictionary(kind):
        return _writable(array.dictionary_decode(), column)
    if pa.types.is_string_view(kind):
        return array.cast(pa.string())
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    if pa.types.is_decimal(kind):
        return array.cast(pa.string())
    if pa.types.is_interval(kind):
        return text_of_intervals(array, column)
    if pa.types.is_duration(kind):
        return text_of_durations(exact(array, pa.duration("us"), column))
    if pa.types.is_date(kind):
        return text_of_moments(exact(array, pa.date32(), column))
    if pa.types.is_time(kind):
        return exact(array, pa.time64("us"), column)
    if pa.types.is_timestamp(kind):
        return text_of_moments(exact(array, pa.timestamp("us", "UTC" if kind.tz else None), column))
    if _is_bytes(kind):
        return _hexadecimal(array.cast(pa.binary()))
    if _is_list(kind):
        return _braces(array.cast(pa.list_(kind.value_type)), column)
    if _is_plain(kind):
        return array
    raise UnsupportedTypeError(
        f"Column {column!r}: {kind} has no counterpart in the database.",
        advice="Turn the column into text first, for instance JSON, or into columns of its own.",
    )


def exact(array: Any, target: Any, column: str) -> Any:
    """Give the array in another unit of time.

    Raises:
        UnrepresentableInArrowError: A value is finer than the unit, or out of its range.
    """
    try:
        return array.cast(target)
    except pa.ArrowInvalid as error:
        back = array.cast(target, safe=False).cast(array.type, safe=False)
        lossy = array.filter(pc.fill_null(pc.not_equal(back, array), False))
        value = str(lossy.cast(pa.string())[0]) if len(lossy) and not pa.types.is_duration(array.type) else str(error)
        raise UnrepresentableInArrowError(
            column,
            value,
            str(array.type),
            str(target),
            advice="The database keeps microseconds: round the column first.",
        ) from error


def _of_extension(array: Any, column: str) -> Any:
    name = array.type.extension_name
    if name == "arrow.uuid":
        digits = pc.utf8_slice_codeunits(_hexadecimal(array.storage.cast(pa.binary())), 2)
        return pc.replace_substring_regex(digits, r"^(.{8})(.{4})(.{4})(.{4})(.{12})$", r"\1-\2-\3-\4-\5")
    if name == "arrow.json":
        return _writable(array.storage, column)
    raise UnsupportedTypeError(
        f"Column {column!r}: {array.type} has no counterpart in the database.",
        advice="Cast the column to its storage type.",
    )


def _hexadecimal(array: Any) -> Any:
    r"""Give `\xdeadbeef` of a binary array, all rows in one pass."""
    filled = pc.fill_null(array, b"")
    _, offset_buffer, data = filled.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[filled.offset : filled.offset + len(filled) + 1]
    octets = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    digits = np.empty(2 * len(octets), np.uint8)
    digits[0::2], digits[1::2] = _HEX_DIGITS[octets >> 4], _HEX_DIGITS[octets & 15]
    starts = ((offsets.astype(np.int64) - offsets[0]) * 2).astype(np.int32)
    text = pa.StringArray.from_buffers(len(filled), pa.py_buffer(starts), pa.py_buffer(digits))
    return pc.if_else(array.is_valid(), pc.binary_join_element_wise(r"\x", text, ""), _NULL_TEXT)


def _braces(lists: Any, column: str) -> Any:
    """Give `{"a","b",NULL}` of a list array; lists of lists become arrays of more dimensions."""
    elements = _writable(lists.flatten(), column).cast(pa.string())
    if not _is_list(lists.type.value_type):
        escaped = pc.replace_substring(pc.replace_substring(elements, "\\", r"\\"), '"', r"\"")
        elements = pc.binary_join_element_wise('"', escaped, '"', "")
    elements = pc.fill_null(elements, "NULL")
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, elements), ",")
    return pc.if_else(lists.is_valid(), pc.binary_join_element_wise("{", joined, "}", ""), _NULL_TEXT)


def _is_plain(kind: Any) -> bool:
    checks = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_null,
    )
    return any(check(kind) for check in checks)


def _is_bytes(kind: Any) -> bool:
    checks = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
    return any(check(kind) for check in checks)


def _is_list(kind: Any) -> bool:
    checks = (
        pa.types.is_list,
        pa.types.is_large_list,
        pa.types.is_fixed_size_list,
        pa.types.is_list_view,
        pa.types.is_large_list_view,
    )
    return any(check(kind) for check in checks)
