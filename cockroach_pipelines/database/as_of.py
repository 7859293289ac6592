"""Moments in the past that CockroachDB can read as of."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

_AGO = re.compile(r"-\s*(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)", re.ASCII)
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_CLOCK = re.compile(r"\d{16,20}(?:\.\d{1,10})?", re.ASCII)
_FOLLOWER = re.compile(r"follower_read(?:_timestamp\(\))?", re.IGNORECASE)


@dataclass(frozen=True)
class AsOf:
    """A moment in the past, as SQL that stands after AS OF SYSTEM TIME; made by `parse`.

    The clause takes no parameter, so the text is never used as it came: `sql` is written anew from what was understood.
    """

    sql: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a span before now (`-10s`, `-5m`, `-2h`), a timestamp with its zone, `follower_read`, or a cluster timestamp.

        Raises:
            ValueError: The text is none of these.
        """
        stripped = text.strip()
        if ago := _AGO.fullmatch(stripped):
            seconds = Decimal(ago[1]) * _SECONDS[ago[2]]
            if not seconds:
                raise ValueError(f"{text!r} is now: write a span before now, such as -10s")
            return cls(f"'-{seconds.normalize():f}s'")
        if _FOLLOWER.fullmatch(stripped):
            return cls("follower_read_timestamp()")
        if _CLOCK.fullmatch(stripped):
            return cls(f"'{stripped}'")
        try:
            moment = dt.datetime.fromisoformat(stripped)
        except ValueError:
            raise ValueError(
                f"{text!r} is no moment: write -10s, -5m, -2h, 2024-01-31T12:00:00Z, or follower_read"
            ) from None
        if moment.tzinfo is None:
            raise ValueError(f"{text!r} has no time zone: add Z for UTC, or an offset such as +02:00")
        return cls(f"'{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'")

    def __str__(self) -> str:
        return self.sql.strip("'")
