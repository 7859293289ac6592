"""A report as one picture, for e-mail and previews: its title, figures and first charts."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from cockroach_pipelines.queries.headers.reporting import ReportRules
from cockroach_pipelines.reporting.charts import WHOLE, svg
from cockroach_pipelines.reporting.formatting import Formatter
from cockroach_pipelines.reporting.html import png_of
from cockroach_pipelines.reporting.model import Kpi, Report, Table
from cockroach_pipelines.reporting.themes import CHART_FONT, LIGHT

_WIDTH, _MARGIN, _GAP = 1120, 40, 14
_MOST_ALERTS, _MOST_KPIS, _MOST_CHARTS, _MOST_ROWS, _MOST_COLUMNS = 4, 5, 2, 12, 7
_SIZE = re.compile(r'<svg\b[^>]*?\bviewBox="0 0 ([\d.]+) ([\d.]+)"')
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_TONES = {"good": LIGHT.good, "bad": LIGHT.bad, "neutral": LIGHT.muted}


def png(report: Report, rules: ReportRules) -> bytes:
    """Give a report as a picture, by day, 1,120 pixels wide."""
    return png_of(picture(report, rules))


def picture(report: Report, rules: ReportRules) -> str:
    """Give a report as SVG: figures, then charts, or the first rows where there is none."""
    drawing = _Drawing()
    drawing.text(report.asset, 13, LIGHT.muted, before=26)
    title = report.title if report.partition is None else f"{report.title} · {report.partition}"
    drawing.text(_cut(title, 62), 30, LIGHT.ink, weight=700, before=38)
    told = [*report.alerts, *(f"Not evaluated: {alert}" for alert in report.unjudged)]
    for alert in told[:_MOST_ALERTS]:
        drawing.text(f"● {_cut(alert, 130)}", 14, LIGHT.bad, before=26)
    if len(told) > _MOST_ALERTS:
        drawing.text(f"and {len(told) - _MOST_ALERTS} more", 14, LIGHT.bad, before=26)
    drawing.skip(22)
    drawing.figures(report.kpis[:_MOST_KPIS])
    formatter = Formatter(rules.locale, report.timezone)
    for number, each in enumerate(list(report.drawings)[:_MOST_CHARTS]):
        drawing.chart(each.title, svg(each, rules.columns, formatter, LIGHT, width=WHOLE, name=f"p{number}"))
    first = report.sections[0]
    if not list(report.drawings) and first.table:
        drawing.table(first.table)
    if not first.rows:
        drawing.text("No rows.", 16, LIGHT.muted, before=40)
    facts = [f"{report.rows:,} rows" if report.rows != 1 else "1 row"]
    if (left := len(report.kpis) - _MOST_KPIS) > 0:
        facts.append(f"{left} more figures" if left > 1 else "1 more figure")
    if report.compared_with:
        facts.append(f"changes since {report.compared_with}")
    facts.append(f"generated {formatter.moment(report.generated_at)}")
    drawing.text(", ".join(facts), 12, LIGHT.muted, before=30)
    return drawing.made()


def _cut(text: str, characters: int) -> str:
    clean = " ".join(_CONTROL.sub("", text).split())
    return clean if len(clean) <= characters else f"{clean[: characters - 1]}…"


class _Drawing:
    """A picture that grows downwards."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._y = 20.0

    def skip(self, pixels: float) -> None:
        self._y += pixels

    def text(self, text: str, size: int, color: str, *, weight: int = 400, before: float = 0) -> None:
        self._y += before
        self._write(text, _MARGIN, self._y, size, color, weight)

    def figures(self, kpis: tuple[Kpi, ...]) -> None:
        if not kpis:
            return
        width = (_WIDTH - 2 * _MARGIN - _GAP * (len(kpis) - 1)) / len(kpis)
        characters = int(width / 7.6) - 4
        for number, kpi in enumerate(kpis):
            x = _MARGIN + number * (width + _GAP)
            self._box(x, self._y, width, 104, LIGHT.bad if kpi.alert else LIGHT.grid)
            self._write(_cut(kpi.label, characters), x + 18, self._y + 28, 13, LIGHT.muted)
            self._write(_cut(kpi.text or "no value", max(8, characters // 2)), x + 18, self._y + 62, 27, LIGHT.ink, 700)
            if kpi.delta:
                said = f"{kpi.delta.arrow} {kpi.delta.shown}"
                self._write(said, x + 18, self._y + 87, 13, _TONES[kpi.delta.tone], 700)
        self._y += 104

    def chart(self, title: str, drawn: str) -> None:
        match = _SIZE.search(drawn)
        width, height = (float(match[1]), float(match[2])) if match else (WHOLE, 260.0)
        scale = min(1.0, (_WIDTH - 2 * _MARGIN - 32) / width)
        self._y += _GAP
        self._box(_MARGIN, self._y, _WIDTH - 2 * _MARGIN, height * scale + 60, LIGHT.grid)
        self._write(_cut(title, 110), _MARGIN + 18, self._y + 28, 15, LIGHT.ink, 700)
        placed = f'<svg x="{_MARGIN + 16}" y="{self._y + 44}" width="{width * scale}" height="{height * scale}"'
        self._parts.append(
            re.sub(r'<svg\b(?=[^>]*viewBox)([^>]*?)\swidth="[^"]*"\sheight="[^"]*"', rf"{placed}\1", drawn, count=1)
        )
        self._y += height * scale + 60

    def table(self, table: Table) -> None:
        columns = table.columns[:_MOST_COLUMNS]
        width = (_WIDTH - 2 * _MARGIN - 36) / max(len(columns), 1)
        rows = table.rows[:_MOST_ROWS]
        self._y += _GAP
        self._box(_MARGIN, self._y, _WIDTH - 2 * _MARGIN, 30.0 * (len(rows) + 1) + 16, LIGHT.grid)
        characters = int(width / 8)
        lines = [[(column.label, LIGHT.muted) for column in columns]]
        lines += [
            [
                ("NULL" if cell.text is None else cell.text, LIGHT.bad if cell.alert else LIGHT.ink)
                for cell in row[: len(columns)]
            ]
            for row in rows
        ]
        for line, cells in enumerate(lines):
            for number, (text, color) in enumerate(cells):
                right = columns[number].is_number
                x = _MARGIN + 18 + width * (number + (0.94 if right else 0))
                self._write(
                    _cut(text, characters), x, self._y + 28 + 30 * line, 13, color, anchor="end" if right else "start"
                )
        self._y += 30.0 * len(lines) + 16

    def made(self) -> str:
        height = self._y + 28
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{_WIDTH}" '
            f'height="{height:.0f}" viewBox="0 0 {_WIDTH} {height:.0f}"><rect width="100%" height="100%" '
            f'fill="{LIGHT.page}"/>{"".join(self._parts)}</svg>'
        )

    def _box(self, x: float, y: float, width: float, height: float, stroke: str) -> None:
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="14" fill="{LIGHT.surface}" stroke="{stroke}"/>'
        )

    def _write(
        self, text: str, x: float, y: float, size: int, color: str, weight: int = 400, anchor: str = "start"
    ) -> None:
        clean = escape(_CONTROL.sub("", text))
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-family="{CHART_FONT}" font-size="{size}" font-weight="{weight}" '
            f'text-anchor="{anchor}" fill="{color}">{clean}</text>'
        )
