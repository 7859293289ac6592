"""Cron expressions: which are valid, and which stand for `every: 15m`."""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from itertools import pairwise

from cockroach_pipelines.config.durations import parse_seconds

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _WEEKDAYS),
)
_ITEM = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")
_MINUTES_OF_A_DAY = 1440
_YEARS_OF_LEAP_DAYS = (2024, 2033)  # with two of each date that there is
_LONGEST_MONTHS = {month: monthrange(2024, month)[1] for month in range(1, 13)}

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800
_SPANS: dict[int, str] = {
    **{minutes * _MINUTE: f"{minutes}m" for minutes in range(1, 60) if 60 % minutes == 0},
    **{hours * _HOUR: f"{hours}h" for hours in range(1, 24) if 24 % hours == 0},
    _DAY: "1d",
    _WEEK: "1w",
}


def check_cron(expression: str) -> str:
    """Give a cron expression of five fields back, its white space made single.

    Fields are minute, hour, day of the month, month, day of the week (0 and 7 are Sunday); `*`, lists, ranges, steps
    and three-letter names are understood.

    Raises:
        ValueError: The expression is none, or names a day that never comes.
    """
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        meaning = ", ".join(name for name, *_ in _FIELDS)
        raise ValueError(f"{expression!r} has {len(fields)} fields, and a cron expression has five: {meaning}")
    days, months = (_values(fields[index], *_FIELDS[index]) for index in (2, 3))
    for index in (0, 1, 4):
        _values(fields[index], *_FIELDS[index])
    if min(days) > max(_LONGEST_MONTHS[month] for month in months):
        raise ValueError(f"{expression!r} never comes: no such month has a day {min(days)}")
    return " ".join(fields)


def shortest_gap(expression: str) -> int:
    """Give the seconds between the two nearest moments of a cron expression, whatever clocks do.

    Raises:
        ValueError: The expression is none.
    """
    fields = check_cron(expression).split()
    minutes, hours, days, months, weekdays = (
        _values(field, *about) for field, about in zip(fields, _FIELDS, strict=True)
    )
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    within = [later - earlier for earlier, later in pairwise(times)]
    every_day, every_weekday = fields[2] == "*", fields[4] == "*"
    between: list[int] = []
    last: dt.date | None = None
    day = dt.date(_YEARS_OF_LEAP_DAYS[0], 1, 1)
    while day.year < _YEARS_OF_LEAP_DAYS[1] and 1 not in between:
        of_month, of_week = day.day in days, day.isoweekday() % 7 in {weekday % 7 for weekday in weekdays}
        # As cron has it, days of the month and of the week add up where both are said.
        comes = (of_month and of_week) if every_day or every_weekday else (of_month or of_week)
        if day.month in months and comes:
            if last is not None:
                between.append((day - last).days)
            last = day
        day += dt.timedelta(days=1)
    across = [count * _MINUTES_OF_A_DAY - (times[-1] - times[0]) for count in between]
    return min(within + across) * 60


def _values(field: str, name: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    chosen: set[int] = set()
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{item!r} is nothing that the {name} of a cron expression can be")
        everything, first, last, step = match[1] == "*", match[2], match[3], match[4]
        start = low if everything else _value(first, name, low, high, names)
        stop = high if everything or (step and not last) else _value(last or first, name, low, high, names)
        if stop < start:
            raise ValueError(f"{item!r} runs backwards: list the values instead, separated by commas")
        if step and not 1 <= int(step) <= high:
            raise ValueError(f"the step of {item!r} must be from 1 to {high}")
        chosen.update(range(start, stop + 1, int(step or 1)))
    return chosen


def _value(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + low
    if text.isascii() and text.isdigit() and low <= int(text) <= high:
        return int(text)
    raise ValueError(f"{text!r} is no {name}: it goes from {low} to {high}")


def every_to_cron(span: str) -> str:
    """Give the cron expression of `15m`, `1h`, `6h`, `1d` or `1w` (midnight of Monday).

    Only spans that divide the hour or the day evenly, a day and a week have one.

    Raises:
        ValueError: The span has none; names the nearest that have.
    """
    if not re.fullmatch(r"\s*\d+(\.\d+)?\s*[a-z]+\s*", span):
        raise ValueError(f"{span!r} is no span of time with its unit: write 15m, 1h, 6h, 1d or 1w")
    seconds = parse_seconds(span)
    if not isinstance(seconds, float):
        raise TypeError(f"{span!r} did not become seconds")
    if seconds not in _SPANS:
        raise ValueError(f"{span!r} divides neither the hour nor the day evenly: write {_nearest(seconds)}")
    if seconds == _WEEK:
        return "0 0 * * 1"
    if seconds == _DAY:
        return "0 0 * * *"
    if seconds >= _HOUR:
        hours = int(seconds // _HOUR)
        return "0 * * * *" if hours == 1 else f"0 */{hours} * * *"
    minutes = int(seconds // _MINUTE)
    return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"


def _nearest(seconds: float) -> str:
    shorter = [span for span in _SPANS if span < seconds]
    longer = [span for span in _SPANS if span > seconds]
    return " or ".join(_SPANS[span] for span in (*shorter[-1:], *longer[:1]))


def without_slash_star(cron: str) -> str | None:
    """Write a cron expression without the `*/` that would end a SQL comment: as `every: …`, or with its steps as lists.

    Gives the line of YAML, or None when the text is no cron expression.
    """
    fields = cron.split()
    try:
        check_cron(cron)
    except ValueError:
        return None
    for seconds, span in _SPANS.items():
        if seconds < _DAY and every_to_cron(span).split() == fields:
            return f"every: {span}"
    spelled = [
        re.sub(r"\*/\d+", lambda step, about=about: ",".join(map(str, sorted(_values(step[0], *about)))), field)  # type: ignore[misc]
        for field, about in zip(fields, _FIELDS, strict=True)
    ]
    return f'cron: "{" ".join(spelled)}"'
