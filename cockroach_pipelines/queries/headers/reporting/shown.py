"""How the header of a report says what its readers see: columns, figures, charts, sections, and what of them is an alert."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from cockroach_pipelines.config.models import Model
from cockroach_pipelines.queries.headers.reporting.column_formats import ColumnFormat, parse_format
from cockroach_pipelines.queries.headers.reporting.figures import Figure, parse_figure
from cockroach_pipelines.queries.headers.reporting.values import Change, Limit, Names, whole
from cockroach_pipelines.queries.headers.values import Text, YesOrNo, at_key


class ChartType(StrEnum):
    """How a chart draws its rows."""

    LINE = "line"
    BAR = "bar"
    AREA = "area"
    HEATMAP = "heatmap"
    SCATTER = "scatter"


def _format(text: str) -> str:
    parse_format(text)
    return text


def _figure(text: str) -> str:
    parse_figure(text)
    return text


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

    width: Annotated[int, whole(1, 200)] | None = None
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
    height: Annotated[int, whole(80, 1_000)] | None = None

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
