"""What a header says, with types and defaults."""

from __future__ import annotations

import datetime as dt
import re
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, field_validator, model_validator
from pydantic_core import PydanticCustomError

from cockroach_pipelines.config.models import Model, Seconds
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.database.as_of import AsOf
from cockroach_pipelines.database.special import SPECIALS, Special
from cockroach_pipelines.queries.parameter_types import ParameterSpec
from cockroach_pipelines.queries.schedules import check_cron, every_to_cron

# What Dagster accepts: dagster._utils.tags, and is_valid_email and VALID_NAME_REGEX of its definitions. Said here so
# that a wrong header is an error of its file and not one that keeps the whole code location from loading.
_ASSET_CHECK_NAME = re.compile(r"[A-Za-z0-9_]+")
_ASSET_NAME = re.compile(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*")
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/|dagster/kind/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_TEAM = re.compile(r"team:[A-Za-z0-9_.-]+")
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

MOST_RETRIES = 100
PARTITION_PARAMETERS = ("partition_start", "partition_end", "partition_key")
"""Parameters whose values come from the partition of a run."""


KEYS_BELOW = "|"
"""Between the keys of a way that leads further down."""


def at_key(key: str, message: str) -> PydanticCustomError:
    """Give the error of a rule between several keys, to be shown at one of them, or at one below: `report|compare`."""
    return PydanticCustomError("at_key", "{text}", {"text": message, "key": key})


def _nonempty(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: write something, or remove the key")
    return text.strip()


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        hint = did_you_mean(name, available_timezones())
        advice = (
            hint if hint.startswith("Did") else "Names are those of the IANA database, such as UTC or Europe/Berlin."
        )
        raise ValueError(f"{name!r} is no time zone. {advice}") from error
    return name


def _check_name(name: str) -> str:
    if not _ASSET_CHECK_NAME.fullmatch(name):
        quotes = ". SQL that holds a comma needs quotes within { }." if " " in name else ""
        raise ValueError(f"{name!r} cannot name a check: use letters, digits and underscores{quotes}")
    return name


def _parameter_name(name: str) -> str:
    if name in PARTITION_PARAMETERS:
        raise ValueError(f"{name!r} comes from the partition: remove it, and declare `partition`")
    if not _PARAMETER_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a parameter: use letters, digits and underscores, a letter first")
    return name


def _tag_key(key: str) -> str:
    if not _TAG_KEY.fullmatch(key):
        raise ValueError(f"{key!r} cannot be a tag: use at most 63 letters, digits, `_`, `-` and `.`")
    return key


def _tag_value(value: str) -> str:
    if not _TAG_VALUE.fullmatch(value):
        raise ValueError(f"{value!r} cannot be the value of a tag: use at most 63 letters, digits, `_`, `-` and `.`")
    return value


def _owner(owner: str) -> str:
    if not (_EMAIL.fullmatch(owner) or _TEAM.fullmatch(owner)):
        raise ValueError(f"{owner!r} is no owner: write an e-mail address, or team:name")
    return owner


def _asset_name(name: str) -> str:
    if not _ASSET_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no asset: write its path, such as reporting/finance/daily_revenue")
    return name


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_mapping_with(key: str) -> BeforeValidator:
    def wrap(value: object) -> object:
        return {key: value} if isinstance(value, str) else value

    return BeforeValidator(wrap)


def _strict_date(value: object) -> object:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return dt.date.fromisoformat(value)
    raise ValueError(f"{str(value)!r} is no date such as 2013-01-31")


def _no_boolean(value: object) -> object:
    if isinstance(value, bool) and value in (True, False):
        raise ValueError(f"{str(value).lower()!r} is no span of time: write a number of seconds, or 20s, 5m, 2h")
    return value


def _retries(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_RETRIES:
        raise ValueError(f"{value!r} is no number of retries: write 0 for none, or up to {MOST_RETRIES}")
    return value


def _moment(value: object) -> AsOf:
    if isinstance(value, AsOf):
        return value
    return AsOf.parse(value.isoformat() if isinstance(value, dt.datetime) else str(value))


def _yes_or_no(value: object) -> object:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is neither true nor false")


def _special(value: object) -> object:
    word = "null" if value is None else value  # YAML reads the word as nothing
    if word not in SPECIALS:
        raise ValueError(f"{str(value)!r} is none of {', '.join(SPECIALS)}. {did_you_mean(str(value), SPECIALS)}")
    return word


def _with_names(params: dict[str, ParameterSpec]) -> dict[str, ParameterSpec]:
    return {name: spec.named(name) for name, spec in params.items()}


Text = Annotated[str, AfterValidator(_nonempty)]
Timezone = Annotated[str, AfterValidator(_known_timezone)]
Date = Annotated[dt.date, BeforeValidator(_strict_date)]
Timeout = Annotated[Seconds, BeforeValidator(_no_boolean)]
SpecialValues = Annotated[Special, BeforeValidator(_special)]
Retries = Annotated[int, BeforeValidator(_retries)]
Moment = Annotated[AsOf, BeforeValidator(_moment), PlainSerializer(str)]
YesOrNo = Annotated[bool, BeforeValidator(_yes_or_no)]
Owners = Annotated[tuple[Annotated[str, AfterValidator(_owner)], ...], BeforeValidator(_as_list)]
AssetNames = Annotated[tuple[Annotated[str, AfterValidator(_asset_name)], ...], BeforeValidator(_as_list)]
Tags = dict[Annotated[str, AfterValidator(_tag_key)], Annotated[str, AfterValidator(_tag_value)]]
ParameterName = Annotated[str, AfterValidator(_parameter_name)]
Parameters = Annotated[
    dict[ParameterName, Annotated[ParameterSpec, _as_mapping_with("type")]], AfterValidator(_with_names)
]
Identifiers = dict[ParameterName, tuple[Text, ...]]


class Severity(StrEnum):
    """How bad a failed check is."""

    WARN = "warn"
    ERROR = "error"


class PartitionEvery(StrEnum):
    """How long a partition is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Partition(Model):
    """The windows of time that an asset is made of.

    `start` is the day of the first window (`from` in the file), `end` the day after the last (`to`, none when it goes
    on). Weeks begin on the weekday of `start`, months on its day.
    """

    every: PartitionEvery
    start: Date = Field(alias="from")
    end: Date | None = Field(None, alias="to")
    timezone: Timezone = "UTC"

    @property
    def day_offset(self) -> int:
        """On which day windows begin: of the week (0 is Sunday), of the month (from 1); 0 for days."""
        match self.every:
            case PartitionEvery.WEEK:
                return self.start.isoweekday() % 7
            case PartitionEvery.MONTH:
                return self.start.day
            case PartitionEvery.DAY:
                return 0

    @model_validator(mode="after")
    def _whole_windows(self) -> Self:
        if self.every is PartitionEvery.MONTH and self.start.day > 28:
            raise at_key("from", f"not every month has a day {self.start.day}: begin on one of the first 28")
        if self.end is None:
            return self
        if self.end <= self.start:
            raise at_key("to", f"{self.end} is not after {self.start}: `to` is the day after the last partition")
        if self.every is PartitionEvery.WEEK and (excess := (self.end - self.start).days % 7):
            whole = self.end - dt.timedelta(days=excess)
            following = whole + dt.timedelta(days=7)
            raise at_key("to", f"{self.end} cuts a week: those from {self.start} on end on {whole} or {following}")
        if self.every is PartitionEvery.MONTH and self.end.day != self.start.day:
            raise at_key("to", f"{self.end} cuts a month: it must be day {self.start.day} of a month, as `from` is")
        return self


class Check(Model):
    """A query that returns the rows that are wrong; `result` in it is the asset's own result."""

    sql: Text
    severity: Severity = Severity.ERROR
    blocking: YesOrNo = False
    description: str = ""


Checks = dict[Annotated[str, AfterValidator(_check_name)], Annotated[Check, _as_mapping_with("sql")]]


class Header(Model):
    """What the author says of a SQL file.

    `owners` is `owner` in the file. `cron` and `every` exclude each other; `cron_schedule` is what either means.
    `autocommit` is for maintenance that refuses a transaction, `idempotent` for maintenance that may be run again
    although it may have been committed, `as_of` for what reads; `special` is what becomes of values that Arrow cannot
    hold, such as infinity.
    """

    description: Text | None = None
    owners: Owners = Field((), alias="owner")
    tags: Tags = Field(default_factory=dict)
    connection: Text = "main"
    cron: Annotated[str, AfterValidator(check_cron)] | None = None
    every: str | None = None
    timezone: Timezone | None = None
    partition: Partition | None = None
    params: Parameters = Field(default_factory=dict)
    checks: Checks = Field(default_factory=dict)
    timeout: Timeout | None = None
    retries: Retries | None = None
    idempotent: YesOrNo = False
    as_of: Moment | None = None
    depends_on: AssetNames = ()
    autocommit: YesOrNo = False
    special: SpecialValues = "error"

    @property
    def cron_schedule(self) -> str | None:
        """When the asset runs by itself, as a cron expression."""
        return every_to_cron(self.every) if self.every is not None else self.cron

    @property
    def effective_timezone(self) -> str:
        """The zone of schedule, session and dates: the file's own, else that of its partitions, else UTC."""
        return self.timezone or (self.partition.timezone if self.partition else "UTC")

    @field_validator("every")
    @classmethod
    def _possible_span(cls, value: str | None) -> str | None:
        if value is not None:
            every_to_cron(value)
        return value

    @model_validator(mode="before")
    @classmethod
    def _partition_in_the_zone_of_the_file(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        partition, timezone = values.get("partition"), values.get("timezone")
        if isinstance(partition, dict) and "timezone" not in partition and isinstance(timezone, str):
            try:
                return {**values, "partition": {**partition, "timezone": _known_timezone(timezone)}}
            except ValueError:
                return values  # the key `timezone` itself reports it
        return values

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.cron is not None and self.every is not None:
            raise at_key("every", "`cron` and `every` exclude each other: keep one of them")
        return self


class TemplateHeader(Model):
    """What the author says of a template: its parameters, and which names each identifier may take."""

    description: Text | None = None
    owners: Owners = Field((), alias="owner")
    connection: Text = "main"
    params: Parameters = Field(default_factory=dict)
    identifiers: Identifiers = Field(default_factory=dict)
    timeout: Timeout | None = None
    special: SpecialValues = "error"
    retries: Retries | None = None
    as_of: Moment | None = None
