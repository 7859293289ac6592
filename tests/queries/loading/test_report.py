"""What a report's header may say, and the exact words of each refusal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cockroach_pipelines.queries import (
    BrokenQuery,
    FormatKind,
    Query,
    ReportFormat,
    SQLRepository,
    TableName,
    partition_window,
)
from cockroach_pipelines.queries.headers.reporting.column_formats import parse_format
from cockroach_pipelines.queries.headers.reporting.figures import parse_figure
from cockroach_pipelines.queries.partitions import earlier_window
from tests.queries.conftest import Load, Write

FULL = """
    /* @asset
    partition: {every: day, from: 2024-01-01}
    params: {least: {type: integer, default: 0}}
    report:
      formats: [html, xlsx, csv, parquet, pdf, png]
      title: Daily revenue
      locale: de_AT
      columns:
        revenue: {format: eur, label: Umsatz, width: 12, bar: true, change: true, alert: {change_below: -20%, above: 1_000}}
        share: percent(1)
      chart: {type: bar, x: shop, y: revenue}
      compare: {to: 7 days, by: [shop]}
      kpis:
        total: sum(revenue)
        mean: {value: sum(revenue) / count, format: number(2), good: up, alert: {below: 5}}
        visits: {value: sum(visits), of: visitors}
      sections: {visitors: {title: Visitors, table: false}}
      rows: 100
      snapshot: keep 90 days
      into: {table: marts.revenue, key: [shop, day]}
      deliver:
        - {to: email, recipients: [cfo@example.com], only_if: alert, attach: [pdf, xlsx]}
        - {to: "s3://reports/", attach: [parquet]}
    */
    -- name: shops
    SELECT shop, day, revenue, share FROM sales WHERE day >= :partition_start AND revenue > :least
    -- name: visitors
    SELECT day, count(*) AS visits FROM visits GROUP BY day
