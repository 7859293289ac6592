"""Values that differ and still count as equal."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.reconciliation.arrays import EMPTY, FALSE, booleans, doubles, from_booleans, text
from cockroach_pipelines.reconciliation.columns import Pair
from cockroach_pipelines.reconciliation.moments import seconds_of
from cockroach_pipelines.reconciliation.spec import Tolerance
from cockroach_pipelines.reconciliation.tolerance_rules import MOMENTS, NUMBERS

_ZERO = text("0")
# Doubles decide except so close to the edge, where their own rounding could: there decimals do.
_DOUBT = 1e-9


def within_tolerance(source: Any, target: Any, pair: Pair) -> Any:
    """Give a boolean array, never NULL: which rows of two arrays of canonical text the pair's tolerance takes for equal."""
    tolerance = pair.tolerance
    if tolerance.null_is_empty:
        source, target = pc.fill_null(source, EMPTY), pc.fill_null(target, EMPTY)
    if pair.family in NUMBERS and (tolerance.absolute is not None or tolerance.relative is not None):
        return _numbers(source, target, tolerance)
    if pair.family in MOMENTS and tolerance.within is not None:
        return _moments(source, target, Fraction(tolerance.within.total_seconds()).limit_denominator(1_000_000))
    if tolerance.ignore_trailing_blanks:
        source, target = pc.utf8_rtrim(source, " "), pc.utf8_rtrim(target, " ")
    if tolerance.ignore_case:
        source, target = pc.utf8_lower(source), pc.utf8_lower(target)
    both_null = pc.and_(pc.is_null(source), pc.is_null(target))
    return pc.or_(both_null, pc.fill_null(pc.equal(source, target), FALSE))


def _numbers(source: Any, target: Any, tolerance: Tolerance) -> Any:
    absent = pc.or_(pc.is_null(source), pc.is_null(target))
    try:
        ours, theirs = (doubles(pc.fill_null(side, _ZERO).cast(pa.float64())) for side in (source, target))
    except pa.ArrowInvalid:
        return _numbers_one_by_one(source, target, tolerance)
    with np.errstate(invalid="ignore"):
        distance = np.abs(ours - theirs)
        allowed = np.zeros_like(distance)
        if tolerance.absolute is not None:
            allowed = np.maximum(allowed, float(tolerance.absolute))
        if tolerance.relative is not None:
            allowed = np.maximum(allowed, float(tolerance.relative) * np.maximum(np.abs(ours), np.abs(theirs)))
        edge = _DOUBT * np.maximum(allowed, np.maximum(np.abs(ours), np.abs(theirs)))
        sure, doubtful = distance < allowed - edge, ~(np.abs(distance - allowed) > edge)
    result = sure & ~booleans(absent)
    for row in np.flatnonzero(doubtful & ~booleans(absent)):
        result[row] = _is_close(source[int(row)].as_py(), target[int(row)].as_py(), tolerance)
    both_null = booleans(pc.and_(pc.is_null(source), pc.is_null(target)))
    return from_booleans(result | both_null)


def _numbers_one_by_one(source: Any, target: Any, tolerance: Tolerance) -> Any:
    pairs = zip(source.to_pylist(), target.to_pylist(), strict=True)
    return from_booleans([_is_close(ours, theirs, tolerance) for ours, theirs in pairs])


def _is_close(source: str | None, target: str | None, tolerance: Tolerance) -> bool:
    if source is None or target is None:
        return source is target
    try:
        ours, theirs = Decimal(source), Decimal(target)
    except InvalidOperation:
        return source == target
    if not (ours.is_finite() and theirs.is_finite()):
        return source == target
    with localcontext() as context:
        context.prec = 400
        allowed = max(
            tolerance.absolute or Decimal(0), (tolerance.relative or Decimal(0)) * max(abs(ours), abs(theirs))
        )
        return abs(ours - theirs) <= allowed


def _moments(source: Any, target: Any, within: Fraction) -> Any:
    def close(ours: str | None, theirs: str | None) -> bool:
        if ours is None or theirs is None:
            return ours is theirs
        first, second = seconds_of(ours), seconds_of(theirs)
        if not isinstance(first, Fraction) or not isinstance(second, Fraction):
            return ours == theirs
        return abs(first - second) < within

    return from_booleans(list(map(close, source.to_pylist(), target.to_pylist())))
