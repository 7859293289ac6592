"""What a header says of what makes its file run, beside a schedule, and of how fresh its result has to be."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from cockroach_pipelines.config.models import Model, Seconds
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.headers.schedules import check_cron, shortest_gap
from cockroach_pipelines.queries.headers.values import AssetName, Timezone, as_list, at_key

_SHORTEST = 60
_YESTERDAY = "yesterday"


class Trigger(StrEnum):
    """What makes a file run: a change of its statement or header, or a key of its partitions that was not there before."""

    CODE_CHANGE = "code_change"
    NEW_KEY = "new_key"


class MappingKind(StrEnum):
    """Which partitions of another file a partition comes after: the one of its key, those of its time, …."""

    IDENTITY = "identity"
    TIME_WINDOW = "time_window"
    LAST = "last"
    ALL = "all"


def _whole(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{str(value)!r} is no whole number such as -1")  # noqa: TRY004 - pydantic's rule
    return value


Triggers = Annotated[tuple[Trigger, ...], BeforeValidator(as_list)]
Whole = Annotated[int, BeforeValidator(_whole)]


class PartitionMapping(Model):
    """Which partitions of another file a partition of this one comes after.

    Of windows of time, `first` and `last` are how many windows later than its own they begin and end; `offset` is both.
    """

    kind: MappingKind = MappingKind.TIME_WINDOW
    offset: Whole | None = None
    first: Whole = 0
    last: Whole = 0

    @property
    def start_offset(self) -> int:
        """How many windows later the first one is."""
        return self.first if self.offset is None else self.offset

    @property
    def end_offset(self) -> int:
        """How many windows later the last one is."""
        return self.last if self.offset is None else self.offset

    @model_validator(mode="after")
    def _one_stretch(self) -> Self:
        if self.offset is not None and self.model_fields_set & {"first", "last"}:
            raise at_key("offset", "is both `first` and `last`: keep it, or them")
        if self.first > self.last:
            raise at_key("first", f"{self.first} is after `last`, which is {self.last}")
        if self.kind is not MappingKind.TIME_WINDOW and self.model_fields_set - {"kind"}:
            raise at_key("kind", f"{self.kind} takes no offsets")
        return self


def _word(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value == _YESTERDAY:
        return {"offset": -1}
    words = (*MappingKind, _YESTERDAY)
    if value not in words:
        hint = did_you_mean(value, words)
        forms = f"{', '.join(words)}, {{offset: -1}} or {{first: -6, last: 0}}"
        raise ValueError(f"{value!r} is no mapping. {hint if hint.startswith('Did') else f'Write {forms}.'}")
    return {"kind": value}


PartitionMappings = dict[AssetName, Annotated[PartitionMapping, BeforeValidator(_word)]]


def _whole_minute_at_least(seconds: float) -> float:
    if seconds < _SHORTEST:
        raise ValueError("freshness is looked at every minute: write 1m or more")
    return seconds


_Span = Annotated[Seconds, AfterValidator(_whole_minute_at_least)]


class Freshness(Model):
    """How fresh the result has to be.

    Without `by` it is stale once it was made longer ago than `within`, and suspicious after `warn`. With `by` it has to be
    made within `within` before each moment of that cron expression; since the moment before when silent. All in seconds.
    """

    within: _Span | None = None
    warn: _Span | None = None
    by: Annotated[str, AfterValidator(check_cron)] | None = None
    timezone: Timezone | None = None

    @property
    def before_deadline(self) -> float:
        """How long before a deadline it may have been made, in seconds."""
        return self.within or (shortest_gap(self.by) if self.by else 0)

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.within is None and self.by is None:
            raise ValueError('says no time. Write {within: 2h}, or {by: "0 9 * * *"}.')
        if self.by is None and self.timezone is not None:
            raise at_key("timezone", "is for `by`: remove it")
        if self.by is not None and self.warn is not None:
            raise at_key("warn", "is for `within` alone: before a deadline nothing is late")
        if self.warn is not None and self.within is not None and self.warn >= self.within:
            raise at_key("warn", "has to be shorter than `within`")
        if self.by is not None and self.within is not None and self.within > (gap := shortest_gap(self.by)):
            raise at_key("within", f"is longer than the {gap // 60:,} minutes between two deadlines of {self.by!r}")
        return self


def _within(value: object) -> object:
    return {"within": value} if isinstance(value, str | int) and not isinstance(value, bool) else value


Fresh = Annotated[Freshness, BeforeValidator(_within)]
