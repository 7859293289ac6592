"""What a header says, with types and defaults."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from cockroach_pipelines.config.models import Model
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.database.as_of import AsOf
from cockroach_pipelines.database.special import SPECIALS, Special
from cockroach_pipelines.queries.headers.automation import Fresh, PartitionMappings, Triggers
from cockroach_pipelines.queries.headers.checks import Checks
from cockroach_pipelines.queries.headers.parameter_types import ParameterSpec
from cockroach_pipelines.queries.headers.partition import PARTITION_PARAMETERS, AnyPartition, Backfill, in_zone
from cockroach_pipelines.queries.headers.schedules import check_cron, every_to_cron
from cockroach_pipelines.queries.headers.values import (
    AssetNames,
    Text,
    Timeout,
    Timezone,
    YesOrNo,
    as_list,
    as_mapping_with,
    at_key,
)
from cockroach_pipelines.queries.headers.watch import Watch

# What Dagster accepts: dagster._utils.tags, and is_valid_email and VALID_NAME_REGEX of its definitions. Said here so
# that a wrong header is an error of its file and not one that keeps the whole code location from loading.
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/|dagster/kind/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_TEAM = re.compile(r"team:[A-Za-z0-9_.-]+")
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

MOST_RETRIES = 100


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


def _retries(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_RETRIES:
        raise ValueError(f"{value!r} is no number of retries: write 0 for none, or up to {MOST_RETRIES}")
    return value


def _moment(value: object) -> AsOf:
    if isinstance(value, AsOf):
        return value
    return AsOf.parse(value.isoformat() if isinstance(value, dt.datetime) else str(value))


def _special(value: object) -> object:
    word = "null" if value is None else value  # YAML reads the word as nothing
    if word not in SPECIALS:
        raise ValueError(f"{str(value)!r} is none of {', '.join(SPECIALS)}. {did_you_mean(str(value), SPECIALS)}")
    return word


def _with_names(params: dict[str, ParameterSpec]) -> dict[str, ParameterSpec]:
    return {name: spec.named(name) for name, spec in params.items()}


SpecialValues = Annotated[Special, BeforeValidator(_special)]
Retries = Annotated[int, BeforeValidator(_retries)]
Moment = Annotated[AsOf, BeforeValidator(_moment), PlainSerializer(str)]
Owners = Annotated[tuple[Annotated[str, AfterValidator(_owner)], ...], BeforeValidator(as_list)]
Tags = dict[Annotated[str, AfterValidator(_tag_key)], Annotated[str, AfterValidator(_tag_value)]]
ParameterName = Annotated[str, AfterValidator(_parameter_name)]
Parameters = Annotated[
    dict[ParameterName, Annotated[ParameterSpec, as_mapping_with("type")]], AfterValidator(_with_names)
]
Identifiers = dict[ParameterName, tuple[Text, ...]]


class Header(Model):
    """What the author says of a SQL file.

    `owners` is `owner` in the file. `cron` and `every` exclude each other; `cron_schedule` is what either means. `after`
    names assets whose updates make it run, `on` what else does.
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
    partition: AnyPartition | None = None
    backfill: Backfill | None = None
    partition_mapping: PartitionMappings = Field(default_factory=dict)
    after: AssetNames = ()
    on: Triggers = ()
    fresh: Fresh | None = None
    watch: Annotated[Watch, as_mapping_with("query")] | None = None
    params: Parameters = Field(default_factory=dict)
    checks: Checks = Checks()
    timeout: Timeout | None = None
    retries: Retries | None = None
    idempotent: YesOrNo = False
    as_of: Moment | None = None
    depends_on: AssetNames = ()
    autocommit: YesOrNo = False
    special: SpecialValues = "error"

    @property
    def provided_parameters(self) -> tuple[str, ...]:
        """Parameters whose values come from the run itself, beside those of its partition."""
        return ()

    @property
    def cron_schedule(self) -> str | None:
        """When the asset runs by itself, as a cron expression."""
        return every_to_cron(self.every) if self.every is not None else self.cron

    @property
    def effective_timezone(self) -> str:
        """The zone of schedule, session and dates: the file's own, else that of its partitions, else UTC."""
        time = self.partition.time if self.partition else None
        return self.timezone or (time.timezone if time else "UTC")

    @field_validator("every")
    @classmethod
    def _possible_span(cls, value: str | None) -> str | None:
        if value is not None:
            every_to_cron(value)
        return value

    @model_validator(mode="before")
    @classmethod
    def _partition_in_the_zone_of_the_file(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "partition" not in values:
            return values
        return {**values, "partition": in_zone(values["partition"], values.get("timezone"))}

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
