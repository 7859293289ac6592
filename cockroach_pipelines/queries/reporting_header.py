"""What the header of a report says beyond that of every other file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cockroach_pipelines.config.models import Model
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.column_formats import ColumnFormat, parse_format
from cockroach_pipelines.queries.figures import Figure, parse_figure
from cockroach_pipelines.queries.header_models import Header
from cockroach_pipelines.queries.header_values import Text, YesOrNo, at_key
from cockroach_pipelines.queries.partition_header import Partition, PartitionEvery, TwoDimensions
from cockroach_pipelines.queries.table_names import parse_table_name

MOST_ROWS_SHOWN = 5_000
_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%", re.ASCII)
_SPAN = re.compile(r"(\d+)\s*(day|week|month|year)s?", re.ASCII)
_KEEP = re.compile(
    r"(?:keep\s+)?(?:(\d+)\s*(?:days?|d)|(\d+)\s*(?:weeks?|w)|(\d+)\s*(?:years?|y)|(for\s?ever))", re.ASCII
)
_LOCALE = re.compile(r"[a-z]{2,3}(?:[_-][A-Z][a-z]{3})?(?:[_-](?:[A-Z]{2}|\d{3}))?")
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_DAYS = {"day": 1, "week": 7}


class ReportFormat(StrEnum):
    """A file that a report is written as."""

    HTML = "html"
    XLSX = "xlsx"
    PDF = "pdf"
    PNG = "png"
    CSV = "csv"
    PARQUET = "parquet"


class ChartType(StrEnum):
    """How a chart draws its rows."""

    LINE = "line"
    BAR = "bar"
    AREA = "area"
    HEATMAP = "heatmap"
    SCATTER = "scatter"


class Occasion(StrEnum):
    """When a report is delivered."""

    ALWAYS = "always"
    ROWS = "rows"
    ALERT = "alert"
    CHANGE = "change"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def _short(shorthand: str, *types: type) -> BeforeValidator:
    """Let a bare value of some types stand for a mapping with that one key."""

    def wrap(value: object) -> object:
        return {shorthand: value} if isinstance(value, types) and not isinstance(value, bool) else value

    return BeforeValidator(wrap)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else "nothing" if value is None else str(value)


def _limit(value: object) -> object:
    if isinstance(value, str) and (percent := _PERCENT.fullmatch(value.strip())):
        return Decimal(percent[1]) / 100
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{_said(value)} is no number. Write one such as 15, 0.5 or 10%.")  # noqa: TRY004 - pydantic's rule
    return Decimal(value)


def _change(value: object) -> object:
    if isinstance(value, Decimal):  # validated before
        return value
    if isinstance(value, str) and (percent := _PERCENT.fullmatch(value.strip())):
        return Decimal(percent[1]) / 100
    raise ValueError(f"{_said(value)} is no change. Write a percentage, such as -20% or 10%.")


def _whole(least: int, most: int) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{_said(value)} is no whole number from {least} to {most:,}")
        return value

    return BeforeValidator(check)


def _format(text: str) -> str:
    parse_format(text)
    return text


def _figure(text: str) -> str:
    parse_figure(text)
    return text


def _table(text: str) -> str:
    parse_table_name(text)
    return text


def _locale(text: str) -> str:
    if not _LOCALE.fullmatch(text):
        raise ValueError(f"{text!r} is no locale. Write a language with or without a country, such as de or en_GB.")
    return text.replace("-", "_")


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is no address. Write one such as team@example.com.")
    return text


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if twice := next((value for value in values if values.count(value) > 1), None):
        raise ValueError(f"{str(twice)!r} stands in it twice. Remove one of them.")
    return values


def _not_empty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("is empty: write something, or remove the key")
    return values


Names = Annotated[tuple[Text, ...], BeforeValidator(_as_list), AfterValidator(_not_empty), AfterValidator(_different)]
Formats = Annotated[
    tuple[ReportFormat, ...], BeforeValidator(_as_list), AfterValidator(_not_empty), AfterValidator(_different)
]
Limit = Annotated[Decimal, BeforeValidator(_limit)]
Change = Annotated[Decimal, BeforeValidator(_change)]
Format = Annotated[Text, AfterValidator(_format)]
FigureText = Annotated[Text, AfterValidator(_figure)]


class Alert(Model):
    """What of a value is worth telling: beyond a limit, or changed by more than a share since what it is compared with."""

    above: Limit | None = None
    below: Limit | None = None
    change_above: Change | None = None
    change_below: Change | None = None

    @property
    def needs_comparison(self) -> bool:
        """Whether it looks at a change."""
        return self.change_above is not None or self.change_below is not None

    @model_validator(mode="after")
    def _something_possible(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("says nothing. Write above, below, change_above or change_below.")
        for below, above in (("below", "above"), ("change_below", "change_above")):
            low, high = getattr(self, below), getattr(self, above)
            if low is not None and high is not None and low > high:
                raise at_key(below, f"{low} is more than `{above}`, {high}: every value would be one. Lower it.")
        return self


class Shown(Model):
    """How values are shown, and which of them are marked."""

    label: Text | None = None
    format: Format | None = None
    unit: Text | None = None
    good: Literal["up", "down"] | None = None
    alert: Alert | None = None

    @property
    def column_format(self) -> ColumnFormat | None:
        """The format, read."""
        return parse_format(self.format) if self.format else None


class ColumnRule(Shown):
    """How a column is shown: `width` in characters, `bar` behind its numbers, `change` since what it is compared with."""

    width: Annotated[int, _whole(1, 200)] | None = None
    bar: YesOrNo = False
    change: YesOrNo = False
    hide: YesOrNo = False


class KpiRule(Shown):
    """A figure of the whole result, or of the statement `of`."""

    value: FigureText
    of: Text | None = None

    @property
    def figure(self) -> Figure:
        """The figure, read."""
        return parse_figure(self.value)


class Chart(Model):
    """A picture of the rows of the first statement, or of the statement `of`."""

    type: ChartType
    x: Text
    y: Names
    color: Text | None = None
    facet: Text | None = None
    title: Text | None = None
    of: Text | None = None
    height: Annotated[int, _whole(80, 1_000)] | None = None

    @property
    def columns(self) -> Iterator[tuple[str, str]]:
        """Give each key with the column that it names."""
        yield "x", self.x
        yield from (("y", name) for name in self.y)
        for key in ("color", "facet"):
            if name := getattr(self, key):
                yield key, name

    @model_validator(mode="after")
    def _one_y(self) -> Self:
        if self.type is ChartType.HEATMAP and self.color is None:
            raise at_key("type", "a heatmap has its values in `color`. Add it: `color: mean_delay`.")
        if len(self.y) > 1 and (self.type in (ChartType.HEATMAP, ChartType.SCATTER) or self.color is not None):
            raise at_key("y", "has several columns, which are told apart by colour. Name one, or remove `color`.")
        return self


class SectionRule(Model):
    """What is said of a named statement: `table: false` shows its charts alone."""

    title: Text | None = None
    text: Text | None = None
    table: YesOrNo = True


@dataclass(frozen=True)
class Span:
    """So many units of time."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"

    @property
    def days(self) -> int | None:
        """In days; None for months and years."""
        return self.count * _DAYS[self.unit] if self.unit in _DAYS else None

    @property
    def months(self) -> int | None:
        """In months; None for days and weeks."""
        return {"month": self.count, "year": self.count * 12}.get(self.unit)


