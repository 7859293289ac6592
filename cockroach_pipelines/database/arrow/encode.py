"""Arrow into the CSV that COPY FROM STDIN takes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from cockroach_pipelines.database.arrow.conform import is_any_list, list_array
from cockroach_pipelines.database.arrow.errors import UnrepresentableInArrowError, UnsupportedTypeError
from cockroach_pipelines.database.arrow.hexadecimal import hexadecimal_of_octets
from cockroach_pipelines.database.arrow.intervals import text_of_durations, text_of_intervals
from cockroach_pipelines.database.arrow.moments import text_of_moments
from cockroach_pipelines.database.arrow.types import NULL_TEXT

_CSV = csv.WriteOptions(include_header=False, quoting_style="needed")  # quotes every text, so that '' differs from NULL


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
        return hexadecimal_of_octets(array.cast(pa.binary()))
    if is_any_list(kind):
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
        row = pc.index(pc.fill_null(pc.not_equal(back, array), False), True).as_py()
        value = (
            str(array.slice(row, 1).cast(pa.string())[0])
            if row >= 0 and not pa.types.is_duration(array.type)
            else str(error)
        )
        raise UnrepresentableInArrowError(
            column,
            value,
            str(array.type),
            str(target),
            row=row if row >= 0 else None,
            advice="The database keeps microseconds: round the column first.",
        ) from error


def _of_extension(array: Any, column: str) -> Any:
    name = array.type.extension_name
    if name == "arrow.uuid":
        digits = pc.utf8_slice_codeunits(hexadecimal_of_octets(array.storage.cast(pa.binary())), 2)
        return pc.replace_substring_regex(digits, r"^(.{8})(.{4})(.{4})(.{4})(.{12})$", r"\1-\2-\3-\4-\5")
    if name == "arrow.json":
        return _writable(array.storage, column)
    raise UnsupportedTypeError(
        f"Column {column!r}: {array.type} has no counterpart in the database.",
        advice="Cast the column to its storage type.",
    )


def _braces(lists: Any, column: str) -> Any:
    """Give `{"a","b",NULL}` of a list array; lists of lists become arrays of more dimensions."""
    elements = _writable(lists.flatten(), column).cast(pa.string())
    if not is_any_list(lists.type.value_type):
        escaped = pc.replace_substring(pc.replace_substring(elements, "\\", r"\\"), '"', r"\"")
        elements = pc.binary_join_element_wise('"', escaped, '"', "")
    elements = pc.fill_null(elements, "NULL")
    joined = pc.binary_join(list_array(lists, elements), ",")
    return pc.if_else(lists.is_valid(), pc.binary_join_element_wise("{", joined, "}", ""), NULL_TEXT)


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
