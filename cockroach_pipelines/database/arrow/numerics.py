"""Decimals as the server's binary numerics: groups of four digits, with the weight of the first.

Source: `numeric_recv` of PostgreSQL's src/backend/utils/adt/numeric.c, which strips leading and trailing groups of zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_GROUP_DIGITS = 4
_GROUP = 10**_GROUP_DIGITS
_NEGATIVE = 0x4000
_LIMB_BITS = np.uint64(32)
_LIMB_MASK = np.uint64(2**32 - 1)


def numerics_of_decimals(decimals: Any) -> Any:
    """Give a numpy array in the server's layout of a decimal128 or decimal256 array; what is NULL has any value."""
    kind = decimals.type
    whole = -(-max(kind.precision - kind.scale, 0) // _GROUP_DIGITS)
    fraction = -(-kind.scale // _GROUP_DIGITS)
    negative, limbs = _magnitudes(decimals)
    numerics = np.empty(
        len(decimals),
        [
            ("groups", ">i2"),
            ("weight", ">i2"),
            ("sign", ">u2"),
            ("scale", ">i2"),
            ("digits", ">i2", (whole + fraction,)),
        ],
    )
    numerics["groups"], numerics["weight"], numerics["scale"] = whole + fraction, whole - 1, kind.scale
    numerics["sign"] = np.where(negative, _NEGATIVE, 0)
    digits = numerics["digits"]
    filling = 10 ** (-kind.scale % _GROUP_DIGITS)  # zeros that fill the last group behind the point
    for position in reversed(range(whole + fraction)):
        is_last = position == whole + fraction - 1
        limbs, group = _divided(limbs, _GROUP // filling if is_last else _GROUP)
        digits[:, position] = group * filling if is_last else group
    return numerics


def _magnitudes(decimals: Any) -> tuple[Any, list[Any]]:
    """Give which values are negative, and their amounts as 64-bit words or, where those are too short, 32-bit limbs."""
    words_each = decimals.type.byte_width // 8
    raw = np.frombuffer(decimals.buffers()[1] or b"", np.uint64)
    words = raw.reshape(-1, words_each)[decimals.offset : decimals.offset + len(decimals)]
    negative = words[:, -1] >> np.uint64(63) == 1
    amounts, carry = [], negative
    for word in words.T:  # two's complement, from the lowest word on
        amount = np.where(negative, ~word, word) + carry
        carry = carry & (amount == 0)
        amounts.append(amount)
    if not any(amount.any() for amount in amounts[1:]):
        return negative, amounts[:1]
    return negative, [half for amount in amounts for half in (amount & _LIMB_MASK, amount >> _LIMB_BITS)]


def _divided(limbs: list[Any], divisor: int) -> tuple[list[Any], Any]:
    """Give the quotients, and the remainders, by a divisor of at most 10,000; limbs are ordered from the lowest."""
    by = np.uint64(divisor)
    if len(limbs) == 1:
        quotient, remainder = np.divmod(limbs[0], by)
        return [quotient], remainder
    quotients, remainder = [], np.zeros_like(limbs[0])
    for limb in reversed(limbs):
        quotient, remainder = np.divmod((remainder << _LIMB_BITS) | limb, by)
        quotients.append(quotient)
    return quotients[::-1], remainder