"""


def report_of(query: Query | BrokenQuery) -> Query:
    assert isinstance(query, Query), query.error
    assert query.report is not None
    return query


def errors_of(broken: Query | BrokenQuery, sql_folder: Path) -> list[str]:
    assert isinstance(broken, BrokenQuery)
    folder = f"{sql_folder}{os.sep}queries{os.sep}reporting{os.sep}"
    return [str(each).replace(folder, "").replace("\n", " ") for each in broken.error.problems]


def test_a_report_says_what_becomes_of_its_rows(load: Load) -> None:
    query = report_of(load(FULL))
    rules = query.report
    assert rules is not None
    assert rules.formats == (
        *tuple(ReportFormat)[:2],
        ReportFormat.CSV,
        ReportFormat.PARQUET,
        ReportFormat.PDF,
        ReportFormat.PNG,
    )
    assert rules.columns["share"].column_format == parse_format("percent(1)")
    assert (rules.chart[0].y, rules.snapshot, rules.kpis["total"].value) == (("revenue",), 90, "sum(revenue)")
    assert [alert.above for _, alert in rules.alerts] == [None, 1000]
    assert [statement.name for statement in query.statements[None].all] == ["shops", "visitors"]
    assert sorted(map(str, query.tables_read)) == ["sales", "visits"]
    assert query.tables_written == {TableName("", "marts", "revenue")}


def test_a_file_without_report_is_as_it_was(load: Load) -> None:
    query = load("SELECT 1 AS one")
    assert isinstance(query, Query)
    assert query.report is None
    assert query.statements[None].all == (query.statements[None],)


def test_every_part_of_a_report_is_in_the_code_version(load: Load) -> None:
    def version(text: str) -> str:
        query = load(text)
        assert isinstance(query, Query)
        return query.code_version

    whole = version(FULL)
    assert version(FULL.replace("title: Daily revenue", "title: Weekly revenue")) != whole
    assert version(FULL.replace("FROM visits", "FROM more_visits")) != whole
    assert version(FULL.replace("name: visitors\n", "name: visitors  \n")) == whole


def report(text: str, sql: str = "SELECT shop, revenue FROM sales", more: str = "") -> str:
    lines = "\n".join(f"      {line}" for line in text.splitlines())
    return f"/* @asset\n{more}report:\n{lines}\n*/\n{sql}\n"


REFUSALS = {
    "formats: [html, xslx]": "3:23: `report.formats.1`: 'xslx' is none of html, xlsx, pdf, png, csv, parquet. Did you mean 'xlsx'?",
    "formats: []": "3:16: `report.formats`: is empty: write something, or remove the key.",
    "titel: x": "3:7: Unknown key 'titel' of report. Did you mean 'title'?",
    "title:": "3:7: `report.title`: has no value. Give it one, or remove the key.",
    "columns: {revnue: eur}": "3:17: The result has no column 'revnue'. Did you mean 'revenue'?",
    "columns: {revenue: {formt: eur}}": "3:27: Unknown key 'formt' of report.columns.revenue. Did you mean 'format'?",
    "columns: {revenue: curency}": "3:26: `report.columns.revenue.format`: 'curency' is no format.",
    "columns: {revenue: integer(2)}": "3:26: `report.columns.revenue.format`: 'integer' takes no digits. Write integer, or number(2).",
    "columns: {revenue: {good: upp}}": "3:33: `report.columns.revenue.good`: 'upp' is none of up, down. Did you mean 'up'?",
    "columns: {revenue: {alert: {}}}": "3:34: `report.columns.revenue.alert`: says nothing. Write above, below, change_above or change_below.",
    "columns: {revenue: {alert: {above: many}}}": "3:42: `report.columns.revenue.alert.above`: 'many' is no number. Write one such as 15, 0.5 or 10%.",
    "columns: {revenue: {alert: {change_below: -20}}}": "3:49: `report.columns.revenue.alert.change_below`: -20 is no change. Write a percentage, such as -20% or 10%.",
    "columns: {revenue: {alert: {change_below: -20%}}}": "3:27: `report.columns.revenue.alert`: looks at a change. Add `compare: 7 days`, or what it is since.",
    "columns: {revenue: {change: true}}": "3:27: `report.columns.revenue.change`: has nothing to compare with. Add `compare: 7 days`.",
    "columns: {revenue: {width: 0}}": "3:34: `report.columns.revenue.width`: 0 is no whole number from 1 to 200.",
    "chart: {type: pie, x: shop, y: revenue}": "3:21: `report.chart.type`: 'pie' is none of line, bar, area, heatmap, scatter.",
    "chart: {type: bar, x: shop}": "3:7: `report.chart.y` is missing. Add `y: …`.",
    "chart: [{type: bar, x: shop, y: revenue}, {type: line, x: shp, y: revenue}]": "3:65: The result has no column 'shp'. Did you mean 'shop'?",
    "chart: {type: bar, x: shop, y: [revenue, revenu]}": "3:38: The result has no column 'revenu'. Did you mean 'revenue'?",
    "chart: {type: heatmap, x: shop, y: revenue}": "3:15: `report.chart.type`: a heatmap has its values in `color`. Add it: `color: mean_delay`.",
    "chart: {type: bar, x: shop, y: revenue, of: shops}": "3:51: There is no statement 'shops' in this file. Write `-- name: …` on a line above each statement",
    "kpis: {total: smu(revenue)}": "3:21: `report.kpis.total.value`: 'smu' is no figure. Did you mean 'sum'?",
    "kpis: {total: sum}": "3:21: `report.kpis.total.value`: sum names no column. Write sum(column).",
    "kpis: {total: sum(revnue) / count}": "3:21: The result has no column 'revnue'. Did you mean 'revenue'?",
    "kpis: {total: {of: x}}": "3:14: `report.kpis.total.value` is missing. Add `value: …`.",
    "compare: 7 days": "3:7: `report.compare`: the file has no partitions. Write previous snapshot, or add `partition`.",
    "compare: previous snapshop": "3:16: `report.compare.to`: 'previous snapshop' is nothing to compare with. Did you mean 'previous snapshot'?",
    "snapshot: 90 parsecs": "3:17: `report.snapshot`: '90 parsecs' does not say how long. Write keep 90 days, keep 2 years, or keep forever.",
    "into: 1sales": "3:13: `report.into.table`: '1sales' is no name of a table. Write table, schema.table or database.schema.table",
    "into: {table: t, key: [shp]}": "3:29: The result has no column 'shp'. Did you mean 'shop'?",
    "into: {table: t, partition: day}": "3:24: `report.into.partition`: the file has no partitions. Remove it.",
    "deliver: {to: emial, recipients: [a@example.com]}": "3:28: `report.deliver.recipients`: is for e-mail. Remove it, or write `to: email`.",
    "deliver: {to: emial}": "3:17: `report.deliver.to`: 'emial' is no way to deliver. Did you mean 'email'?",
    "deliver: {to: email}": "3:17: `report.deliver.to`: an e-mail has nobody to go to. Add `recipients: [team@example.com]`.",
    "deliver: {to: email, recipients: [nobody]}": "3:41: `report.deliver.recipients.0`: 'nobody' is no address. Write one such as team@example.com.",
    "deliver: [{to: ./out, attach: [pdf]}]": "3:29: `report.deliver.0.attach`: pdf is not among `formats`. Add it there.",
    "deliver: [{to: ./out, only_if: alert}]": "3:29: `report.deliver.0.only_if`: there is no alert. Add one to a column or a figure.",
    "deliver: [{to: ./out, only_if: rosw}]": "3:38: `report.deliver.0.only_if`: 'rosw' is none of always, rows, alert, change. Did you mean 'rows'?",
    "locale: german": "3:15: `report.locale`: 'german' is no locale. Write a language with or without a country, such as de or en_GB.",
    "locale: xx": "3:15: `report.locale`: nothing is known of the locale 'xx'. ",
    "locale: de_DT": "3:15: `report.locale`: nothing is known of the locale 'de_DT'. Did you mean 'de_IT'?",
    "rows: 6000": "3:13: `report.rows`: 6000 is no whole number from 0 to 5,000.",
}


@pytest.mark.parametrize(("said", "error"), REFUSALS.items(), ids=REFUSALS)
def test_each_mistake_is_an_error_at_its_place(load: Load, sql_folder: Path, said: str, error: str) -> None:
    (found,) = errors_of(load(report(said)), sql_folder)
    assert found.startswith(f"report.sql:{error}")


@pytest.mark.parametrize(
    ("partition", "said", "error"),
    [
        ("week", "compare: 3 days", "`report.compare`: no week begins 3 days before another. Write 1 week, for one."),
        ("month", "compare: 7 days", "`report.compare`: no month begins 7 days before another. Write 1 month, for one."),
        ("day", "into: t", "`report.into`: each partition would take the place of all others. Add `key: [...]` to upsert"),
        ("hour", "compare: 1 month", "`report.compare`: no hour begins 1 month before another. Write 7 days, for one."),
        ("two", "compare: 1 month", "`report.compare`: no day begins 1 month before another. Write 7 days, for one."),
        ("keys", "compare: 7 days", "`report.compare`: keys have no order in time, so that none is before another. Write previous snapshot."),
        ("keys", "compare: previous partition", "`report.compare`: keys have no order in time"),
        ("two", "into: {table: t, partition: shop}", "`report.into.partition`: one column cannot tell partitions of two dimensions apart."),
        ("day", "into: {table: t, key: [shop], partition: shop}", "`report.into.partition`: `key` upserts, and `partition` replaces."),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_partitions_is_refused(
    load: Load, sql_folder: Path, partition: str, said: str, error: str
) -> None:
    forms = {"keys": "{keys: [eu, us]}", "two": "{t: {every: day, from: 2024-01-01}, k: {keys: [eu, us]}}"}
    form = forms.get(partition, f"{{every: {partition}, from: 2024-01-01}}")
    more = f"partition: {form}\n"
    (found,) = errors_of(load(report(said, more=more)), sql_folder)
    assert error in found
    assert found.startswith("report.sql:4:")


def test_pdf_without_weasyprint_is_refused_at_its_place(
    load: Load, sql_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (found,) = errors_of(load(report("formats: [html, pdf]")), sql_folder)
    assert found.startswith("report.sql:3:16: A report as PDF needs WeasyPrint, which is not installed.")
    assert "pip install 'cockroach_pipelines[pdf]'" in found


def test_report_of_another_kind_of_file_is_refused(write: Write, sql_folder: Path) -> None:
    for folder in ("maintenance", "reconciliation"):
        write(f"{folder}/f.sql", "/* @asset\nreport: {formats: [html]}\n*/\nSELECT 1 AS one\n")
    broken = SQLRepository(sql_folder).broken
    for folder in ("maintenance", "reconciliation"):
        said = str(broken[f"{folder}/f"].error)
        assert "f.sql:2:1: `report` is for reports." in said
        assert "move the file below sql/queries/reporting" in said


def test_keys_of_reconciliations_are_still_refused_in_reports(load: Load, sql_folder: Path) -> None:
    (found,) = errors_of(load("/* @asset\nsource: t\n*/\nSELECT 1 AS one"), sql_folder)
    assert found.startswith("report.sql:2:1: `source` is for reconciliations.")


def test_who_reads_the_table_that_a_report_becomes_waits_for_it(write: Write, sql_folder: Path) -> None:
    write("reporting/first.sql", report("into: marts.revenue"))
    write("reporting/second.sql", "SELECT revenue FROM marts.revenue\n")
    assert SQLRepository(sql_folder).dependencies()["reporting/second"] == {"reporting/first"}


def test_columns_that_the_text_does_not_say_are_left_to_the_run(load: Load) -> None:
    for sql in ("SELECT * FROM sales", "SELECT shop, count(*) FROM sales GROUP BY shop"):
        assert isinstance(load(report("columns: {anything: eur}", sql)), Query)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT 1 AS a\n-- name: two\nSELECT 2 AS b", "This statement has no name."),
        ("-- name: one\nSELECT 1 AS a\n-- name: one\nSELECT 2 AS b", "The name 'one' stands here a second time; the first is in line 5."),
        ("-- name: one\nSELECT 1 AS a\n-- name:\nSELECT 2 AS b", "The name is missing here."),
        ("-- name: one\nSELECT 1 AS a\n-- name: two\n", "No statement follows the name 'two'."),
        ("-- name: one\nSELECT 1 AS a; SELECT 2 AS b", "A second of 2 statements begins here."),
        ("-- name: one\nSELECT 1 AS a\n-- name: two\nDELETE FROM t", "DELETE has no place in a report, which only reads."),
        ("-- name: one\nSELECT 1 AS a\n-- name: two\nSELECT :x AS b", "The parameter :x is not declared."),
    ],
)  # fmt: skip
def test_each_mistake_of_named_statements_is_an_error_at_its_place(
    load: Load, sql_folder: Path, sql: str, error: str
) -> None:
    found = errors_of(load(report("title: x", sql)), sql_folder)
    assert any(error in each for each in found), found


@pytest.mark.parametrize(
    ("text", "kind", "digits", "currency"),
    [
        ("integer", FormatKind.INTEGER, None, ""),
        ("number(3)", FormatKind.NUMBER, 3, ""),
        ("Percent ( 0 )", FormatKind.PERCENT, 0, ""),
        ("eur", FormatKind.CURRENCY, None, "EUR"),
        ("JPY(0)", FormatKind.CURRENCY, 0, "JPY"),
        ("sparkline", FormatKind.SPARKLINE, None, ""),
    ],
)
def test_formats_are_read(text: str, kind: FormatKind, digits: int | None, currency: str) -> None:
    form = parse_format(text)
    assert (form.kind, form.digits, form.currency) == (kind, digits, currency)


def test_figures_are_read_whatever_their_columns_are_called() -> None:
    assert str(parse_figure("avg(a/b) / count(*)")) == "mean(a/b) / count"
    assert parse_figure(" SUM( x ) ").columns == ("x",)
    with pytest.raises(ValueError, match="divides more than once"):
        parse_figure("count / count / count")


def test_a_partition_finds_the_one_that_it_is_compared_with(load: Load) -> None:
    def earlier(every: str, key: str, **by: int) -> str | None:
        query = load(
            f"/* @asset\npartition: {{every: {every}, from: 2024-01-01, timezone: Europe/Berlin}}\n*/\nSELECT 1 AS one"
        )
        assert isinstance(query, Query) and query.header.partition
        window = earlier_window(query.header.partition, partition_window(query.header.partition, key), **by)
        return window.key if window else None

    assert earlier("day", "2024-04-02", days=7) == "2024-03-26"  # across a change of the clock
    assert earlier("day", "2024-01-05", days=7) is None
    assert earlier("day", "2024-01-02") == "2024-01-01"
    assert earlier("week", "2024-01-08") == "2024-01-01"
    assert earlier("month", "2025-01-01", months=12) == "2024-01-01"
    assert earlier("month", "2024-03") == "2024-02-01"
    assert earlier("month", "2024-01") is None
