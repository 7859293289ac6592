"""The narrowest decimal that holds a column of numeric text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"^[+-]?0*(?P<whole>\d*)(?:\.(?P<fraction>\d*))?(?:[eE](?P<exponent>[+-]?\d+))?$"
_PLAIN_NUMBER = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"  # PostgreSQL writes no other
_WIDEST_128, _WIDEST_256 = 38, 76


@dataclass
class DecimalFit:
    """Sees a column of numeric text piece by piece, and knows afterwards which decimal loses nothing of it.

    Attributes:
        whole: Most digits before the point so far.
        scale: Most digits after the point so far.
        numbers_only: Whether every value is a number; NaN and the infinities have no decimal.
    """

    whole: int = 0
    scale: int = 0
    numbers_only: bool = True

    def observe(self, texts: Any) -> None:
        """See one more piece, a string array or chunked array."""
        if pc.all(pc.match_substring_regex(texts, _PLAIN_NUMBER)).as_py() is False:
            self._observe_any(texts)
            return
        digits = pc.ascii_ltrim(texts, "-")
        length, point = pc.binary_length(digits), pc.find_substring(digits, ".")
        has_point = pc.greater_equal(point, 0)
        leading_zero = pc.starts_with(digits, "0").cast(pa.int32())
        self._widen(
            pc.subtract(pc.if_else(has_point, point, length), leading_zero),
            pc.if_else(has_point, pc.subtract(pc.subtract(length, point), 1), 0),
        )

    def _observe_any(self, texts: Any) -> None:
        parts = pc.extract_regex(texts, _NUMBER)
        if parts.null_count > texts.null_count:
            self.numbers_only = False
            return
        exponents = pc.utf8_ltrim(pc.fill_null(pc.struct_field(parts, "exponent"), ""), "+")
        exponent = pc.if_else(pc.equal(exponents, ""), "0", exponents).cast(pa.int64())
        whole = pc.add(pc.utf8_length(pc.fill_null(pc.struct_field(parts, "whole"), "")), exponent)
        fraction = pc.subtract(pc.utf8_length(pc.fill_null(pc.struct_field(parts, "fraction"), "")), exponent)
        self._widen(whole, fraction)

    def _widen(self, whole: Any, fraction: Any) -> None:
        self.whole = max(self.whole, pc.max(whole).as_py() or 0)
        self.scale = max(self.scale, pc.max(fraction).as_py() or 0)

    @property
    def type(self) -> Any:
        """decimal128 with 38 digits, else decimal256 with 76, else string."""
        digits = self.whole + self.scale
        if not self.numbers_only or digits > _WIDEST_256:
            return pa.string()
        return (
            pa.decimal128(_WIDEST_128, self.scale) if digits <= _WIDEST_128 else pa.decimal256(_WIDEST_256, self.scale)
        )
