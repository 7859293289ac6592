"""Rows as 64-bit numbers: equal rows have equal ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]

# The constants of splitmix64, which spreads numbers that lie close together.
_STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def can_be_hashed(kind: Any) -> bool:
    """Whether columns of a type can be: those of lists and the like cannot."""
    return not pa.types.is_nested(kind)


def canonical(column: Any) -> Any:
    """Give a column with one form for each value that the server takes for one: 0 and -0, and every NaN."""
    if not pa.types.is_floating(column.type):
        return column
    positive = pc.add(column, pa.scalar(0.0, column.type))
    return pc.if_else(pc.is_nan(positive), pa.scalar(float("nan"), column.type), positive)


def row_hashes(columns: Sequence[Any]) -> Hashes:
    """Hash rows.

    Args:
        columns: Arrays of one length, without NULL, as `canonical` gives them.
    """
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        hashes = _mixed(hashes * _STEP + _numbers(column))
    return hashes


def _mixed(numbers: Hashes) -> Hashes:
    numbers = numbers + _STEP
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _FIRST
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _SECOND
    return numbers ^ (numbers >> np.uint64(31))


def _numbers(column: Any) -> Hashes:
    kind = column.type
    if pa.types.is_boolean(kind):
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.uint64)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_binary(kind):
        from pandas.util import hash_array  # for 40 MB, which whoever hashes no text does without

        values = np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)
        return hash_array(values, categorize=False)
    return _words(column, kind.bit_width // 8)


def _is_binary(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _words(column: Any, width: int) -> Hashes:
    """Fold the bytes of fixed-width values into a word each."""
    data = np.frombuffer(column.buffers()[1], dtype=np.uint8)
    values = data[column.offset * width : (column.offset + len(column)) * width].reshape(-1, width)
    padded = np.zeros((len(values), -(-width // 8) * 8), dtype=np.uint8)
    padded[:, :width] = values
    folded = np.zeros(len(values), dtype=np.uint64)
    for word in padded.view(np.uint64).T:
        folded = _mixed(folded) ^ word
    return folded
