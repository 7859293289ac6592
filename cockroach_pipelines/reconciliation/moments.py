"""Dates, times and timestamps by their meaning, those included that no calendar library reads."""

from __future__ import annotations

import re
from fractions import Fraction

from cockroach_pipelines.database.arrow.moments import civil_from_days, days_since_1970

_MOMENT = re.compile(
    r"(?:(?P<year>-?\d+)-(?P<month>\d\d?)-(?P<day>\d\d?))?[ T]?"
    r"(?:(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"\s*(?:(?P<zone>Z|UTC)|(?P<sign>[+-])(?P<zh>\d\d)(?::?(?P<zm>\d\d))?(?::?(?P<zs>\d\d))?)?"
    r"(?P<bc> BC)?"
)
_DAY = 86_400
_INFINITIES = {"infinity": "infinity", "+infinity": "infinity", "-infinity": "-infinity"}


def seconds_of(text: str) -> Fraction | str | None:
    """Give seconds since 1970 in UTC, exact, or since midnight for a time; `infinity` or `-infinity`; None for no moment."""
    if text.lower() in _INFINITIES:
        return _INFINITIES[text.lower()]
    match = _MOMENT.fullmatch(text)
    if match is None or (match["year"] is None and match["hour"] is None):
        return None
    seconds = Fraction(0)
    if match["year"] is not None:
        year = int(match["year"])
        seconds += days_since_1970(1 - year if match["bc"] else year, int(match["month"]), int(match["day"])) * _DAY
    seconds += _clock(match["hour"], match["minute"], match["second"])
    if match["fraction"]:
        seconds += Fraction(int(match["fraction"]), 10 ** len(match["fraction"]))
    if match["sign"]:
        offset = _clock(match["zh"], match["zm"], match["zs"])
        seconds += offset if match["sign"] == "-" else -offset
    return seconds


def canonical_moment(text: str) -> str:
    """Write a moment such that equal ones have equal texts; timestamps with an offset in UTC."""
    seconds = seconds_of(text)
    if seconds is None or isinstance(seconds, str):
        return text if seconds is None else seconds
    whole, rest = divmod(seconds, 1)
    fraction = f".{int(rest * 1_000_000):06}".rstrip("0") if rest else ""
    if not re.match(r"-?\d+-", text):
        hours, within = divmod(int(whole), 3600)
        return f"{hours:02}:{within // 60:02}:{within % 60:02}{fraction}"
    days, clock = divmod(int(whole), _DAY)
    year, month, day = civil_from_days(days)
    shown, era = (year, "") if year > 0 else (1 - year, " BC")
    return f"{shown:04}-{month:02}-{day:02} {clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}{fraction}{era}"


def _clock(hours: str | None, minutes: str | None, seconds: str | None) -> int:
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
