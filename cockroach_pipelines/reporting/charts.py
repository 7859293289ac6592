"""Charts as SVG: Vega-Lite, drawn by vl-convert without a browser and without the network."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from cockroach_pipelines.queries.headers.reporting import Chart, ChartType, ColumnRule, FormatKind
from cockroach_pipelines.reporting.errors import ReportError
from cockroach_pipelines.reporting.formatting import Formatter
from cockroach_pipelines.reporting.judging import humanised, number_of
from cockroach_pipelines.reporting.model import Drawing
from cockroach_pipelines.reporting.themes import CHART_FONT, Theme
from cockroach_pipelines.reporting.values import is_number, values_of

HALF, WHOLE = 500, 1020
"""Widths in pixels: of a chart that has a neighbour, and of one that has none."""

_HEIGHT = 240
_FACETS_IN_A_ROW = 3
_MOST_LABELS = 40
_ROOM_FOR_LABELS = 80  # pixels, where they stand aslant
_DATES_ON_AN_AXIS = 8
_LARGE = 1_000_000
_SHORT_NUMBER = "replace(format(datum.value, '.3~s'), 'G', 'B')"
_MANY_COLOURS = {"scheme": "tableau20"}
_ID = re.compile(r'\b(id=")([^"]+)(")|(url\(#)([^)]+)(\))|(href="#)([^"]+)(")')
_NO_NETWORK: list[str] = []


def svg(
    drawing: Drawing,
    rules: Mapping[str, ColumnRule],
    formatter: Formatter,
    theme: Theme,
    *,
    width: int = HALF,
    name: str = "chart",
) -> str:
    """Draw a chart.

    Args:
        drawing: What to draw.
        rules: How columns are shown, by name.
        formatter: Writes dates.
        theme: The colours.
        width: In pixels.
        name: A word that no other picture of the page has: what is named within the picture begins with it.

    Raises:
        ReportError: It cannot be drawn.
    """
    import vl_convert

    symbols = formatter.number_symbols
    locale = {"decimal": symbols["decimal"], "thousands": symbols["group"], "grouping": [3], "currency": ["", ""]}
    try:
        drawn = vl_convert.vegalite_to_svg(
            json.dumps(specification(drawing, rules, formatter, theme, width)),
            format_locale=locale,
            time_format_locale=formatter.time_locale,
            allowed_base_urls=_NO_NETWORK,
        )
    except ValueError as error:
        raise ReportError(f"The chart {drawing.title!r} cannot be drawn: {error}.") from error
    return _alone(str(drawn), name)


def _alone(drawn: str, name: str) -> str:
    """Give names within a picture a beginning of their own, for several stand in one page."""

    def renamed(match: re.Match[str]) -> str:
        before, word, after = (group for group in match.groups() if group is not None)
        return f"{before}{name}-{word}{after}"

    return _ID.sub(renamed, drawn)


def specification(
    drawing: Drawing, rules: Mapping[str, ColumnRule], formatter: Formatter, theme: Theme, width: int
) -> dict[str, Any]:
    """Give a chart in the terms of Vega-Lite."""
    return _Specification(drawing, rules, formatter, theme, width).made()


class _Specification:
    def __init__(
        self, drawing: Drawing, rules: Mapping[str, ColumnRule], formatter: Formatter, theme: Theme, width: int
    ) -> None:
        self.chart: Chart = drawing.chart
        self.table: pa.Table = drawing.table
        self.rules, self.formatter, self.theme, self.width = rules, formatter, theme, width

    def made(self) -> dict[str, Any]:
        encoding = self._encoding()
        width = self.width
        if self.chart.facet:
            columns = min(
                _FACETS_IN_A_ROW if self.width > HALF else 2, max(1, len(set(self._values(self.chart.facet))))
            )
            width = self.width // columns - 20
            encoding["facet"] = {
                "field": "facet",
                "type": "nominal",
                "columns": columns,
                "sort": None,
                "title": None,
                "header": {"labelFontWeight": "bold"},
            }
        height = self.chart.height or _HEIGHT
        if encoding["x"]["axis"].get("labelAngle") and not self.chart.height:
            height += _ROOM_FOR_LABELS
        if self.chart.type is ChartType.HEATMAP and not self.chart.height:
            height = max(120, min(34 * len(set(self._values(self.chart.y[0]))), 640))
        if self._is_horizontal and not self.chart.height:
            height = max(120, min(28 * len(set(self._values(self.chart.y[0]))), 640))
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "width": width if self.chart.facet else width - 24,
            "height": height if not self.chart.facet else height * 2 // 3,
            "autosize": {"type": "pad"} if self.chart.facet else {"type": "fit", "contains": "padding"},
            "padding": 4,
            "background": None,
            "data": {"values": list(self._rows())},
            "mark": self._mark(),
            "encoding": encoding,
            "config": _config(self.theme),
        }

    @property
    def _is_horizontal(self) -> bool:
        return (
            self.chart.type is ChartType.BAR and self._is_number(self.chart.x) and not self._is_number(self.chart.y[0])
        )

    def _mark(self) -> dict[str, Any]:
        match self.chart.type:
            case ChartType.LINE:
                few = self.table.num_rows <= 90
                return {
                    "type": "line",
                    "strokeWidth": 2.5,
                    "point": {"size": 34} if few else False,
                    "interpolate": "monotone",
                }
            case ChartType.AREA:
                several = len(set(self._values(self.chart.x))) > 1  # an area of one point has no width
                line = {"line": {"strokeWidth": 2}, "point": False if several else {"size": 34}}
                return {"type": "area", "opacity": 0.75, "interpolate": "monotone", **line}
            case ChartType.BAR:
                return {"type": "bar", "cornerRadiusEnd": 0 if self._series else 3}  # parts of a bar have no ends
            case ChartType.HEATMAP:
                return {
                    "type": "rect",
                    "invalid": "show",
                    "stroke": self.theme.surface,
                    "strokeWidth": 1.5,
                    "cornerRadius": 2,
                }
            case ChartType.SCATTER:
                return {"type": "point", "filled": True, "size": 60, "opacity": 0.8}

    def _encoding(self) -> dict[str, Any]:
        chart = self.chart
        discrete_x = chart.type in (ChartType.BAR, ChartType.HEATMAP) and not self._is_horizontal
        encoding: dict[str, Any] = {"x": self._axis("x", chart.x, discrete=discrete_x)}
        if chart.type is ChartType.HEATMAP:
            encoding["y"] = self._axis("y", chart.y[0], discrete=True)
            # A cell without a value is there, too, and is no cell of a small one.
            missing = "!isValid(datum.color)"
            colour = {"condition": {"test": missing, "value": self.theme.muted}, **self._scale(str(chart.color))}
            encoding |= {"color": colour, "opacity": {"condition": {"test": missing, "value": 0.4}, "value": 1}}
            return encoding
        encoding["y"] = self._axis("y", chart.y[0], discrete=self._is_horizontal)
        if len(chart.y) > 1:
            encoding["y"]["title"] = None
        if self._series is not None:
            encoding["color"] = {
                "field": "series",
                "type": "nominal",
                "sort": None,
                "title": None if len(chart.y) > 1 else self._label(str(chart.color)),
                "scale": {"range": list(self.theme.series)}
                if len(self._series) <= len(self.theme.series)
                else _MANY_COLOURS,
                "legend": {
                    "columnPadding": 20,
                    "orient": "top",
                    "columns": self._legend_columns(),
                    "symbolType": "circle",
                    "labelLimit": 150,
                },
            }
        if chart.type is ChartType.AREA and self._series is not None:
            encoding["y"]["stack"] = "zero"
        return encoding

    def _axis(self, key: str, name: str, *, discrete: bool) -> dict[str, Any]:
        rule = self.rules.get(name)
        form = rule.column_format if rule else None
        axis: dict[str, Any] = {"labelOverlap": True}
        encoded: dict[str, Any] = {"field": key, "title": self._label(name), "axis": axis}
        if discrete or not (self._is_number(name) or self._is_time(name)):
            ordered = self._is_number(name) or self._is_time(name)
            # Words stand as the rows have them, numbers and dates by what they are.
            encoded |= (
                {"type": "ordinal", "sort": self._in_order(name)} if ordered else {"type": "nominal", "sort": None}
            )
            several = len(set(self._values(name)))
            if key == "x":
                axis["labelAngle"] = 0 if self._fits(name, several) else -45
                axis["labelLimit"] = 160 if axis["labelAngle"] == 0 else 130
                if several > _MOST_LABELS:
                    axis["labelOverlap"] = "greedy"
            axis["grid"] = False
            if key == "y":
                encoded["title"] = None  # the labels say what they are, and leave no room
            return encoded
        if self._is_time(name):
            encoded["type"] = "temporal"
            axis["grid"] = key == "y"
            if pa.types.is_date(self.table.schema.field(name).type):
                axis |= self._whole_days(name)
            elif self.formatter.has_24_hours:
                axis["labelExpr"] = "timeFormat(datum.value, {'hours': '%H:%M', 'minutes': '%H:%M'})"
            return encoded
        encoded["type"] = "quantitative"
        encoded["scale"] = {
            "zero": self.chart.type in (ChartType.BAR, ChartType.AREA),
            "nice": key == "y" or self._is_horizontal,
        }
        if pa.types.is_integer(self.table.schema.field(name).type):
            axis["tickMinStep"] = 1
        if form and form.kind is FormatKind.PERCENT:
            axis["format"] = ".0%"
        elif self._largest(name) >= _LARGE or (form and form.kind in (FormatKind.COMPACT, FormatKind.BYTES)):
            axis["labelExpr"] = _SHORT_NUMBER
        if key == "x":
            axis["grid"] = True
        axis["tickCount"] = 5
        return encoded

    def _whole_days(self, name: str) -> dict[str, Any]:
        """Keep the axis of a few dates from having hours."""
        dates = [value for value in self._values(name) if isinstance(value, dt.date)]
        days = (max(dates) - min(dates)).days if dates else 0
        return {"tickCount": {"interval": "day", "step": 1}} if days < _DATES_ON_AN_AXIS else {}

    def _largest(self, name: str) -> float:
        return max((abs(number) for value in self._values(name) if (number := _float(value)) is not None), default=0.0)

    def _legend_columns(self) -> int:
        longest = max(map(len, self._series or [""]))
        return max(1, int((self.width - 60) // (min(longest * 7, 150) + 30)))

    def _in_order(self, name: str) -> list[object]:
        values = sorted({value for value in self._values(name) if value is not None})
        return [self._drawn(value, name, discrete=True) for value in values]

    def _fits(self, name: str, several: int) -> bool:
        longest = max((len(self._text(value, name)) for value in set(self._values(name))), default=0)
        return several * (longest * 7 + 6) <= self.width - 70

    def _scale(self, name: str) -> dict[str, Any]:
        if not self._is_number(name):
            return {
                "field": "color",
                "type": "nominal",
                "title": self._label(name),
                "scale": {"range": list(self.theme.series)},
            }
        numbers = [number for value in self._values(name) if (number := number_of(value)) is not None]
        scale: dict[str, Any] = {"range": list(self.theme.scale), "interpolate": "lab"}
        if numbers and min(numbers) < 0 < max(numbers):
            most = float(max(abs(min(numbers)), max(numbers)))
            domain = [-most, -most / 2, 0, most / 2, most]
            scale = {"range": list(self.theme.diverging), "domain": domain, "interpolate": "lab"}
        legend: dict[str, Any] = {"orient": "right", "gradientLength": 140}
        rule = self.rules.get(name)
        if rule and rule.column_format and rule.column_format.kind is FormatKind.PERCENT:
            legend["format"] = ".0%"
        label = rule.label if rule and rule.label else humanised(name)
        title = [label, f"({rule.unit})"] if rule and rule.unit else label
        return {"field": "color", "type": "quantitative", "title": title, "scale": scale, "legend": legend}

    @property
    def _series(self) -> list[str] | None:
        """What tells lines apart, in the order of the rows."""
        if len(self.chart.y) > 1:
            return [self._label(name) for name in self.chart.y]
        if self.chart.color and self.chart.type is not ChartType.HEATMAP:
            return list(dict.fromkeys(self._text(value, self.chart.color) for value in self._values(self.chart.color)))
        return None

    def _rows(self) -> Iterator[dict[str, object]]:
        chart = self.chart
        columns = {name: self._values(name) for name in {column for _, column in chart.columns}}
        discrete_x = chart.type in (ChartType.BAR, ChartType.HEATMAP) and not self._is_horizontal
        for number in range(self.table.num_rows):
            row: dict[str, object] = {"x": self._drawn(columns[chart.x][number], chart.x, discrete=discrete_x)}
            if chart.facet:
                row["facet"] = self._text(columns[chart.facet][number], chart.facet)
            if chart.type is ChartType.HEATMAP:
                y, color = chart.y[0], str(chart.color)
                row["y"] = self._drawn(columns[y][number], y, discrete=True)
                value = columns[color][number]
                row["color"] = _float(value) if self._is_number(color) else self._text(value, color)
                yield row
                continue
            if chart.color:
                row["series"] = self._text(columns[chart.color][number], chart.color)
            for name in chart.y:
                several = {"series": self._label(name)} if len(chart.y) > 1 else {}
                yield {**row, **several, "y": self._drawn(columns[name][number], name, discrete=self._is_horizontal)}

    def _drawn(self, value: object, name: str, *, discrete: bool) -> object:
        if discrete or not (self._is_number(name) or self._is_time(name)):
            if self._is_number(name) and not (name in self.rules and self.rules[name].format):
                return _float(value)
            return self._text(value, name)
        if self._is_time(name):
            return self._moment(value)
        return _float(value)

    def _moment(self, value: object) -> str | None:
        """Write a moment of the report's zone without one: Vega takes it for its own, and shows it as it is."""
        if isinstance(value, dt.datetime):
            return self.formatter.local(value).replace(tzinfo=None).isoformat()
        return f"{value.isoformat()}T00:00:00" if isinstance(value, dt.date) else None

    def _text(self, value: object, name: str) -> str:
        if value is None:
            return "NULL"
        rule = self.rules.get(name)
        text = self.formatter.text(value, rule.column_format if rule else None)
        return text if len(text) <= 40 else f"{text[:39]}…"

    def _values(self, name: str) -> list[Any]:
        return [str(value) if isinstance(value, list | dict) else value for value in values_of(self.table[name])]

    def _label(self, name: str) -> str:
        rule = self.rules.get(name)
        label = (rule.label if rule else None) or humanised(name)
        return f"{label} ({rule.unit})" if rule and rule.unit else label

    def _is_number(self, name: str) -> bool:
        return is_number(self.table.schema.field(name).type)

    def _is_time(self, name: str) -> bool:
        kind = self.table.schema.field(name).type
        return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _float(value: object) -> float | None:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None


def _config(theme: Theme) -> dict[str, Any]:
    return {
        "font": CHART_FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": theme.muted,
            "titleColor": theme.muted,
            "gridColor": theme.grid,
            "domainColor": theme.grid,
            "tickColor": theme.grid,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelLimit": 160,
            "titlePadding": 8,
        },
        "legend": {
            "labelColor": theme.ink,
            "titleColor": theme.muted,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
        },
        "header": {"labelColor": theme.ink, "titleColor": theme.muted, "labelFontSize": 12},
        "line": {"color": theme.series[0]},
        "area": {"color": theme.series[0]},
        "bar": {"color": theme.series[0]},
        "point": {"color": theme.series[0]},
    }