PREVIOUS_PARTITION, PREVIOUS_SNAPSHOT = "previous partition", "previous snapshot"


def _compared(text: str) -> str:
    if text in (PREVIOUS_PARTITION, PREVIOUS_SNAPSHOT) or ((span := _SPAN.fullmatch(text)) and int(span[1])):
        return text
    hint = did_you_mean(text, (PREVIOUS_PARTITION, PREVIOUS_SNAPSHOT))
    raise ValueError(
        f"{text!r} is nothing to compare with. "
        + (hint if hint.startswith("Did") else f"Write 7 days, 1 month, {PREVIOUS_PARTITION} or {PREVIOUS_SNAPSHOT}.")
    )


class Compare(Model):
    """What the figures are compared with, and by which columns rows find their counterparts; those of text when silent."""

    to: Annotated[Text, AfterValidator(_compared)]
    by: Names | None = None

    @property
    def span(self) -> Span | None:
        """How much earlier the other partition begins, where it is said so."""
        match = _SPAN.fullmatch(self.to)
        return Span(int(match[1]), match[2]) if match else None


class Into(Model):
    """The table that the result becomes.

    With `key` its rows are upserted. Without, they take the place of all rows; of a partitioned report, of those whose
    `partition` column lies in the partition, or is its key.
    """

    table: Annotated[Text, AfterValidator(_table)]
    key: Names | None = None
    partition: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.key and self.partition:
            raise at_key("partition", "`key` upserts, and `partition` replaces. Keep one of them.")
        return self


