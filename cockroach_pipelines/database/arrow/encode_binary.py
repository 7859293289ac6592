"""Arrow into the binary rows that COPY FROM STDIN takes, which cost the server far less than text.

A row is the number of its fields, then for each field its length and its value, big end first; the length of NULL is -1.
Each field is made for all rows at once, as binary arrays, and Arrow joins them row by row.

Sources: PostgreSQL's documentation of COPY, "Binary Format", and the `…_recv` functions of its types.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow.conform import is_any_list, list_array
from cockroach_pipelines.database.arrow.errors import UnrepresentableInArrowError
from cockroach_pipelines.database.arrow.hexadecimal import octets_of_hexadecimal
from cockroach_pipelines.database.arrow.intervals import microseconds_of_intervals, storage_of_intervals
from cockroach_pipelines.database.arrow.numerics import numerics_of_decimals
from cockroach_pipelines.database.arrow.types import Column, base_type

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)

_NULL = struct.pack(">i", -1)
_NO_BYTES = pa.nulls(1, pa.binary())[0]
_EPOCH_DAYS = 10_957  # from 1970-01-01, which is Arrow's, to 2000-01-01, which is the server's
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000
# The outermost numbers are the server's infinities; it refuses what is only near them.
_DAYS = (-(2**31) + 1, 2**31 - 2)
_EARLIEST = -(2**63) + 1 + _EPOCH_MICROSECONDS
_INTERVAL = np.dtype([("microseconds", ">i8"), ("days", ">i4"), ("months", ">i4")])
_ARRAY = np.dtype([("dimensions", ">i4"), ("nulls", ">i4"), ("oid", ">i4"), ("length", ">i4"), ("lower", ">i4")])

# Object identifiers, which the value of an array names; they are the same on every server.
_OIDS = {
    "bool": 16, "bytea": 17, "int8": 20, "int2": 21, "int4": 23, "text": 25, "json": 114, "float4": 700,
    "float8": 701, "bpchar": 1042, "varchar": 1043, "date": 1082, "time": 1083, "timestamp": 1114, "timestamptz": 1184,
    "interval": 1186, "numeric": 1700, "uuid": 2950, "jsonb": 3802,
}  # fmt: skip
_TEXTS = frozenset({"text", "varchar", "bpchar", "json"})
_UUID_DIGITS = r"^[0-9a-f]{32}$"

Pieces = list[Any]
"""Binary arrays that lie one behind the other in every row; only the first may be NULL, and then the field is."""
FieldEncoder = Callable[[Any], Pieces]
RowEncoder = Callable[[Any], Any]


def row_encoder(columns: Sequence[Column], types: Sequence[Any]) -> RowEncoder | None:
    """Give what turns a `pa.RecordBatch` into a `pa.Buffer` of rows, or None when a column has to travel as text.

    Args:
        columns: The columns of the table, described by the server.
        types: The Arrow types of the data's columns, as `conform` gives them.
    """
    encoders = [field_encoder(column, kind) for column, kind in zip(columns, types, strict=True)]
    known = [encoder for encoder in encoders if encoder is not None]
    if len(known) < len(encoders):
        return None
    count = pa.scalar(struct.pack(">h", len(known)), pa.binary())

    def encode(batch: Any) -> Any:
        pieces = [piece for encoder, array in zip(known, batch.columns, strict=True) for piece in encoder(array)]
        return _data(_joined([count, *pieces]))

    return encode


def field_encoder(column: Column, kind: Any) -> FieldEncoder | None:
    """Give what makes the fields of a column from arrays of an Arrow type, or None when only text says them exactly."""
    base = base_type(column.pg_type)
    if not column.pg_type.startswith("_"):
        return _scalars(column, base, kind)
    if base not in _OIDS or not pa.types.is_list(kind) or is_any_list(kind.value_type):
        return None
    elements = _scalars(column, base, kind.value_type)
    return _arrays(elements, _OIDS[base]) if elements else None


def _scalars(column: Column, base: str, kind: Any) -> FieldEncoder | None:
    numbers = _NUMBERS.get((base, kind))
    if numbers:
        return lambda array: _of_fixed_size(numbers(array), array)
    if base in _TEXTS and pa.types.is_string(kind):
        return lambda texts: _of_any_size(texts.cast(pa.binary()))
    if base == "jsonb" and pa.types.is_string(kind):
        return lambda texts: _of_any_size(pc.binary_join_element_wise("\1", texts, "").cast(pa.binary()))
    if base == "bytea" and pa.types.is_binary(kind):
        return _of_any_size
    if base == "uuid" and (pa.types.is_string(kind) or kind == pa.uuid()):
        return lambda values: _of_any_size(_octets_of_uuids(values, column))
    if base == "interval" and pa.types.is_interval(kind):
        return lambda values: _of_fixed_size(_intervals(values, column), values)
    if base == "numeric" and pa.types.is_decimal(kind) and kind.scale >= 0:
        return lambda values: _of_fixed_size(numerics_of_decimals(values), values)
    if base == "numeric" and pa.types.is_integer(kind):
        return lambda values: _of_fixed_size(numerics_of_decimals(values.cast(pa.decimal128(20, 0))), values)
    return None


def _arrays(elements: FieldEncoder, oid: int) -> FieldEncoder:
    empty = pa.scalar(struct.pack(">iii", 0, 0, oid), pa.binary())

    def encode(lists: Any) -> Pieces:
        fields = _joined(elements(lists.flatten()))
        heads = np.empty(len(lists), _ARRAY)
        heads["dimensions"] = heads["nulls"] = heads["lower"] = 1
        heads["oid"] = oid
        lengths = pc.fill_null(pc.list_value_length(lists), 0)
        heads["length"] = lengths.to_numpy()
        head = pc.if_else(pc.equal(lengths, 0), empty, _records(heads))
        content = pc.fill_null(pc.binary_join(list_array(lists, fields), b""), b"")
        values = pc.binary_join_element_wise(head, content, b"")
        return _of_any_size(pc.if_else(lists.is_valid(), values, _NO_BYTES) if lists.null_count else values)

    return encode


def _of_fixed_size(values: Any, array: Any) -> Pieces:
    """Give the fields of a numpy array of values in the server's layout, NULL where the Arrow array is."""
    fields = np.empty(len(values), [("length", ">i4"), ("value", values.dtype)])
    fields["length"], fields["value"] = values.dtype.itemsize, values
    return [_records(fields, array)]


