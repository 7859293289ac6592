"""A report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cockroach_pipelines.queries.headers.reporting import ReportFormat, ReportRules
from cockroach_pipelines.reporting.charts import HALF, WHOLE, svg
from cockroach_pipelines.reporting.formatting import Formatter
from cockroach_pipelines.reporting.model import Drawing, Report, Section, Table
from cockroach_pipelines.reporting.sparklines import sparkline
from cockroach_pipelines.reporting.themes import DARK, FONT, LIGHT

_MOST_KPIS_IN_A_ROW = 6
_PRINTED_SCALE = 2


@dataclass(frozen=True)
class _Picture:
    title: str
    wide: bool
    light: Markup | None = None
    dark: Markup | None = None
    image: str = ""


@dataclass(frozen=True)
class _ShownSection:
    name: str
    title: str
    text: str
    named: bool
    rows: int
    table: Table | None
    pictures: tuple[_Picture, ...]


@functools.cache
def environment() -> Environment:
    """Give the templates of this package; every value in them is escaped."""
    # Whatever a template's ending: values come from a database.
    return Environment(
        loader=PackageLoader("cockroach_pipelines.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def style(**more: object) -> Markup:
    """Give the style sheet; all that goes into it is this package's own."""
    return Markup(environment().get_template("style.css").render(light=LIGHT, dark=DARK, font=Markup(FONT), **more))  # noqa: S704


def page(report: Report, rules: ReportRules, *, printed: bool = False) -> str:
    """Give a report as a page.

    Args:
        report: The report.
        rules: What its header says.
        printed: Whether it goes to paper: charts are pictures, for a typesetter that draws no SVG of this kind.
    """
    formatter = Formatter(rules.locale, report.timezone)
    draw = _printed if printed else _both_ways
    sections = [_shown(number, section, rules, formatter, draw) for number, section in enumerate(report.sections)]
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            sections=sections,
            style=style(kpis=max(1, min(len(report.kpis), _MOST_KPIS_IN_A_ROW))),
            sparkline=sparkline,
            accent=LIGHT.accent,
            files=_files_of_all_rows(rules),
        )
    )


def _files_of_all_rows(rules: ReportRules) -> str:
    names = [each for each in (ReportFormat.PARQUET, ReportFormat.CSV) if each in rules.formats]
    return " and ".join(f"data.{each.value}" for each in names) or "data.parquet"


Draw = Callable[[Drawing, ReportRules, Formatter, bool, str], _Picture]


def _shown(number: int, section: Section, rules: ReportRules, formatter: Formatter, draw: Draw) -> _ShownSection:
    return _ShownSection(
        section.name,
        section.title,
        section.text,
        bool(section.name),
        section.rows,
        section.table,
        tuple(_pictures(number, section, rules, formatter, draw)),
    )


def _pictures(
    number: int, section: Section, rules: ReportRules, formatter: Formatter, draw: Draw
) -> Iterator[_Picture]:
    takes_a_row = [bool(drawing.chart.facet) for drawing in section.drawings]
    has_neighbour = False
    for index, drawing in enumerate(section.drawings):
        alone = not has_neighbour and (index + 1 == len(takes_a_row) or takes_a_row[index + 1])
        wide = takes_a_row[index] or alone
        has_neighbour = not wide and not has_neighbour
        yield draw(drawing, rules, formatter, wide, f"s{number}c{index}")


def _both_ways(drawing: Drawing, rules: ReportRules, formatter: Formatter, wide: bool, name: str) -> _Picture:
    width = WHOLE if wide else HALF
    light, dark = (
        # What vl-convert draws escapes the values in it.
        Markup(svg(drawing, rules.columns, formatter, theme, width=width, name=f"{name}{mode}"))  # noqa: S704
        for mode, theme in (("l", LIGHT), ("d", DARK))
    )
    return _Picture(drawing.title, wide, light, dark)


def _printed(drawing: Drawing, rules: ReportRules, formatter: Formatter, wide: bool, name: str) -> _Picture:
    drawn = svg(drawing, rules.columns, formatter, LIGHT, width=WHOLE if wide else HALF, name=name)
    return _Picture(
        drawing.title, wide, image=f"data:image/png;base64,{base64.b64encode(png_of(drawn, _PRINTED_SCALE)).decode()}"
    )


def png_of(drawn: str, scale: float = 1) -> bytes:
    """Give SVG as PNG, so many pixels to one of its own."""
    import vl_convert

    converted: Any = vl_convert.svg_to_png(drawn, scale=scale)
    return bytes(converted)
