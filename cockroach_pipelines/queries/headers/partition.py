"""What a header says of the partitions that its file is run for."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, RootModel, model_validator

from cockroach_pipelines.config.durations import parse_seconds
from cockroach_pipelines.config.models import Model, Seconds
from cockroach_pipelines.queries.headers.values import Date, Text, Timezone, at_key, known_timezone

PARTITION_PARAMETERS = ("partition_start", "partition_end", "partition_key")
"""Parameters whose values come from the partition of a run."""

MOST_KEYS = 100_000
"""As many partitions as Dagster wants an asset to have at most."""

_LONGEST_KEY = 200  # bytes: with its ending it still is the name of a file
_DIMENSION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIMES = ("every", "from", "to")
_FIRST_YEAR, _LAST_YEAR = 1900, 9000  # Dagster counts windows in every zone before and after its bounds
_LAST_KNOWN_YEAR = 2037


class PartitionEvery(StrEnum):
    """How long a partition is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Backfill(StrEnum):
    """How several partitions are run: by one statement, by one each in one run, or by a run each."""

    ONE_STATEMENT = "one_statement"
    ONE_RUN = "one_run"
    PER_PARTITION = "per_partition"


class Gone(StrEnum):
    """What becomes of a key that a query gives no more."""

    KEEP = "keep"
    REMOVE = "remove"


def key_problem(key: str, *, paired: bool = False) -> str | None:
    """Say why a text cannot be the key of a partition, None when it can: it names a file, and Dagster has rules of its own.

    Args:
        key: The text.
        paired: Whether it is to be joined with the key of another dimension.
    """
    if not key or key != key.strip():
        return "is empty, or begins or ends with a blank"
    if len(key.encode()) > _LONGEST_KEY:
        return f"is longer than {_LONGEST_KEY} bytes"
    if not key.isprintable():
        return "holds a character that cannot be shown"
    if "/" in key or key in (".", ".."):
        return "cannot be the name of a file"
    if "..." in key:
        return "holds `...`, which is between the ends of a range"
    if paired and (found := next((each for each in "|,[]" if each in key), None)):
        return f"holds `{found}`, which a key of two dimensions may not"
    return None


def _key(key: str) -> str:
    if problem := key_problem(key):
        raise ValueError(f"{key!r} {problem}. Write another key.")
    return key


def _different(keys: tuple[str, ...]) -> tuple[str, ...]:
    if not keys:
        raise ValueError("is empty: write at least one key")
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise ValueError(f"{twice!r} stands in it twice. Remove one of them.")
    return keys


