"""The windows of time that a partitioned file is run for."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cockroach_pipelines.config.errors import ConfigurationError
from cockroach_pipelines.queries.header_models import Partition, PartitionEvery


@dataclass(frozen=True)
class PartitionWindow:
    """One partition: its key, the day it begins, and its moments, the end not among them (both in UTC)."""

    key: str
    start: dt.datetime
    end: dt.datetime


def partition_window(partition: Partition, key: str) -> PartitionWindow:
    """Give the window of a key: the day it begins, as 2013-01-31; of a month also 2013-01.

    Raises:
        ConfigurationError: No partition begins on that day.
    """
    day = _day(partition, key)
    last = partition.end - dt.timedelta(days=1) if partition.end else None
    if day < partition.start or (last is not None and day > last):
        until = f" to {last}" if last else ""
        raise ConfigurationError(
            f"{key} is no partition of this file.", advice=f"Its partitions cover {partition.start}{until}."
        )
    start = _start_of_window(partition, day)
    if start != day:
        raise ConfigurationError(
            f"No {partition.every.value} of this file begins on {key}.", advice=f"The one with that day is {start}."
        )
    zone = ZoneInfo(partition.timezone)
    return PartitionWindow(start.isoformat(), _midnight(start, zone), _midnight(_next(partition, start), zone))


def earlier_window(
    partition: Partition, window: PartitionWindow, *, days: int = 0, months: int = 0
) -> PartitionWindow | None:
    """Give the window that begins so much earlier; None where there is no such partition.

    With neither days nor months it is the one before.
    """
    start = _day(partition, window.key)
    if days:
        day = start - dt.timedelta(days=days)
    elif months:
        number = start.year * 12 + start.month - 1 - months
        day = start.replace(year=number // 12, month=number % 12 + 1)
    else:
        day = _start_of_window(partition, start - dt.timedelta(days=1))
    return partition_window(partition, day.isoformat()) if day >= partition.start else None


def _day(partition: Partition, key: str) -> dt.date:
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


def _start_of_window(partition: Partition, day: dt.date) -> dt.date:
    match partition.every:
        case PartitionEvery.DAY:
            return day
        case PartitionEvery.WEEK:
            return day - dt.timedelta(days=(day - partition.start).days % 7)
        case PartitionEvery.MONTH:
            start = day.replace(day=partition.start.day)
            return (
                start
                if start <= day
                else (start.replace(day=1) - dt.timedelta(days=1)).replace(day=partition.start.day)
            )


def _next(partition: Partition, start: dt.date) -> dt.date:
    match partition.every:
        case PartitionEvery.DAY:
            return start + dt.timedelta(days=1)
        case PartitionEvery.WEEK:
            return start + dt.timedelta(days=7)
        case PartitionEvery.MONTH:
            return (start.replace(day=28) + dt.timedelta(days=4)).replace(day=start.day)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)
