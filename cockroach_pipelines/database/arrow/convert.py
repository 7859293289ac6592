"""What pyarrow's CSV reader cannot convert by itself, from the server's text, a column at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow.array_text import is_flat, lists_of_text
from cockroach_pipelines.database.arrow.decimals import DecimalFit
from cockroach_pipelines.database.arrow.errors import UnrepresentableInArrowError
from cockroach_pipelines.database.arrow.hexadecimal import octets_of_hexadecimal
from cockroach_pipelines.database.arrow.intervals import intervals_from_text
from cockroach_pipelines.database.arrow.moments import moments_from_text
from cockroach_pipelines.database.arrow.types import NULL_TEXT, Column, Special
from cockroach_pipelines.database.special import special_advice

_NOT_A_NUMBER = r"(?i)^(?:nan|[+-]?inf(?:inity)?)$"


def from_text(texts: Any, column: Column, special: Special) -> Any:
    """Give the array of a column's Arrow type from a string array.

    Raises:
        UnrepresentableInArrowError: A value has no counterpart and `special` is `error`.
    """
    target = column.arrow
    if pa.types.is_string(target):
        return texts
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
        return _booleans(texts)
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
        return pc.if_else(bad, NULL_TEXT, texts)
    raise UnrepresentableInArrowError(
        column.name,
        str(texts.filter(bad)[0].as_py()),
        column.pg_type,
        "any decimal",
        advice=special_advice("null", "text", otherwise="cast the column to float8 or text in the statement"),
    )


def _first_that_fails(texts: Any, target: Any) -> str:
    for value in pc.unique(texts).to_pylist():
        try:
            pa.array([value], pa.string()).cast(target)
        except pa.ArrowInvalid:
            return str(value)
    return "?"


def _booleans(texts: Any) -> Any:
    true = pc.equal(texts, "t")
    if pc.all(pc.or_(true, pc.equal(texts, "f"))).as_py() is False:
        raise pa.ArrowInvalid("a boolean is neither t nor f")
    return true


def _bytes(texts: Any) -> Any:
    r"""Decode `\xdeadbeef`, all rows in one pass (`pc.binary_slice` would fail on NULL)."""
    if pc.all(pc.starts_with(texts, r"\x")).as_py() is False:
        raise pa.ArrowInvalid("bytes do not begin with \\x; the session's bytea_output must be hex")
    return octets_of_hexadecimal(pc.utf8_slice_codeunits(texts, 2))


def _lists(texts: Any, column: Column, special: Special) -> Any:
    flat = is_flat(texts)
    if not pc.all(flat).as_py():
        if special != "null":
            raise UnrepresentableInArrowError(
                column.name,
                str(texts.filter(pc.invert(flat))[0].as_py()),
                column.pg_type,
                "a flat list",
                advice=special_advice(
                    "null", "text", otherwise="cast the column to text or unnest it in the statement"
                ),
            )
        texts = pc.if_else(flat, texts, NULL_TEXT)
    lists = lists_of_text(texts)
    values = from_text(lists.values, replace(column, arrow=column.arrow.value_type), special)
    return pa.ListArray.from_arrays(lists.offsets, values, type=column.arrow, mask=lists.is_null())