def _keep(value: object) -> object:
    if isinstance(value, dict) and set(value) == {"keep"}:
        value = value["keep"]
    if isinstance(value, str) and (match := _KEEP.fullmatch(value.strip())):
        days, weeks, years, _ = match.groups()
        number = int(days or 0) + 7 * int(weeks or 0) + 365 * int(years or 0)
        if number or not (days or weeks or years):
            return number or None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:  # validated before
        return value
    raise ValueError(f"{_said(value)} does not say how long. Write keep 90 days, keep 2 years, or keep forever.")


class DeliveryRule(Model):
    """Where the files go: `to` is email, webhook, or a path or URL of a folder; `attach` are all `formats` when silent."""

    to: Text
    recipients: Annotated[
        tuple[Annotated[Text, AfterValidator(_address)], ...],
        BeforeValidator(_as_list),
        AfterValidator(_different),
    ] = ()
    only_if: Occasion = Occasion.ALWAYS
    attach: Annotated[tuple[ReportFormat, ...], BeforeValidator(_as_list), AfterValidator(_different)] | None = None
    subject: Text | None = None

    @property
    def place(self) -> str | None:
        """The folder, where it is one."""
        return None if self.to in ("email", "webhook") else self.to

    @model_validator(mode="after")
    def _keys_of_its_kind(self) -> Self:
        if self.to == "email" and not self.recipients:
            raise at_key("to", "an e-mail has nobody to go to. Add `recipients: [team@example.com]`.")
        if self.to != "email":
            for key in ("recipients", "subject"):
                if getattr(self, key):
                    raise at_key(key, "is for e-mail. Remove it, or write `to: email`.")
        if self.place and not re.search(r"[/\\:.~]", self.place):
            hint = did_you_mean(self.place, ("email", "webhook"))
            advice = hint if hint.startswith("Did") else f"Write email, webhook, or a folder such as ./{self.place}."
            raise at_key("to", f"{self.place!r} is no way to deliver. {advice}")
        return self


