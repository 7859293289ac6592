"""Between numpy, Python and Arrow by way of buffers.

`pa.array`, `pa.scalar`, `to_numpy` and every kernel that is given a Python value import pandas where it is installed, for
half a second and 40 MB. What is here does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa


def from_integers(values: Any) -> Any:
    """Give an int64 array of a numpy array."""
    contiguous = np.ascontiguousarray(values, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(contiguous), [None, pa.py_buffer(contiguous)])


def from_booleans(values: Any) -> Any:
    """Give a boolean array of a numpy array."""
    bits = np.packbits(np.asarray(values, bool), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def from_texts(values: Sequence[str | None]) -> Any:
    """Give a string array of texts."""
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(each) for each in encoded], out=offsets[1:])
    there = np.packbits(np.array([value is not None for value in values], bool), bitorder="little")
    return pa.StringArray.from_buffers(
        len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), pa.py_buffer(there)
    )


def text(value: str) -> Any:
    """Give a string scalar."""
    return from_texts([value])[0]


def repeated(value: str, count: int) -> Any:
    """Give a string array of one value."""
    return from_texts([value]).take(from_integers(np.zeros(count, np.int64)))


def integers(array: Any) -> Any:
    """Give a numpy array of an array of int64; what is NULL has any value."""
    whole = one_chunk(array)
    data = whole.buffers()[1]
    return np.frombuffer(data or b"", np.int64)[whole.offset : whole.offset + len(whole)]


def doubles(array: Any) -> Any:
    """Give a numpy array of an array of float64; what is NULL has any value."""
    whole = one_chunk(array)
    return np.frombuffer(whole.buffers()[1] or b"", np.float64)[whole.offset : whole.offset + len(whole)]


def booleans(array: Any) -> Any:
    """Give a numpy array of a boolean array without NULL."""
    whole = one_chunk(array)
    return _bits(whole.buffers()[1], whole)


def nulls(array: Any) -> Any:
    """Give a numpy array: where an array is NULL."""
    whole = one_chunk(array)
    if whole.null_count == 0:
        return np.zeros(len(whole), bool)
    if whole.null_count == len(whole):
        return np.ones(len(whole), bool)
    return ~_bits(whole.buffers()[0], whole)


def one_chunk(column: Any) -> Any:
    """Give an array for a chunked one, or the array itself."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])


def _bits(buffer: Any, array: Any) -> Any:
    bits = np.unpackbits(np.frombuffer(buffer or b"", np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)


FALSE = from_booleans([False])[0]
"""The scalar."""
ZERO = from_integers([0])[0]
"""The scalar."""
EMPTY = text("")
"""The scalar of an empty text."""
