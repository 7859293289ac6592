"""The partitions that a file is run for: their keys, and the windows of time that some of them are."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from cockroach_pipelines.config.errors import ConfigurationError
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.headers.partition import (
    KeysPartition,
    Partition,
    PartitionEvery,
    QueryPartition,
    TimePartition,
    TwoDimensions,
    key_problem,
)

_HOUR = dt.timedelta(hours=1)
_HOUR_KEY = "%Y-%m-%d-%H:%M"
# Dagster looks for changes of the clocks in these hours of a day, and takes times that are shown twice there for their
# second moment. Both have to agree on where a window begins.
_HOURS_OF_CHANGES = range(1, 4)
_DELIMITER = "|"
_LONGEST_NAME = 200


@dataclass(frozen=True)
class PartitionWindow:
    """One partition.

    Attributes:
        key: What it is called.
        start: The moment its window of time begins, in UTC; None where it has none.
        end: The moment it ends, which is not in it.
        time_key: The key of the window alone.
        member: The key of the other dimension, of two.
    """

    key: str
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    time_key: str | None = None
    member: str | None = None

    @property
    def values(self) -> dict[str, object]:
        """What the parameters of a partition are bound to."""
        given: dict[str, object] = {"partition_key": self.key if self.member is None else self.member}
        if self.start is not None and self.end is not None:
            given |= {"partition_start": self.start, "partition_end": self.end}
        return given

    def through(self, last: PartitionWindow) -> PartitionWindow:
        """Give one window from the beginning of this one to the end of another, as if it were a partition."""
        return replace(self, key=self.key if self is last else f"{self.key}...{last.key}", end=last.end)


def partition_window(partition: Partition, key: str) -> PartitionWindow:
    """Give the partition of a key.

    The key of a window of time is the day it begins, as 2013-01-31, of a month also 2013-01; of an hour 2013-01-31-05:00,
    and the second one of an hour that clocks show twice has its difference from UTC, as 2013-11-03-01:00-0500. Two
    dimensions have both keys with `|` between them, in the order of the dimensions' names; the other order is understood.

    Raises:
        ConfigurationError: There is no such partition.
    """
    match partition:
        case TimePartition():
            return _window(partition, key)
        case TwoDimensions():
            return _pair(partition, key)
        case _:
            return PartitionWindow(_member(partition, key))


def earlier_window(
    partition: Partition, window: PartitionWindow, *, days: int = 0, months: int = 0
) -> PartitionWindow | None:
    """Give the partition whose window of time begins so much earlier, by the clocks of its zone, of the same member.

    With neither days nor months it is the one before. None where there is no such partition: before the first, at an
    hour that the clocks skipped, or where partitions are no windows of time.
    """
    time, key = partition.time, window.time_key
    if time is None or key is None:
        return None
    hours = time.every is PartitionEvery.HOUR
    earlier = _earlier_hour(time, key, days) if hours else _earlier_day(time, key, days, months)
    if earlier is None or not isinstance(partition, TwoDimensions):
        return earlier
    return _with_member(partition, earlier, window.member)


def example_key(partition: Partition) -> str:
    """Give a key of a partition as somebody could write it."""
    match partition:
        case TimePartition(every=PartitionEvery.HOUR):
            return f"{partition.start}-00:{partition.offset:02}"
        case TimePartition():
            return partition.start.isoformat()
        case TwoDimensions():
            return f"'{_DELIMITER.join(example_key(partition.root[name]) for name in partition.names)}'"
        case KeysPartition():
            return partition.keys[0]
        case QueryPartition():
            return "KEY"


def contiguous(windows: Sequence[PartitionWindow]) -> Iterator[list[PartitionWindow]]:
    """Give partitions in groups that follow each other without a gap, of one member each."""
    members = dict.fromkeys(window.member for window in windows)
    for member in members:
        group: list[PartitionWindow] = []
        for window in windows:
            if window.member != member:
                continue
            if group and (window.start is None or group[-1].end != window.start):
                yield group
                group = []
            group.append(window)
        if group:
            yield group


def name_of_keys(partition: QueryPartition, connection: str) -> str:
    """Give what the keys of a query are known by: every file that asks the same on the same connection shares them."""
    query = " ".join(partition.query.split()).removesuffix(";")
    name = f"{connection}: {query}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}… {hashlib.sha256(name.encode()).hexdigest()[:8]}"


def first_moment(partition: TimePartition, day: dt.date) -> dt.datetime:
    """Give the moment, in UTC, at which windows begin on a day of their zone.

    A time of day that the clocks skip is the moment they go on; of one that they show twice it is the second moment from
    one to four o'clock, else the first.
    """
    zone = ZoneInfo(partition.timezone)
    local = dt.datetime.combine(day, dt.time(*divmod(partition.offset, 60)), zone)
    if local.hour in _HOURS_OF_CHANGES:
        if _exists(local):
            local = local.replace(fold=1)
        else:
            before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
            assert before is not None and after is not None  # noqa: S101 - for the type checker
            local = local.replace(minute=0) + (after - before)
    return local.astimezone(dt.UTC)


def _exists(local: dt.datetime) -> bool:
    back = local.astimezone(dt.UTC).astimezone(local.tzinfo)
    return back.replace(tzinfo=None) == local.replace(tzinfo=None)


def _member(partition: KeysPartition | QueryPartition, key: str, *, paired: bool = False) -> str:
    if isinstance(partition, KeysPartition) and key not in partition.keys:
        raise ConfigurationError(f"{key!r} is no partition of this file.", advice=did_you_mean(key, partition.keys))
    if problem := key_problem(key, paired=paired):
        raise ConfigurationError(f"{key!r} is no key of a partition: it {problem}.")
    return key


def _pair(partition: TwoDimensions, key: str) -> PartitionWindow:
    parts = key.split(_DELIMITER)
    if len(parts) != len(partition.names):
        raise ConfigurationError(
            f"{key!r} is no key of a partition.",
            advice=f"Write the keys of {' and '.join(partition.names)} with | between them.",
        )
    given = dict(zip(partition.names, parts, strict=True))
    if not _looks_like_time(given[partition.time_name]) and _looks_like_time(given[partition.keys_name]):
        given = dict(zip(partition.names, reversed(parts), strict=True))
    member = _member(partition.members, given[partition.keys_name], paired=True)
    assert partition.time is not None  # noqa: S101 - for the type checker
    window = _window(partition.time, given[partition.time_name])
    return _with_member(partition, window, member)


def _with_member(partition: TwoDimensions, window: PartitionWindow, member: str | None) -> PartitionWindow:
    keys = {partition.time_name: window.key, partition.keys_name: member or ""}
    return replace(window, key=_DELIMITER.join(keys[name] for name in partition.names), member=member)


def _looks_like_time(key: str) -> bool:
    return re.match(r"\d{4}-\d{2}", key) is not None


def _window(partition: TimePartition, key: str) -> PartitionWindow:
    if partition.every is PartitionEvery.HOUR:
        return _hour(partition, key)
    day = _day(partition, key)
    last = partition.end - dt.timedelta(days=1) if partition.end else None
    if day < partition.start or (last is not None and day > last):
        raise _no_partition(partition, key)
    start = _start_of_window(partition, day)
    if start != day:
        raise ConfigurationError(
            f"No {partition.every.value} of this file begins on {key}.", advice=f"The one with that day is {start}."
        )
    begin, end = first_moment(partition, start), first_moment(partition, _next(partition, start))
    return PartitionWindow(start.isoformat(), begin, end, start.isoformat())


def _no_partition(partition: TimePartition, key: str) -> ConfigurationError:
    until = f" to {partition.end - dt.timedelta(days=1)}" if partition.end else ""
    return ConfigurationError(
        f"{key} is no partition of this file.", advice=f"Its partitions cover {partition.start}{until}."
    )


def _hour(partition: TimePartition, key: str) -> PartitionWindow:
    zone = ZoneInfo(partition.timezone)
    text = key.replace("T", "-")
    try:
        read = dt.datetime.strptime(text, _HOUR_KEY).replace(tzinfo=zone)
    except ValueError:
        try:
            read = dt.datetime.strptime(text, f"{_HOUR_KEY}%z")
        except ValueError as error:
            raise ConfigurationError(
                f"{key!r} is no key of a partition.",
                advice=f"Write the hour it begins, such as {partition.start}-00:{partition.offset:02}.",
            ) from error
    start = read.astimezone(dt.UTC)
    local = start.astimezone(zone)
    if local.replace(tzinfo=None) != read.replace(tzinfo=None):
        raise ConfigurationError(
            f"{key} is no partition of this file: the clocks of {partition.timezone} do not show it.",
            advice=f"That moment is {_hour_key(local)} there.",
        )
    if (start - first_moment(partition, partition.start)) % _HOUR:
        raise ConfigurationError(
            f"No hour of this file begins at {key}.",
            advice=f"The one with that moment is {_hour_key(local.replace(minute=0))[:-2]}{partition.offset:02}.",
        )
    after = partition.end is not None and start >= first_moment(partition, partition.end)
    if after or start < first_moment(partition, partition.start):
        raise _no_partition(partition, key)
    return PartitionWindow(_hour_key(local), start, start + _HOUR, _hour_key(local))


def _earlier_hour(partition: TimePartition, key: str, days: int) -> PartitionWindow | None:
    start = _hour(partition, key).start
    assert start is not None  # noqa: S101 - for the type checker
    zone, first = ZoneInfo(partition.timezone), first_moment(partition, partition.start)
    if days > (start - first).days + 1:
        return None
    local = (start.astimezone(zone) - dt.timedelta(days=days)).replace(fold=0)
    if days and not _exists(local):
        return None
    earlier = local.astimezone(dt.UTC) if days else start - _HOUR
    return _hour(partition, _hour_key(earlier.astimezone(zone))) if earlier >= first else None


def _earlier_day(partition: TimePartition, key: str, days: int, months: int) -> PartitionWindow | None:
    start, first = _day(partition, key), partition.start
    if days > (start - first).days or months > (start.year - first.year) * 12 + start.month - first.month:
        return None
    if days:
        day = start - dt.timedelta(days=days)
    elif months:
        number = start.year * 12 + start.month - 1 - months
        day = start.replace(year=number // 12, month=number % 12 + 1)
    else:
        day = _start_of_window(partition, start - dt.timedelta(days=1))
    return _window(partition, day.isoformat()) if day >= first else None


def _hour_key(local: dt.datetime) -> str:
    second = local.fold and local.utcoffset() != local.replace(fold=0).utcoffset()
    return local.strftime(f"{_HOUR_KEY}%z" if second else _HOUR_KEY)


def _day(partition: TimePartition, key: str) -> dt.date:
    text = (
        f"{key}-{partition.start.day:02}"
        if partition.every is PartitionEvery.MONTH and re.fullmatch(r"\d{4}-\d{2}", key)
        else key
    )
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{key!r} is no key of a partition.", advice=f"Write the day it begins, such as {partition.start}."
        ) from error


def _start_of_window(partition: TimePartition, day: dt.date) -> dt.date:
    match partition.every:
        case PartitionEvery.WEEK:
            return day - dt.timedelta(days=(day - partition.start).days % 7)
        case PartitionEvery.MONTH:
            start = day.replace(day=partition.start.day)
            return (
                start
                if start <= day
                else (start.replace(day=1) - dt.timedelta(days=1)).replace(day=partition.start.day)
            )
        case _:
            return day


def _next(partition: TimePartition, start: dt.date) -> dt.date:
    match partition.every:
        case PartitionEvery.WEEK:
            return start + dt.timedelta(days=7)
        case PartitionEvery.MONTH:
            return (start.replace(day=28) + dt.timedelta(days=4)).replace(day=start.day)
        case _:
            return start + dt.timedelta(days=1)
