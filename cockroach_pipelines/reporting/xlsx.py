"""A report as a workbook: a sheet for each of its sections, and one for what is known of it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.queries.headers.reporting import Chart, ChartType, ColumnFormat, FormatKind, ReportRules
from cockroach_pipelines.reporting.formatting import Formatter
from cockroach_pipelines.reporting.model import Column, Report, Section
from cockroach_pipelines.reporting.themes import LIGHT
from cockroach_pipelines.reporting.values import values_of

MOST_ROWS = 50_000
"""Rows of a sheet: a workbook of more is slow to write and slower to open."""

LONGEST_TEXT = 32_767
"""Characters of a cell."""

_LARGEST_EXACT = 2**53
_EXACT_DIGITS = 15
_FIRST_DAY = dt.datetime(1900, 3, 1)  # before, Excel counts a day that never was
_SHEET_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_CHARTS = {
    ChartType.LINE: {"type": "line"},
    ChartType.BAR: {"type": "column"},
    ChartType.AREA: {"type": "area"},
    ChartType.SCATTER: {"type": "scatter"},
}


def write_xlsx(path: Path, report: Report, rules: ReportRules) -> None:
    """Write a workbook: real numbers, dates and truth values, text as text, whatever it looks like.

    What Excel would change stands there as text: numbers of more than 15 digits, moments before March 1900. Text longer
    than a cell holds is cut, and says so. Moments stand in the report's time zone.
    """
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        "tmpdir": str(path.parent),
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": report.title, "subject": report.asset, "author": ", ".join(report.owners)})
        work = _Workbook(book, report, rules, Formatter(rules.locale, report.timezone))
        for section in report.sections:
            work.add_section(section)
        work.add_facts()


@dataclass
class _Workbook:
    book: Any
    report: Report
    rules: ReportRules
    formatter: Formatter

    def __post_init__(self) -> None:
        self._names: set[str] = set()
        self._formats: dict[tuple[tuple[str, object], ...], Any] = {}

    def add_section(self, section: Section) -> None:
        """Add the rows of a section, up to what a sheet holds."""
        sheet = self.book.add_worksheet(self._sheet_name(section.title or self.report.title))
        shown = min(section.rows, MOST_ROWS)
        cut = section.rows > shown
        top = 1 if cut else 0
        if cut:
            said = f"The first {shown:,} of {section.rows:,} rows. All of them are in the Parquet file beside this workbook."
            sheet.write_string(0, 0, said, self._format(bold=True, font_color=LIGHT.bad))
        for number, column in enumerate(section.columns):
            sheet.write_string(
                top, number, _text(column.label), self._format(bold=True, bg_color="#EDF2F8", bottom=1, text_wrap=True)
            )
            sheet.set_column(number, number, _width(column))
        if section.columns:
            sheet.freeze_panes(top + 1, 0)
            sheet.autofilter(top, 0, top + max(shown, 1), len(section.columns) - 1)
        self._write_rows(sheet, section, top + 1, shown)
        self._mark_alerts(sheet, section, top + 1, shown)
        self._add_charts(sheet, section, top + 1, shown)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(top)

    def _write_rows(self, sheet: Any, section: Section, top: int, shown: int) -> None:
        written = 0
        formats = [self._cell_format(column) for column in section.columns]
        with pq.ParquetFile(section.path) as file:
            for batch in file.iter_batches(batch_size=4096):
                table = batch.slice(0, shown - written)
                columns = [values_of(_chunked(table, column.position)) for column in section.columns]
                for row in zip(*columns, strict=True) if columns else ():
                    for number, value in enumerate(row):
                        self._write(sheet, top + written, number, value, formats[number])
                    written += 1
                if written >= shown:
                    return

    def _write(self, sheet: Any, row: int, column: int, value: object, form: Any) -> None:
        match value:
            case None:
                sheet.write_string(row, column, "NULL", self._format(italic=True, font_color="#8A95A3"))
            case bool():
                sheet.write_boolean(row, column, value, form)
            case int() if abs(value) <= 10**_EXACT_DIGITS:
                sheet.write_number(row, column, value, form)
            case float() if value == value and abs(value) != float("inf"):
                sheet.write_number(row, column, value, form)
            case Decimal() if value.is_finite() and _fits(value):
                sheet.write_number(row, column, float(value), form)
            case dt.datetime():
                local = self.formatter.local(value).replace(tzinfo=None)
                if local < _FIRST_DAY or local.microsecond % 1000:
                    sheet.write_string(row, column, self.formatter.text(value))
                else:
                    sheet.write_datetime(row, column, local, form)
            case dt.date():
                moment = dt.datetime(value.year, value.month, value.day)
                if moment < _FIRST_DAY:
                    sheet.write_string(row, column, value.isoformat())
                else:
                    sheet.write_datetime(row, column, moment, form)
            case dt.time() if not value.microsecond % 1000:
                sheet.write_datetime(row, column, value, form)
            case _:
                right = self._format(align="right") if isinstance(value, int | Decimal | float) else None
                sheet.write_string(row, column, _text(self.formatter.text(value)), right)

    def _mark_alerts(self, sheet: Any, section: Section, top: int, shown: int) -> None:
        marked = self._format(bg_color="#FDECEA", font_color=LIGHT.bad, bold=True)
        for number, column in enumerate(section.columns):
            alert = column.rule.alert
            for criterion, limit in ((">", alert.above), ("<", alert.below)) if alert and column.is_number else ():
                if limit is not None:
                    # An empty text is above every number, to Excel.
                    rule = {"type": "formula", "criteria": _criterion(top, number, criterion, limit), "format": marked}
                    sheet.conditional_format(top, number, top + max(shown, 1) - 1, number, rule)

    def _add_charts(self, sheet: Any, section: Section, top: int, shown: int) -> None:
        place = 0
        for drawing in section.drawings:
            chart = self._chart(drawing.chart, section, sheet.get_name(), top, shown)
            if chart is not None:
                chart.set_title({"name": drawing.title, "name_font": {"size": 12}})
                chart.set_size({"width": 720, "height": 320})
                sheet.insert_chart(top + place * 17, len(section.columns) + 1, chart)
                place += 1

    def _chart(self, chart: Chart, section: Section, sheet: str, top: int, shown: int) -> Any | None:
        """Give a chart that Excel draws itself; None for one that it has no kind for."""
        places = {column.name: number for number, column in enumerate(section.columns)}
        kind = _CHARTS.get(chart.type)
        if kind is None or chart.color or chart.facet or not {chart.x, *chart.y} <= set(places) or not shown:
            return None
        made = self.book.add_chart(dict(kind))
        rows = (top, top + shown - 1)
        for name, color in zip(chart.y, LIGHT.series * len(chart.y), strict=False):
            made.add_series({
                "name": [sheet, top - 1, places[name]],
                "categories": [sheet, rows[0], places[chart.x], rows[1], places[chart.x]],
                "values": [sheet, rows[0], places[name], rows[1], places[name]],
                **({"line": {"color": color}} if chart.type is ChartType.LINE else {"fill": {"color": color}}),
            })  # fmt: skip
        if len(chart.y) == 1:
            made.set_legend({"none": True})
        return made

    def add_facts(self) -> None:
        """Add a sheet that says what is known of the report."""
        sheet = self.book.add_worksheet(self._sheet_name("About"))
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 3, 44)
        lines: list[Sequence[str]] = [(self.report.title, self.report.text)]
        lines += [("Alert", alert) for alert in self.report.alerts]
        lines += [("Not evaluated", alert) for alert in self.report.unjudged]
        lines += [("Note", note) for note in self.report.notes]
        lines += [
            (
                kpi.label,
                kpi.text or "no value",
                f"{kpi.delta.shown} since {self.report.compared_with}" if kpi.delta else "",
            )
            for kpi in self.report.kpis
        ]
        lines += list(self.report.facts)
        lines += [(f"Check {check.name}", check.text) for check in self.report.checks]
        for row, cells in enumerate(lines):
            for column, cell in enumerate(cells):
                sheet.write_string(row, column, _text(cell), self._format(bold=True) if column == 0 else None)

    def _sheet_name(self, title: str) -> str:
        base = _SHEET_NAME.sub(" ", title).strip(" '") or "Rows"
        name, number = base[:31], 1
        while name.lower() in self._names or name.lower() == "history":
            number += 1
            name = f"{base[: 28 - len(str(number))]} ({number})"
        self._names.add(name.lower())
        return name

    def _cell_format(self, column: Column) -> Any:
        return self._format(num_format=_excel_format(column))

    def _format(self, **properties: object) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format(properties)
        return self._formats[key]


def _chunked(batch: Any, position: int) -> Any:
    return pa.chunked_array([batch.column(position)])


def _fits(value: Decimal) -> bool:
    """Whether Excel, whose numbers have 15 digits, shows a number as it is."""
    return len(value.normalize().as_tuple().digits) <= _EXACT_DIGITS and abs(value) < _LARGEST_EXACT * 2


def _text(text: str) -> str:
    clean = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(clean) <= LONGEST_TEXT:
        return clean
    said = f"… cut: all {len(clean):,} characters are in the Parquet file"
    return f"{clean[: LONGEST_TEXT - len(said)]}{said}"


def _width(column: Column) -> float:
    return column.rule.width or max(10, min(36, len(column.label) + 3))


def _criterion(row: int, column: int, criterion: str, limit: Decimal) -> str:
    from xlsxwriter.utility import xl_rowcol_to_cell

    cell = xl_rowcol_to_cell(row, column)
    return f"=AND(ISNUMBER({cell}),{cell}{criterion}{limit})"


def _excel_format(column: Column) -> str:
    form, kind, unit = column.form, column.kind, column.rule.unit
    if form is None:
        if pa.types.is_timestamp(kind):
            return "yyyy-mm-dd hh:mm:ss"
        return (
            "yyyy-mm-dd"
            if pa.types.is_date(kind)
            else "hh:mm:ss"
            if pa.types.is_time(kind)
            else _with_unit("General", unit)
        )
    return _with_unit(_number_format(form), unit)


def _with_unit(form: str, unit: str | None) -> str:
    return f'{form}" {unit.replace(chr(34), "")}"' if unit and form != "@" else form


_FORMATS: Mapping[FormatKind, str] = {
    FormatKind.INTEGER: "#,##0",
    FormatKind.BYTES: "#,##0",
    FormatKind.DATE: "yyyy-mm-dd",
    FormatKind.TIME: "hh:mm",
    FormatKind.DATETIME: "yyyy-mm-dd hh:mm:ss",
    FormatKind.DURATION: "#,##0",
}


def _number_format(form: ColumnFormat) -> str:
    point = f".{'0' * form.digits}" if form.digits else ""
    match form.kind:
        case FormatKind.NUMBER | FormatKind.COMPACT:
            return f"#,##0{point}" if form.digits is not None else "#,##0.###"
        case FormatKind.PERCENT:
            return f"0{point if form.digits is not None else '.0'}%"
        case FormatKind.CURRENCY:
            return f"[${form.currency}] #,##0{point if form.digits is not None else '.00'}"
    return _FORMATS.get(form.kind, "General")
