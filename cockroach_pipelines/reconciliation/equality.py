"""Whether two texts of servers mean the same value.

Texts that are equal mean the same. Of the others each family knows what is only another way to write a value: the scale
of a number, -0, the order of an object's keys, blanks that fill a char(n), offsets and fractions of timestamps.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow.compute as pc

from cockroach_pipelines.reconciliation.arrays import FALSE, from_texts
from cockroach_pipelines.reconciliation.columns import Pair
from cockroach_pipelines.reconciliation.families import Family, family_of
from cockroach_pipelines.reconciliation.moments import canonical_moment
from cockroach_pipelines.reconciliation.tolerances import within_tolerance

_ZERO, _MINUS_ZERO = from_texts(["0", "-0"])
_PLAIN_NUMBER = r"^-?\d+(\.\d+)?$"
_INFINITIES = {"infinity": "Infinity", "inf": "Infinity", "+inf": "Infinity", "+infinity": "Infinity"}
_INFINITIES |= {"-infinity": "-Infinity", "-inf": "-Infinity"}


def unequal(source: Any, target: Any, pair: Pair) -> Any:
    """Give a boolean array, never NULL: which rows of two string arrays do not count as equal."""
    differ = _distinct(source, target)
    if not pc.any(differ).as_py():
        return differ
    if pair.family is Family.ARRAY or pair.family in _CANONICAL_ARRAY or pair.family in _CANONICAL:
        ours, theirs = canonical(source.filter(differ), pair), canonical(target.filter(differ), pair)
        differ = _within(differ, _distinct(ours, theirs))
        if not pc.any(differ).as_py():
            return differ
    if pair.tolerance:
        ours, theirs = canonical(source.filter(differ), pair), canonical(target.filter(differ), pair)
        differ = _within(differ, pc.invert(within_tolerance(ours, theirs, pair)))
    return differ


def canonical(texts: Any, pair: Pair) -> Any:
    """Give for each text the one that stands for all that mean the same."""
    if whole := _CANONICAL_ARRAY.get(pair.family):
        return whole(texts)
    convert = _CANONICAL.get(pair.family)
    if pair.family is Family.ARRAY:
        element = family_of(pair.source.pg_type.removeprefix("_"))
        convert = lambda text: canonical_array(text, element)  # noqa: E731 - one of the table's kind
    if convert is None:
        return texts
    return _by_distinct_value(texts, convert)


def canonical_text(text: str, family: Family) -> str:
    """Give the text that stands for all that mean the same, for one value."""
    if family in _CANONICAL_ARRAY:
        return canonical_number(text)
    convert = _CANONICAL.get(family)
    return convert(text) if convert else text


def canonical_number(text: str) -> str:
    """Write a number without a scale: no zeros at its end, no exponent, no sign of zero."""
    special = _INFINITIES.get(text.strip().lower())
    if special:
        return special
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if number.is_nan():
        return "NaN"
    if number == 0:
        return "0"
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def canonical_float(text: str) -> str:
    """Write a float by its shortest round trip; all NaN are one, and so are both zeros."""
    value = float(text)
    if math.isnan(value):
        return "NaN"
    return "0.0" if value == 0 else repr(value)


def canonical_json(text: str) -> str:
    """Write JSON by its meaning: keys in order, the last of several equal ones, numbers without a scale."""
    try:
        value = json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    except (ValueError, RecursionError):
        return text
    return _json_text(value)


class _Number(str):
    """A number of JSON, kept as text so that none of its digits is lost."""

    __slots__ = ()


def _json_text(value: object) -> str:
    match value:
        case _Number():
            return canonical_number(value)
        case dict():
            members = (f"{json.dumps(name)}:{_json_text(value[name])}" for name in sorted(value))
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(_json_text, value)) + "]"
        case _:
            return json.dumps(value)


def canonical_array(text: str, element: Family) -> str:
    """Write an array by the meaning of its elements; its dimensions and lower bounds stay."""
    if element not in _CANONICAL and element not in _CANONICAL_ARRAY:
        return text
    written: list[str] = []
    for part in _ARRAY_PART.finditer(text):
        piece = part.group()
        if piece in "{},=" or part.lastgroup == "bounds" or piece == "NULL":
            written.append(piece)
            continue
        plain = re.sub(r"\\(.)", r"\1", piece[1:-1]) if piece.startswith('"') else piece
        written.append(json.dumps(canonical_text(plain, element)))
    return "".join(written)


_ARRAY_PART = re.compile(r'(?P<bounds>\[-?\d+:-?\d+\])|[{},=]|"(?:[^"\\]|\\.)*"|[^{},="\[\]]+', re.DOTALL)


def _boolean(text: str) -> str:
    return "true" if text in ("t", "true") else "false"


def _trimmed(text: str) -> str:
    return text.rstrip(" ")


_CANONICAL: dict[Family, Callable[[str], str]] = {
    Family.FLOAT: canonical_float,
    Family.BOOLEAN: _boolean,
    Family.CHARACTER: _trimmed,
    Family.DATE: canonical_moment,
    Family.TIME: canonical_moment,
    Family.TIMESTAMP: canonical_moment,
    Family.TIMESTAMPTZ: canonical_moment,
    Family.UUID: str.lower,
    Family.JSON: canonical_json,
}


def _numbers(texts: Any) -> Any:
    plain = pc.match_substring_regex(texts, _PLAIN_NUMBER)
    if pc.all(plain).as_py() is False:
        return _by_distinct_value(texts, canonical_number)
    pointed = pc.fill_null(pc.match_substring(texts, "."), FALSE)
    trimmed = pc.utf8_rtrim(pc.utf8_rtrim(texts.filter(pointed), "0"), ".")
    texts = pc.replace_with_mask(texts, pointed, trimmed)
    return pc.if_else(pc.equal(texts, _MINUS_ZERO), _ZERO, texts)


_CANONICAL_ARRAY: dict[Family, Callable[[Any], Any]] = {Family.NUMERIC: _numbers, Family.INTEGER: _numbers}


def _by_distinct_value(texts: Any, convert: Callable[[str], str]) -> Any:
    encoded = texts.dictionary_encode()
    values = from_texts([None if text is None else convert(text) for text in encoded.dictionary.to_pylist()])
    return values.take(encoded.indices)


def _distinct(source: Any, target: Any) -> Any:
    if not source.null_count and not target.null_count:
        return pc.not_equal(source, target)
    both_null = pc.and_(pc.is_null(source), pc.is_null(target))
    return pc.invert(pc.or_(both_null, pc.fill_null(pc.equal(source, target), FALSE)))


def _within(mask: Any, values: Any) -> Any:
    """Give the mask with the values in the places where it is true."""
    return pc.replace_with_mask(mask, mask, values)
