"""What pyarrow's CSV reader cannot convert by itself, from the server's text, a column at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow.decimals import DecimalFit
from cockroach_pipelines.database.arrow.errors import UnrepresentableInArrowError
from cockroach_pipelines.database.arrow.intervals import intervals_from_text
from cockroach_pipelines.database.arrow.moments import moments_from_text
from cockroach_pipelines.database.arrow.types import Column, Special

_NOT_A_NUMBER = r"(?i)^(?:nan|[+-]?inf(?:inity)?)$"
_NOT_FLAT = r"^\[|^\{\{"
_NULL_TEXT = pa.nulls(1, pa.string())[0]  # pa.scalar would import pandas, for 0.4 s and 40 MB


def from_text(texts: Any, column: Column, special: Special) -> Any:
    """Give the array of a column's Arrow type from a string array.

    Raises:
        UnrepresentableInArrowError: A value has no counterpart and `special` is `error`.
    """
    target = column.arrow
    if pa.types.is_interval(target):
        return intervals_from_text(texts, column, special)
    if pa.types.is_temporal(target):
        return moments_from_text(texts, column, special)
    if pa.types.is_decimal(target):
        return _decimals(texts, column, special)
    if pa.types.is_binary(target):
        return _bytes(texts)
    if pa.types.is_list(target):
        return _lists(texts, column, special)
    if pa.types.is_boolean(target):
        return pc.equal(texts, "t")
    return texts.cast(target)


def fit_decimals(texts: Any, column: Column, special: Special) -> Any:
    """Give a whole column of numeric text, a ChunkedArray, as the narrowest of Arrow's decimals that loses nothing.

    That is decimal128 with 38 digits, else decimal256 with 76, each with as many digits after the point as the longest
    value has; a column that fits neither stays text.

    Raises:
        UnrepresentableInArrowError: NaN or an infinity, and `special` is neither `null` nor `text`.
    """
    texts = _without_nan(texts, column, special)
    fit = DecimalFit()
    fit.observe(texts)
    return texts.cast(fit.type)


def _decimals(texts: Any, column: Column, special: Special) -> Any:
    try:
        return _without_nan(texts, column, special).cast(column.arrow)
    except pa.ArrowInvalid as error:
        value = _first_that_fails(texts, column.arrow)
        raise UnrepresentableInArrowError(
            column.name,
            value,
            column.pg_type,
            str(column.arrow),
            advice="Cast the column to numeric, or to text, in the statement.",
        ) from error


def _without_nan(texts: Any, column: Column, special: Special) -> Any:
    bad = pc.fill_null(pc.match_substring_regex(texts, _NOT_A_NUMBER), False)
    if not pc.any(bad).as_py():
        return texts
    if special == "null":
        return pc.if_else(bad, _NULL_TEXT, texts)
    raise UnrepresentableInArrowError(
        column.name,
        str(texts.filter(bad)[0].as_py()),
        column.pg_type,
        "any decimal",
        advice="Pass special='null' or 'text', or cast the column to float8 or text in the statement.",
    )


def _first_that_fails(texts: Any, target: Any) -> str:
    for value in pc.unique(texts).to_pylist():
        try:
            pa.array([value], pa.string()).cast(target)
        except pa.ArrowInvalid:
            return str(value)
    return "?"


def _bytes(texts: Any) -> Any:
    r"""Decode `\xdeadbeef`, all rows in one pass (`pc.binary_slice` would fail on NULL)."""
    digits = pc.utf8_slice_codeunits(pc.fill_null(texts, r"\x"), 2)
    _, offset_buffer, data = digits.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[digits.offset : digits.offset + len(digits) + 1]
    codes = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    nibbles = np.where(codes >= ord("a"), codes - (ord("a") - 10), codes - ord("0")).astype(np.uint8)
    decoded = (nibbles[0::2] << 4) | nibbles[1::2]
    valid = pa.array(texts.is_valid()).buffers()[1]
    starts = ((offsets - offsets[0]) // 2).astype(np.int32)
    return pa.Array.from_buffers(pa.binary(), len(texts), [valid, pa.py_buffer(starts), pa.py_buffer(decoded)])


def _lists(texts: Any, column: Column, special: Special) -> Any:
    """Split `{1,2,NULL}`; the text of the elements holds neither commas nor braces."""
    not_flat = pc.fill_null(pc.match_substring_regex(texts, _NOT_FLAT), False)
    if pc.any(not_flat).as_py():
        if special != "null":
            raise UnrepresentableInArrowError(
                column.name,
                str(texts.filter(not_flat)[0].as_py()),
                column.pg_type,
                "a flat list",
                advice="Pass special='null' or 'text', cast the column to text, or unnest it in the statement.",
            )
        texts = pc.if_else(not_flat, _NULL_TEXT, texts)
    inner = pc.utf8_slice_codeunits(texts, 1, -1)
    lists = pc.split_pattern(inner, ",")
    lists = pc.if_else(pc.equal(inner, ""), pa.scalar([], lists.type), lists)
    elements = lists.flatten()
    elements = pc.if_else(pc.equal(elements, "NULL"), _NULL_TEXT, pc.utf8_trim(elements, '"'))
    values = from_text(elements, replace(column, arrow=column.arrow.value_type), special)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=column.arrow, mask=lists.is_null())
