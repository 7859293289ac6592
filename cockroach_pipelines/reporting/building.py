"""The rows of a report, made into what its readers see."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.execution import CheckOutcome, StagedResult
from cockroach_pipelines.queries import PartitionWindow
from cockroach_pipelines.queries.headers import PARTITION_PARAMETERS, Header, PartitionEvery, TimePartition
from cockroach_pipelines.queries.headers.reporting import (
    ChartType,
    ColumnFormat,
    ColumnRule,
    Figure,
    FormatKind,
    KpiRule,
    ReportRules,
    SectionRule,
)
from cockroach_pipelines.queries.loading import place_in_header
from cockroach_pipelines.reporting.aggregation import figures_of
from cockroach_pipelines.reporting.errors import ReportError
from cockroach_pipelines.reporting.formatting import Formatter
from cockroach_pipelines.reporting.judging import EarlierRows, Judge, Judgement, delta, humanised, number_of
from cockroach_pipelines.reporting.model import Cell, CheckLine, Column, Drawing, Kpi, Report, Section, Table
from cockroach_pipelines.reporting.report import Earlier, ReportOutcome
from cockroach_pipelines.reporting.values import first_rows, values_of

MOST_POINTS = 5_000
"""Rows that a chart draws: more cannot be told apart, and make a page that no browser likes."""

LONGEST_TEXT = 2_000
"""Characters of a value that a page shows; the files hold all of them."""


@dataclass(frozen=True)
class _Building:
    outcome: ReportOutcome
    rules: ReportRules
    formatter: Formatter
    earlier: Earlier | None
    judgement: Judgement

    @property
    def judge(self) -> Judge:
        missing = self.earlier.missing if self.earlier else "there is nothing to compare with"
        return Judge(self.formatter, missing)

    @property
    def first(self) -> str:
        return self.outcome.statement.name

    @property
    def results(self) -> Mapping[str, StagedResult]:
        staged = self.outcome.staged
        if staged is None:
            raise ReportError(f"{self.outcome.order.query.name} has no result to make a report of.")
        return {self.first: staged, **self.outcome.further}


def build(outcome: ReportOutcome, generated_at: dt.datetime, before: Earlier | None = None) -> Report:
    """Make a report of what was read.

    Args:
        outcome: What was read.
        generated_at: The moment it is made, with a zone.
        before: The snapshot before, where the report is compared with that.

    Raises:
        ReportError: A figure is asked of a column that has none, or the locale is unknown.
    """
    query, order = outcome.order.query, outcome.order
    rules = query.report or ReportRules()
    header = query.header
    try:
        formatter = Formatter(rules.locale, header.effective_timezone)
    except ReportError as error:
        error.place = place_in_header(query.path, ("report", "locale"))
        raise
    earlier = outcome.earlier or before
    work = _Building(outcome, rules, formatter, earlier, Judgement())
    kpis = tuple(_kpis(work))
    sections = tuple(_sections(work))
    if earlier and earlier.missing:
        work.judgement.notes.append(f"There is no comparison: {earlier.missing}.")
    symbols = formatter.number_symbols
    return Report(
        asset=query.name,
        title=rules.title or humanised(query.name),
        text=rules.text or query.description,
        partition=order.partition.key if order.partition else None,
        language=formatter.language,
        direction=formatter.direction,
        timezone=header.effective_timezone,
        generated_at=generated_at,
        compared_with=earlier.label if earlier else "",
        kpis=kpis,
        sections=sections,
        checks=tuple(map(_check_line, outcome.checks)),
        facts=tuple(_facts(outcome, header, formatter, generated_at, earlier)),
        alerts=tuple(work.judgement.alerts),
        unjudged=tuple(work.judgement.unjudged),
        notes=tuple(work.judgement.notes),
        owners=header.owners,
        number_symbols=(symbols["decimal"], symbols["group"]),
    )


def _kpis(work: _Building) -> Iterator[Kpi]:
    values: dict[str, object] = {}
    before: dict[str, object] = {}
    for name, result in work.results.items():
        mine = {key: rule.figure for key, rule in work.rules.kpis.items() if (rule.of or work.first) == name}
        if not mine:
            continue
        values |= _values(work, result.path, mine)
        if work.earlier and name in work.earlier.files:
            before |= _values(work, work.earlier.files[name], mine)
    for key, rule in work.rules.kpis.items():
        value, old = values[key], before.get(key)
        label, form = rule.label or humanised(key), _kpi_format(rule, work.rules, value)
        change = delta(value, old, rule, work.formatter)
        alert = work.judge.judge_figure(label, rule, value, old, change, work.judgement)
        yield Kpi(
            key,
            label,
            value,
            work.formatter.text(value, form, rule.unit) if value is not None else None,
            work.formatter.text(old, form, rule.unit) if old is not None else None,
            change,
            alert,
        )


def _values(work: _Building, path: Path, figures: Mapping[str, Figure]) -> dict[str, object]:
    try:
        found = figures_of(path, figures.values())
    except ReportError as error:
        key = next(
            (key for key, each in figures.items() if any(str(one) in error.message for one in each.aggregates)), ""
        )
        error.place = place_in_header(work.outcome.order.query.path, ("report", "kpis", key, "value"))
        raise
    return {key: found[figure] for key, figure in figures.items()}


def _kpi_format(rule: KpiRule, rules: ReportRules, value: object) -> ColumnFormat | None:
    if rule.column_format:
        return rule.column_format
    figure = rule.figure
    if figure.divisor is None and figure.aggregate.column and figure.aggregate.function not in ("count", "distinct"):
        column = rules.columns.get(figure.aggregate.column)
        if column and column.column_format:
            return column.column_format
    if isinstance(value, int) and not isinstance(value, bool):
        return ColumnFormat(FormatKind.INTEGER)
    return ColumnFormat(FormatKind.NUMBER, 2) if isinstance(value, float | Decimal) else None


def _sections(work: _Building) -> Iterator[Section]:
    for name, result in work.results.items():
        said = work.rules.sections.get(name, SectionRule())
        columns = tuple(_columns(work.rules, result.schema))
        earlier = _earlier_rows(work, name, columns)
        for column in columns:
            work.judge.judge_column(result.path, column.name, column.rule, earlier, work.judgement)
        shown = tuple(column for column in columns if not column.rule.hide)
        yield Section(
            name=name,
            title=said.title or humanised(name),
            text=said.text or "",
            path=result.path,
            schema=result.schema,
            rows=result.rows,
            drawings=tuple(_drawings(work, name, result)),
            table=_table(work, result, shown, earlier) if said.table and result.rows and work.rules.rows else None,
            columns=shown,
        )


def _columns(rules: ReportRules, schema: pa.Schema) -> Iterator[Column]:
    for position, field in enumerate(schema):
        rule = rules.columns.get(field.name, ColumnRule())
        label = rule.label or humanised(field.name)
        yield Column(field.name, label, position, field.type, rule, rule.column_format)


def _earlier_rows(work: _Building, name: str, columns: Sequence[Column]) -> EarlierRows | None:
    if name != work.first or not work.rules.compares_rows or work.earlier is None:
        return None
    path = work.earlier.files.get(name)
    wanted = [
        column.name
        for column in columns
        if column.rule.change or (column.rule.alert and column.rule.alert.needs_comparison)
    ]
    if path is None or not wanted:
        return None
    return EarlierRows.read(path, work.rules.compare.by if work.rules.compare else None, wanted)


def _table(work: _Building, result: StagedResult, columns: tuple[Column, ...], earlier: EarlierRows | None) -> Table:
    table = first_rows(result.path, work.rules.rows)
    values = {column.name: values_of(table[column.position]) for column in columns}
    keys: list[tuple[object, ...]] = [()] * table.num_rows
    if earlier and not earlier.problem:
        keys = list(zip(*(values_of(table[name]) for name in earlier.by), strict=True))
    largest = {column.name: _largest(values[column.name]) for column in columns if column.rule.bar}
    rows = [
        tuple(
            _cell(work, column, values[column.name][number], largest.get(column.name), earlier, keys[number])
            for column in columns
        )
        for number in range(table.num_rows)
    ]
    if earlier and earlier.problem:
        work.judgement.notes.append(f"Rows are not compared: {earlier.problem}.")
    return Table(columns, tuple(rows), result.rows)


def _cell(
    work: _Building,
    column: Column,
    value: object,
    largest: Decimal | None,
    earlier: EarlierRows | None,
    key: tuple[object, ...],
) -> Cell:
    if value is None:
        return Cell(None, None)
    rule = column.rule
    if column.is_sparkline and isinstance(value, list):
        series = tuple(None if (number := number_of(each)) is None else float(number) for each in value)
        return Cell(value, work.formatter.text(value), series=series)
    before = earlier.value(key, column.name) if earlier else None
    change = delta(value, before, rule, work.formatter)
    number = number_of(value)
    bar = float(max(number, Decimal(0)) / largest) if largest and number is not None else None
    text = work.formatter.text(value, column.form, rule.unit)
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}… ({len(text):,} characters)"
    alert = work.judge.reason(rule.alert, value, change, rule) if rule.alert else ""
    return Cell(value, text, change if rule.change else None, alert, bar)


def _largest(values: Sequence[object]) -> Decimal | None:
    numbers = [number for value in values if (number := number_of(value)) is not None]
    return max(numbers, default=None) or None


def _drawings(work: _Building, name: str, result: StagedResult) -> Iterator[Drawing]:
    for chart in work.rules.chart:
        if (chart.of or work.first) != name or not result.rows:
            continue
        names = list(dict.fromkeys(column for _, column in chart.columns))
        with pq.ParquetFile(result.path) as file:
            batches, rows = [], 0
            for batch in file.iter_batches(batch_size=MOST_POINTS, columns=names):
                batches.append(batch.slice(0, MOST_POINTS - rows))
                rows += batches[-1].num_rows
                if rows >= MOST_POINTS:
                    break
        drawing = Drawing(
            chart,
            chart.title or _chart_title(work.rules, chart.y, chart.x, chart.color, chart.type),
            pa.Table.from_batches(batches),
            result.rows,
        )
        if drawing.cut:
            work.judgement.notes.append(f"“{drawing.title}” draws the first {rows:,} of {result.rows:,} rows.")
        if chart.type is ChartType.HEATMAP and chart.color and drawing.table[chart.color].null_count:
            work.judgement.notes.append(f"“{drawing.title}”: grey cells have no value.")
        yield drawing


def _chart_title(rules: ReportRules, y: Sequence[str], x: str, color: str | None, kind: ChartType) -> str:
    def label(name: str) -> str:
        rule = rules.columns.get(name)
        return (rule.label if rule else None) or humanised(name)

    if kind is ChartType.HEATMAP and color:
        return f"{label(color)} by {label(x).lower()} and {label(y[0]).lower()}"
    return f"{', '.join(map(label, y))} by {label(x).lower()}"


def _check_line(check: CheckOutcome) -> CheckLine:
    if check.error:
        return CheckLine(check.name, False, "could not be evaluated")
    if check.passed:
        return CheckLine(check.name, True, "passed")
    rows = "1 row is" if check.wrong_rows == 1 else f"{check.wrong_rows:,} rows are"
    return CheckLine(check.name, False, f"{rows} wrong ({check.severity.value})")


def _facts(
    outcome: ReportOutcome, header: Header, formatter: Formatter, generated_at: dt.datetime, earlier: Earlier | None
) -> Iterator[tuple[str, str]]:
    query, order = outcome.order.query, outcome.order
    if order.partition:
        yield from _covered(header, order.partition, formatter)
    yield "Generated at", formatter.moment(generated_at)
    yield "Data as of", outcome.seen or f"one snapshot, {formatter.moment(outcome.started)}"
    yield "Rows", f"{outcome.rows:,}"
    if earlier and earlier.label:
        yield "Compared with", earlier.label
    yield "Owner", ", ".join(header.owners) or "nobody is named"
    yield "File", f"{query.name}.sql"
    yield "SHA-256 of the file", file_hash(outcome.statement.path)
    yield "Database", f"{outcome.connection} ({outcome.server})"
    values = {name: value for name, value in order.values.items() if name not in PARTITION_PARAMETERS}
    if values:
        yield "Parameters", ", ".join(f"{name} = {_parameter(value, formatter)}" for name, value in values.items())


def _parameter(value: object, formatter: Formatter) -> str:
    return "NULL" if value is None else formatter.text(value)


def file_hash(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _covered(header: Header, window: PartitionWindow, formatter: Formatter) -> Iterator[tuple[str, str]]:
    time = header.partition.time if header.partition else None
    if time is None:
        yield "Partition", window.key
        return
    yield "Period", period(time, window, formatter)
    if window.member is not None:
        yield "Partition", window.member


def period(partition: TimePartition, window: PartitionWindow, formatter: Formatter) -> str:
    """Write which time a partition covers: days in its zone, moments where it does not begin at midnight."""
    from babel.dates import format_date, format_skeleton

    assert window.start is not None and window.end is not None and window.time_key  # noqa: S101 - for the type checker
    if partition.every is PartitionEvery.HOUR or partition.offset:
        return f"{formatter.moment(window.start)} – {formatter.moment(window.end)}"
    start = dt.date.fromisoformat(window.time_key)
    if partition.every is PartitionEvery.DAY:
        return str(format_date(start, "full", locale=formatter.locale))
    if partition.every is PartitionEvery.MONTH and start.day == 1:
        return str(format_skeleton("yMMMM", start, locale=formatter.locale))
    end = (window.end.astimezone(ZoneInfo(partition.timezone)) - dt.timedelta(seconds=1)).date()
    return (
        f"{format_date(start, 'long', locale=formatter.locale)} – {format_date(end, 'long', locale=formatter.locale)}"
    )


def with_note(report: Report, note: str) -> Report:
    """Give a report with one more thing that its readers have to know."""
    return replace(report, notes=(*report.notes, note))
