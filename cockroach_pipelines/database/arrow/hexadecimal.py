"""Bytes as hexadecimal digits and back, a whole array in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow.types import NULL_TEXT

_HEX_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_NO_DIGIT = 0xFF
_NIBBLES = np.full(256, _NO_DIGIT, np.uint8)
_NIBBLES[_HEX_DIGITS] = np.arange(16)


def octets_of_hexadecimal(texts: Any) -> Any:
    """Give the binary array of a string array of small hexadecimal digits.

    Raises:
        pa.ArrowInvalid: It holds something else, or half a byte.
    """
    digits = pc.fill_null(texts, "")
    _, offset_buffer, data = digits.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[digits.offset : digits.offset + len(digits) + 1]
    codes = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    nibbles = _NIBBLES[codes]
    if (nibbles == _NO_DIGIT).any() or (offsets % 2 != offsets[0] % 2).any():
        raise pa.ArrowInvalid("bytes are not written in hexadecimal digits")
    decoded = (nibbles[0::2] << 4) | nibbles[1::2]
    valid = pa.array(texts.is_valid()).buffers()[1]
    starts = ((offsets - offsets[0]) // 2).astype(np.int32)
    return pa.Array.from_buffers(pa.binary(), len(texts), [valid, pa.py_buffer(starts), pa.py_buffer(decoded)])


def hexadecimal_of_octets(array: Any) -> Any:
    r"""Give `\xdeadbeef` of a binary array, all rows in one pass."""
    filled = pc.fill_null(array, b"")
    _, offset_buffer, data = filled.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[filled.offset : filled.offset + len(filled) + 1]
    octets = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    digits = np.empty(2 * len(octets), np.uint8)
    digits[0::2], digits[1::2] = _HEX_DIGITS[octets >> 4], _HEX_DIGITS[octets & 15]
    starts = ((offsets.astype(np.int64) - offsets[0]) * 2).astype(np.int32)
    text = pa.StringArray.from_buffers(len(filled), pa.py_buffer(starts), pa.py_buffer(digits))
    return pc.if_else(array.is_valid(), pc.binary_join_element_wise(r"\x", text, ""), NULL_TEXT)
