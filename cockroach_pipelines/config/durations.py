"""Spans of time as people write them."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?\s*", re.ASCII)


def parse_seconds(value: object) -> object:
    """Turn `500ms`, `20s`, `5m`, `2h`, `1d`, `1w` or a bare number into seconds; anything but text passes through.

    Raises:
        ValueError: The text is no span of time, or the value is true or false.
    """
    if isinstance(value, bool):
        # pydantic would take true for one second.
        raise ValueError("true and false are no spans of time")  # noqa: TRY004 - pydantic reports ValueError alone
    if not isinstance(value, str):
        return value
    match = _SPAN.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is no span of time: write a number of seconds, or 500ms, 20s, 5m, 2h, 1d")
    return float(match[1]) * _UNITS[match[2] or "s"]