class ReportRules(Model):
    """What becomes of a report's rows."""

    formats: Formats = (ReportFormat.HTML,)
    title: Text | None = None
    text: Text | None = None
    locale: Annotated[Text, AfterValidator(_locale)] = "en"
    columns: dict[Text, Annotated[ColumnRule, _short("format", str)]] = Field(default_factory=dict)
    chart: Annotated[tuple[Chart, ...], BeforeValidator(_as_list)] = ()
    compare: Annotated[Compare, _short("to", str)] | None = None
    kpis: dict[Text, Annotated[KpiRule, _short("value", str)]] = Field(default_factory=dict)
    sections: dict[Text, Annotated[SectionRule, _short("title", str)]] = Field(default_factory=dict)
    rows: Annotated[int, _whole(0, MOST_ROWS_SHOWN)] = 500
    snapshot: Annotated[int | None, BeforeValidator(_keep)] = None
    into: Annotated[Into, _short("table", str)] | None = None
    deliver: Annotated[tuple[Annotated[DeliveryRule, _short("to", str)], ...], BeforeValidator(_as_list)] = ()

    @property
    def alerts(self) -> Iterator[tuple[tuple[str, str], Alert]]:
        """Give every alert with the way to what it watches."""
        for key in ("kpis", "columns"):
            for name, rule in getattr(self, key).items():
                if rule.alert:
                    yield (key, name), rule.alert

    @property
    def compares_rows(self) -> bool:
        """Whether rows are compared, and not figures alone."""
        return any(
            rule.change or (rule.alert is not None and rule.alert.needs_comparison) for rule in self.columns.values()
        )

    @model_validator(mode="before")
    @classmethod
    def _nothing_stays_silent(cls, values: Any) -> Any:
        # A key without a value is a line that was not finished, and no wish for the default.
        if isinstance(values, dict):
            for key in cls.model_fields:
                if key in values and values[key] is None:
                    raise at_key(key, "has no value. Give it one, or remove the key.")
        return values

    @model_validator(mode="after")
    def _changes_with_comparison(self) -> Self:
        if self.compare is None:
            for (key, name), alert in self.alerts:
                if alert.needs_comparison:
                    raise at_key(
                        f"{key}|{name}|alert", "looks at a change. Add `compare: 7 days`, or what it is since."
                    )
            if changed := next((name for name, rule in self.columns.items() if rule.change), None):
                raise at_key(f"columns|{changed}|change", "has nothing to compare with. Add `compare: 7 days`.")
        return self

    @model_validator(mode="after")
    def _deliveries_that_can_happen(self) -> Self:
        for number, rule in enumerate(self.deliver):
            if missing := next((each for each in rule.attach or () if each not in self.formats), None):
                raise at_key(f"deliver|{number}|attach", f"{missing.value} is not among `formats`. Add it there.")
            if rule.only_if is Occasion.ALERT and not any(True for _ in self.alerts):
                raise at_key(f"deliver|{number}|only_if", "there is no alert. Add one to a column or a figure.")
        return self


class ReportingHeader(Header):
    """What the author says of a report; without `report` its rows are kept as Parquet and nothing else."""

    report: ReportRules | None = None

    @model_validator(mode="before")
    @classmethod
    def _report_says_something(cls, values: Any) -> Any:
        if isinstance(values, dict) and "report" in values and values["report"] is None:
            raise at_key("report", "has no value. Write `report: {formats: [html]}`, or remove the key.")
        return values

    @model_validator(mode="after")
    def _fits_its_partitions(self) -> Self:
        if self.report is None:
            return self
        if compare := self.report.compare:
            _refuse_comparison(compare, self.partition)
        if (into := self.report.into) and self.partition and not (into.key or into.partition):
            raise at_key(
                "report|into",
                "each partition would take the place of all others. Add `key: [...]` to upsert, or `partition: column`.",
            )
        if into and into.partition and not self.partition:
            raise at_key("report|into|partition", "the file has no partitions. Remove it.")
        if into and into.partition and isinstance(self.partition, TwoDimensions):
            raise at_key(
                "report|into|partition",
                "one column cannot tell partitions of two dimensions apart. Write `key: [...]` instead.",
            )
        return self


def _refuse_comparison(compare: Compare, partition: Partition | None) -> None:
    span = compare.span
    if partition is None:
        if compare.to != PREVIOUS_SNAPSHOT:
            raise at_key(
                "report|compare", f"the file has no partitions. Write {PREVIOUS_SNAPSHOT}, or add `partition`."
            )
        return
    if compare.to == PREVIOUS_SNAPSHOT:
        return
    if partition.time is None:
        raise at_key(
            "report|compare", f"keys have no order in time, so that none is before another. Write {PREVIOUS_SNAPSHOT}."
        )
    if span is None:
        return
    every = partition.time.every
    fits = {
        PartitionEvery.HOUR: span.days is not None,
        PartitionEvery.DAY: span.days is not None,
        PartitionEvery.WEEK: span.days is not None and span.days % 7 == 0,
        PartitionEvery.MONTH: span.months is not None,
    }[every]
    if not fits:
        example = {"hour": "7 days", "day": "7 days", "week": "1 week", "month": "1 month"}[every.value]
        raise at_key("report|compare", f"no {every.value} begins {span} before another. Write {example}, for one.")


REPORTING_KEYS = tuple(name for name in ReportingHeader.model_fields if name not in Header.model_fields)
"""Keys that no other file has."""
