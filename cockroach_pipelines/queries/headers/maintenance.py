"""What the header of maintenance says beyond that of every other file."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from cockroach_pipelines.config.models import Model, Seconds
from cockroach_pipelines.queries.headers.monitor import MonitorHeader
from cockroach_pipelines.queries.headers.reconciliation import Amount, Names, Several, Share
from cockroach_pipelines.queries.headers.values import Text, YesOrNo, as_list, at_key, refuse_silence
from cockroach_pipelines.queries.parsing.table_names import parse_table_name

BATCH_SIZE = "batch_size"
"""The parameter that a batch's own statement takes for its number of rows."""
AFTER = "after_"
"""What the parameters begin with that a batch's own statement takes for the last key of the batch before."""

_WINDOW = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)
_SMALLEST, _LARGEST = 100, 10_000
_MOST_RATIO = 1000


class Permission(StrEnum):
    """What a file has to ask for."""

    DESTRUCTIVE = "destructive"


@dataclass(frozen=True)
class Window:
    """The hours of a day in which batches may run, from `start` up to `end`, which may lie on the next day."""

    start: dt.time
    end: dt.time

    @classmethod
    def parse(cls, text: object) -> Window:
        """Read `22:00-05:00`.

        Raises:
            ValueError: It is none.
        """
        match = _WINDOW.fullmatch(text.strip()) if isinstance(text, str) else None
        try:
            if match is None:
                raise ValueError
            hours = [int(part) for part in match.groups()]
            window = cls(dt.time(hours[0], hours[1]), dt.time(hours[2], hours[3]))
        except ValueError:
            raise ValueError(f"{text!r} is no window of a day. Write one such as 22:00-05:00.") from None
        if window.start == window.end:
            raise ValueError(f"{text!r} begins where it ends. Write one such as 22:00-05:00, or remove the key.")
        return window

    def holds(self, moment: dt.datetime) -> bool:
        """Whether a moment, in the zone of the window, lies in it."""
        at = moment.time().replace(tzinfo=None)
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _window(value: object) -> Window:
    return value if isinstance(value, Window) else Window.parse(value)


def _table(text: str) -> str:
    parse_table_name(text)
    return text


def _local(path: str) -> str:
    if "://" in path:
        raise ValueError(
            "a URL cannot be made safe before a COMMIT. Write a local folder, and copy its files from there."
        )
    return path


def _above_none(number: Decimal) -> Decimal:
    if not number:
        raise ValueError("0 is nothing. Write a share above 0, such as 10%.")
    return number


def _bearable(number: Decimal) -> Decimal:
    if number > _MOST_RATIO:
        raise ValueError(f"{number} is more than {_MOST_RATIO}. Write how long to pause for each second of work.")
    return number


def _short(shorthand: str, *types: type) -> BeforeValidator:
    """Let a bare value of some types stand for a mapping with that one key."""

    def wrap(value: object) -> object:
        return {shorthand: value} if isinstance(value, types) and not isinstance(value, bool) else value

    return BeforeValidator(wrap)


class BatchSize(Model):
    """Rows of a batch: that of the first, the bounds, and how long a batch should take."""

    start: Several = 1000
    min: Several | None = None
    max: Several | None = None
    target: Seconds = 0.5

    @property
    def least(self) -> int:
        """No batch has fewer rows, but the last."""
        return min(_SMALLEST, self.start) if self.min is None else self.min

    @property
    def most(self) -> int:
        """No batch has more rows, unless more have the same key."""
        return max(_LARGEST, self.start) if self.max is None else self.max

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start < self.least:
            raise at_key("min", f"{self.least} is above the `start` of {self.start}. Lower it.")
        if self.start > self.most:
            raise at_key("max", f"{self.most} is below the `start` of {self.start}. Raise it.")
        return self


class Pause(Model):
    """When nothing runs: after each batch for `ratio` times as long as it took, and while the query `when` says so.

    The query's first value is true, a number above 0, or a text, which is shown as the reason; without a row nothing
    holds the batches. It is asked every `every`; after `longest` the run ends.
    """

    ratio: Annotated[Amount, AfterValidator(_bearable)] = Decimal(0)
    when: Text | None = None
    every: Seconds = 1.0
    longest: Seconds = 3600.0


class Limits(Model):
    """Where a run ends although there is more: after so long, so many rows, such a share of the table's rows."""

    runtime: Seconds | None = None
    rows: Several | None = None
    share_of_table: Annotated[Share, AfterValidator(_above_none)] | None = None


class BatchRules(Model):
    """How rows of one table are deleted or updated batch by batch, in the order of a key.

    `where` stands for a file without a statement: the rows that it is true for are deleted. `lease` is how long a runner
    that was killed keeps others away.
    """

    table: Annotated[Text, AfterValidator(_table)]
    key: Names
    where: Text | None = None
    size: Annotated[BatchSize, _short("start", int)] = BatchSize()
    pause: Annotated[Pause, _short("ratio", int, Decimal), _short("when", str)] = Pause()
    limits: Limits = Limits()
    window: Annotated[Window, BeforeValidator(_window), PlainSerializer(str)] | None = None
    archive: Annotated[Text, AfterValidator(_local)] | None = None
    dry_run: YesOrNo = False
    lease: Annotated[Seconds, Field(ge=1)] = 60.0

    @model_validator(mode="after")
    def _a_key(self) -> Self:
        if not self.key:
            raise at_key("key", "names no column. Name those of an index, such as the primary key.")
        return self

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that a batch's own statement takes."""
        return (BATCH_SIZE, *(f"{AFTER}{column}" for column in self.key))


class MaintenanceHeader(MonitorHeader):
    """What the author says of maintenance.

    With `batch` rows are deleted or updated batch by batch. `allow: destructive` lets a statement drop or empty a table, or
    touch every row of it.
    """

    batch: BatchRules | None = None
    allow: Annotated[tuple[Permission, ...], BeforeValidator(as_list)] = ()

    @property
    def provided_parameters(self) -> tuple[str, ...]:
        """Parameters whose values come from the run itself."""
        return self.batch.parameters if self.batch else ()

    @model_validator(mode="before")
    @classmethod
    def _nothing_stays_silent(cls, values: Any) -> Any:
        return refuse_silence(values, MAINTENANCE_KEYS)

    @model_validator(mode="after")
    def _batches_decide(self) -> Self:
        if self.batch is None:
            return self
        if self.watches:
            raise at_key("batch", "is for maintenance that writes, and a monitor only reads. Make two files of them.")
        for key, given in (("autocommit", self.autocommit), ("idempotent", self.idempotent)):
            if given:
                raise at_key(key, "is for a single statement: a batch is committed with its cursor, once. Remove it.")
        for name in ("arm", "dry_run", *self.batch.parameters):
            if name in self.params:
                raise at_key("params", f"{name!r} is what `batch` itself provides. Give the parameter another name.")
        return self


MAINTENANCE_KEYS = tuple(name for name in MaintenanceHeader.model_fields if name not in MonitorHeader.model_fields)
"""Keys that no other file has."""