def _offset(value: object) -> object:
    seconds = parse_seconds(value) if isinstance(value, str) and re.search(r"[a-z]", value) else None
    if value == 0:
        return 0
    if not isinstance(seconds, float) or seconds % 60:
        raise ValueError(f"{str(value)!r} is no time of whole minutes after midnight: write 6h, 90m or 6.5h")
    return int(seconds // 60)


def _seldom(seconds: float) -> float:
    if seconds < 10:
        raise ValueError("the database is asked at most every 10s")
    return seconds


class TimePartition(Model):
    """Windows of time.

    `start` is the day of the first window (`from` in the file), `end` the day after the last (`to`, none when it goes
    on). Weeks begin on the weekday of `start`, months on its day. `offset` is the minute of the day, or of the hour, that
    windows begin at. `column` is the column of the result that says which window a row is of.
    """

    every: PartitionEvery
    start: Date = Field(alias="from")
    end: Date | None = Field(None, alias="to")
    timezone: Timezone = "UTC"
    offset: Annotated[int, BeforeValidator(_offset)] = 0
    column: Text | None = None

    @property
    def time(self) -> TimePartition | None:
        """The windows of time among its dimensions: itself."""
        return self

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that it binds."""
        return PARTITION_PARAMETERS

    @property
    def described(self) -> str:
        """What it is, in a word."""
        return self.every.value

    @property
    def day_offset(self) -> int:
        """On which day windows begin: of the week (0 is Sunday), of the month (from 1); 0 for days and hours."""
        match self.every:
            case PartitionEvery.WEEK:
                return self.start.isoweekday() % 7
            case PartitionEvery.MONTH:
                return self.start.day
            case PartitionEvery.DAY | PartitionEvery.HOUR:
                return 0

    @model_validator(mode="after")
    def _whole_windows(self) -> Self:
        if self.every is PartitionEvery.MONTH and self.start.day > 28:
            raise at_key("from", f"not every month has a day {self.start.day}: begin on one of the first 28")
        if self.start.year < _FIRST_YEAR:
            raise at_key("from", f"{self.start} is before {_FIRST_YEAR}: windows of time begin then at the earliest")
        if self.end is None:
            return self
        if self.end <= self.start:
            raise at_key("to", f"{self.end} is not after {self.start}: `to` is the day after the last partition")
        if self.end.year > _LAST_YEAR:
            raise at_key("to", f"{self.end} is after {_LAST_YEAR}: leave `to` out of windows that go on")
        if self.every is PartitionEvery.WEEK and (excess := (self.end - self.start).days % 7):
            whole = self.end - dt.timedelta(days=excess)
            following = whole + dt.timedelta(days=7)
            raise at_key("to", f"{self.end} cuts a week: those from {self.start} on end on {whole} or {following}")
        if self.every is PartitionEvery.MONTH and self.end.day != self.start.day:
            raise at_key("to", f"{self.end} cuts a month: it must be day {self.start.day} of a month, as `from` is")
        return self

    @model_validator(mode="after")
    def _within_its_window(self) -> Self:
        hours = 1 if self.every is PartitionEvery.HOUR else 24
        if self.offset >= hours * 60:
            what = "an hour" if hours == 1 else "a day"
            raise at_key("offset", f"windows begin within {what}: write less than {hours}h")
        return self

    @model_validator(mode="after")
    def _hours_of_one_zone(self) -> Self:
        if self.every is PartitionEvery.HOUR and not _full_hours_stay_full(self.timezone, self.start.year):
            raise at_key(
                "every", f"the clocks of {self.timezone} change by less than an hour: write timezone: UTC beside it"
            )
        return self


class KeysPartition(Model):
    """A list of keys."""

    keys: Annotated[tuple[Annotated[str, AfterValidator(_key)], ...], AfterValidator(_different)]

    @property
    def time(self) -> TimePartition | None:
        """The windows of time among its dimensions: none."""
        return None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that it binds."""
        return ("partition_key",)

    @property
    def described(self) -> str:
        """What it is, in a word."""
        return "keys"


class QueryPartition(Model):
    """Keys that a query of one column gives, asked for every so many seconds."""

    query: Text
    every: Annotated[Seconds, AfterValidator(_seldom)] = 300
    gone: Gone = Gone.KEEP

    @property
    def time(self) -> TimePartition | None:
        """The windows of time among its dimensions: none."""
        return None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that it binds."""
        return ("partition_key",)

    @property
    def described(self) -> str:
        """What it is, in a word."""
        return "query"


OneDimension: TypeAlias = TimePartition | KeysPartition | QueryPartition


def _one_dimension(value: object) -> object:
    if isinstance(value, OneDimension):
        return value
    if isinstance(value, list):
        return KeysPartition.model_validate({"keys": value})
    given = value.keys() if isinstance(value, dict) else ()
    if not set(given).isdisjoint(_TIMES) and "query" not in given:
        return TimePartition.model_validate(value)
    model: type[Model] = QueryPartition if "query" in given else KeysPartition if "keys" in given else TimePartition
    return model.model_validate(value)


def _dimension_name(name: str) -> str:
    if not _DIMENSION.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a dimension: use letters, digits and underscores, a letter first")
    return name


class TwoDimensions(
    RootModel[
        dict[
            Annotated[str, AfterValidator(_dimension_name)],
            Annotated[OneDimension, BeforeValidator(_one_dimension)],
        ]
    ]
):
    """Windows of time, and in each of them keys; both by a name of the author's."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @property
    def time_name(self) -> str:
        """The name of the windows of time."""
        return next(name for name, each in self.root.items() if isinstance(each, TimePartition))

    @property
    def keys_name(self) -> str:
        """The name of the keys."""
        return next(name for name, each in self.root.items() if not isinstance(each, TimePartition))

    @property
    def names(self) -> tuple[str, ...]:
        """The names as Dagster orders them, and with them the parts of a key."""
        return tuple(sorted(self.root))

    @property
    def time(self) -> TimePartition | None:
        """The windows of time among its dimensions."""
        return self.root[self.time_name].time

    @property
    def members(self) -> KeysPartition | QueryPartition:
        """The keys among its dimensions."""
        member = self.root[self.keys_name]
        assert not isinstance(member, TimePartition)  # noqa: S101 - for the type checker
        return member

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that they bind; `partition_key` is of the keys."""
        return PARTITION_PARAMETERS

    @property
    def described(self) -> str:
        """What they are, in two words."""
        return f"{self.root[self.time_name].described} x {self.keys_name}"

    @model_validator(mode="after")
    def _time_and_keys(self) -> Self:
        times = [name for name, each in self.root.items() if isinstance(each, TimePartition)]
        if len(self.root) != 2 or len(times) != 1:
            raise ValueError(
                "two dimensions are one of time and one of keys. "
                "Write {time: {every: day, from: 2013-01-01}, region: {keys: [eu, us]}}."
            )
        if isinstance(self.members, KeysPartition):
            for key in self.members.keys:
                if problem := key_problem(key, paired=True):
                    raise at_key(self.keys_name, f"{key!r} {problem}. Write another key.")
        return self


Partition: TypeAlias = OneDimension | TwoDimensions
"""Any of the forms that a header's `partition` may have."""


def _any_form(value: object) -> object:
    if isinstance(value, Partition):
        return value
    if isinstance(value, dict) and _is_of_two(value):
        return TwoDimensions.model_validate(value)
    return _one_dimension(value)


AnyPartition = Annotated[Partition, BeforeValidator(_any_form)]


def _is_of_two(value: Mapping[Any, object]) -> bool:
    return any(isinstance(each, dict) for each in value.values())


def in_zone(partition: object, zone: object) -> object:
    """Give a partition as it stands in a header, its time in the zone of the file where it names none of its own."""
    if not isinstance(partition, dict) or not isinstance(zone, str):
        return partition
    try:
        known_timezone(zone)
    except ValueError:
        return partition  # the key `timezone` itself reports it
    if _is_of_two(partition):
        return {name: in_zone(each, zone) if _is_time(each) else each for name, each in partition.items()}
    return {"timezone": zone, **partition} if _is_time(partition) else partition


def _is_time(value: object) -> bool:
    return isinstance(value, dict) and "query" not in value and not value.keys().isdisjoint(_TIMES)


def _full_hours_stay_full(zone: str, year: int) -> bool:
    """Whether a zone's clocks differ from UTC by the same minutes past the hour all the time."""
    moments = [
        dt.datetime(each, month, 1, tzinfo=ZoneInfo(zone))
        for each in range(year, _LAST_KNOWN_YEAR + 1)
        for month in (1, 7)
    ]
    return len({offset % dt.timedelta(hours=1) for each in moments if (offset := each.utcoffset()) is not None}) <= 1
