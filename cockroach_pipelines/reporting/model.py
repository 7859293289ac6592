"""A report as its readers see it, before it is a page, a sheet or a picture."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pyarrow as pa

from cockroach_pipelines.queries.headers.reporting import Chart, ColumnFormat, ColumnRule, FormatKind
from cockroach_pipelines.reporting.values import is_number


class Tone(StrEnum):
    """What a change means to its readers."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class Delta:
    """A change since what a value is compared with: as a share of that, in words, and what it means.

    `shown` is what readers see: of a percentage the difference in points, else the share.
    """

    share: Decimal
    text: str
    shown: str
    tone: Tone = Tone.NEUTRAL

    @property
    def arrow(self) -> str:
        """Which way it went."""
        return "▲" if self.share > 0 else "▼" if self.share < 0 else "="


@dataclass(frozen=True)
class Kpi:
    """A figure: its value, and as text, what it was before, and what about it is worth telling."""

    name: str
    label: str
    value: object
    text: str | None
    """None where there is no value."""
    before: str | None = None
    delta: Delta | None = None
    alert: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table: where its values stand in the rows, and how they are shown."""

    name: str
    label: str
    position: int
    kind: pa.DataType
    rule: ColumnRule
    form: ColumnFormat | None

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers, which stand to the right."""
        return is_number(self.kind)

    @property
    def is_sparkline(self) -> bool:
        """Whether it holds lists of numbers that are drawn."""
        return bool(self.form and self.form.kind is FormatKind.SPARKLINE and pa.types.is_list(self.kind))

    @property
    def look(self) -> str:
        """How the page sets its values: text, number or spark; `moment` in one line, `judged` with room for a mark."""
        kind = "number" if self.is_number else "spark" if self.is_sparkline else "text"
        if pa.types.is_date(self.kind) or pa.types.is_timestamp(self.kind):
            kind = f"{kind} moment"
        return f"{kind} judged" if self.rule.alert else kind


@dataclass(frozen=True)
class Cell:
    """A value in a table; `text` is None for NULL, `bar` the share of the column's largest, `series` a sparkline's values."""

    value: object
    text: str | None
    delta: Delta | None = None
    alert: str = ""
    bar: float | None = None
    series: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Table:
    """The first rows of a result, for people; `total` is the number of all of them."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int

    @property
    def cut(self) -> bool:
        """Whether there are more rows than are shown."""
        return len(self.rows) < self.total


@dataclass(frozen=True)
class Drawing:
    """A chart with the rows that it draws, of `total` that there are."""

    chart: Chart
    title: str
    table: pa.Table
    total: int

    @property
    def cut(self) -> bool:
        """Whether there are more rows than are drawn."""
        return bool(self.table.num_rows < self.total)


@dataclass(frozen=True)
class Section:
    """What is shown of one statement; `path` is the Parquet file of all its rows."""

    name: str
    title: str
    text: str
    path: Path
    schema: pa.Schema
    rows: int
    drawings: tuple[Drawing, ...] = ()
    table: Table | None = None
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True)
class CheckLine:
    """What a check came to."""

    name: str
    passed: bool
    text: str


@dataclass(frozen=True)
class Report:
    """A report of one partition, or of none.

    `alerts` say what is worth telling, `unjudged` which alerts could not be evaluated and why, `notes` what a reader has
    to know to read it right. `facts` stand at its end.
    """

    asset: str
    title: str
    text: str
    partition: str | None
    language: str
    direction: str
    timezone: str
    generated_at: dt.datetime
    compared_with: str
    kpis: tuple[Kpi, ...]
    sections: tuple[Section, ...]
    checks: tuple[CheckLine, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    alerts: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    number_symbols: tuple[str, str] = field(default=(".", ","))

    @property
    def rows(self) -> int:
        """Rows of the first statement."""
        return self.sections[0].rows

    @property
    def drawings(self) -> Iterator[Drawing]:
        """Every chart, in order."""
        for section in self.sections:
            yield from section.drawings
