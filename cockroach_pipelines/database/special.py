"""What becomes of a value that its Arrow type cannot hold."""

from __future__ import annotations

from typing import Literal

Special = Literal["error", "null", "clamp", "text"]
"""What becomes of a value that its Arrow type cannot hold: infinity, NaN of a numeric, 24:00:00, a nested array.

`error` raises, `null` leaves it out, `clamp` takes the nearest moment or interval that the type holds (what is none
raises), and `text` gives every column that may meet such a value as the server's own text.
"""
SPECIALS: tuple[Special, ...] = ("error", "null", "clamp", "text")


def special_advice(*ways: str, otherwise: str) -> str:
    """Say how to let a value through, in a SQL file and in Python.

    Args:
        ways: The policies that help.
        otherwise: What else helps, in the imperative.
    """
    words = ", ".join(ways[:-1]) + f" or {ways[-1]}"
    return f"Write `special: {ways[0]}` ({words}) into the SQL file's header, special={ways[0]!r} in Python, or {otherwise}."