def _of_any_size(values: Any) -> Pieces:
    """Give the fields of a binary array of values in the server's layout."""
    lengths = pc.fill_null(pc.binary_length(values), 0).to_numpy().astype(">i4")
    return [_records(lengths, values), pc.fill_null(values, b"")]


def _records(records: Any, nulls_of: Any = None) -> Any:
    """Give the binary array of a numpy array, NULL where another Arrow array is."""
    size = records.dtype.itemsize
    offsets = np.arange(0, (len(records) + 1) * size, size, dtype=np.int32)
    valid = pa.array(nulls_of.is_valid()).buffers()[1] if nulls_of is not None and nulls_of.null_count else None
    return pa.Array.from_buffers(pa.binary(), len(records), [valid, pa.py_buffer(offsets), pa.py_buffer(records)])


def _joined(pieces: Pieces) -> Any:
    return pc.binary_join_element_wise(*pieces, b"", null_handling="replace", null_replacement=_NULL)


def _data(joined: Any) -> Any:
    _, offset_buffer, data = joined.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)
    start, end = (int(offsets[joined.offset + position]) for position in (0, len(joined)))
    return data.slice(start, end - start)


def _native(array: Any, storage: Any) -> Any:
    """Give the numbers that Arrow keeps, 0 for NULL."""
    return pc.fill_null(array.view(storage) if array.type != storage else array, 0).to_numpy(zero_copy_only=False)


def _days(dates: Any) -> Any:
    return (_native(dates, pa.int32()).astype(np.int64) - _EPOCH_DAYS).clip(*_DAYS).astype(">i4")


def _microseconds(timestamps: Any) -> Any:
    values = _native(timestamps, pa.int64())
    return (np.maximum(values, _EARLIEST) - _EPOCH_MICROSECONDS).astype(">i8")


def _intervals(values: Any, column: Column) -> Any:
    storage = storage_of_intervals(values)
    fields = np.empty(len(values), _INTERVAL)
    fields["microseconds"] = microseconds_of_intervals(values, column.name)
    fields["days"], fields["months"] = storage["days"], storage["months"]
    return fields


def _durations(values: Any) -> Any:
    fields = np.zeros(len(values), _INTERVAL)
    fields["microseconds"] = _native(values, pa.int64())
    return fields


def _octets_of_uuids(values: Any, column: Column) -> Any:
    if not pa.types.is_string(values.type):
        return values.storage.cast(pa.binary())
    digits = pc.utf8_lower(pc.replace_substring_regex(values, r"[-{}]", ""))
    wrong = pc.fill_null(pc.invert(pc.match_substring_regex(digits, _UUID_DIGITS)), False)
    row = pc.index(wrong, True).as_py()
    if row >= 0:
        raise UnrepresentableInArrowError(
            column.name, values[row].as_py(), "text", "uuid", row=row, advice="A uuid is 32 hexadecimal digits."
        )
    return octets_of_hexadecimal(digits)


def _numbers(storage: Any, layout: str) -> Callable[[Any], Any]:
    return lambda array: _native(array, storage).astype(layout)


# What is a number of fixed size on both sides, and how it is turned into the server's.
_NUMBERS: dict[tuple[str, Any], Callable[[Any], Any]] = {
    ("bool", pa.bool_()): lambda array: _native(array.cast(pa.uint8()), pa.uint8()),
    ("int2", pa.int16()): _numbers(pa.int16(), ">i2"),
    ("int4", pa.int32()): _numbers(pa.int32(), ">i4"),
    ("int8", pa.int64()): _numbers(pa.int64(), ">i8"),
    ("float4", pa.float32()): _numbers(pa.float32(), ">f4"),
    ("float8", pa.float64()): _numbers(pa.float64(), ">f8"),
    ("date", pa.date32()): _days,
    ("time", pa.time64("us")): _numbers(pa.int64(), ">i8"),
    ("timestamp", pa.timestamp("us")): _microseconds,
    ("timestamptz", pa.timestamp("us", "UTC")): _microseconds,
    ("interval", pa.duration("us")): _durations,
}
