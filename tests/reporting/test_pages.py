"""The page of a report: what stands on it, and what of a hostile value reaches it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from cockroach_pipelines.queries import Query, ReportRules
from cockroach_pipelines.reporting import ReportError
from cockroach_pipelines.reporting.building import build
from cockroach_pipelines.reporting.charts import svg
from cockroach_pipelines.reporting.formatting import Formatter
from cockroach_pipelines.reporting.html import page
from cockroach_pipelines.reporting.model import Report, Tone
from cockroach_pipelines.reporting.pdf import pdf
from cockroach_pipelines.reporting.png import png
from cockroach_pipelines.reporting.sparklines import sparkline
from cockroach_pipelines.reporting.themes import LIGHT
from tests.reporting.conftest import NOW, Make, Read

SALES = """
    /* @asset
    description: What the shops took.
    owner: [team:sales, cfo@example.com]
    partition: {every: day, from: 2024-01-01}
    timezone: Europe/Berlin
    params: {least: {type: integer, default: 0}}
    checks: {none_negative: SELECT * FROM result WHERE revenue < 0}
    report:
      title: Revenue by shop
      compare: {to: 7 days, by: [shop]}
      columns:
        revenue: {format: eur, bar: true, change: true, good: up, alert: {change_below: -20%}}
        share: percent(1)
        curve: sparkline
      kpis:
        total: {value: sum(revenue), format: eur, good: up, alert: {below: 500}}
        shops: count
        visitors: {value: sum(visits), of: visitors, good: up}
      chart:
        - {type: bar, x: shop, y: revenue}
        - {type: line, x: day, y: visits, of: visitors}
      sections: {visitors: {title: Visitors, text: Counted at the doors.}}
    */
    -- name: shops
    SELECT shop, revenue::numeric(10, 2), share, note, curve
    FROM (VALUES
        (date '2024-01-08', 'Graz', 120.5, 0.305, NULL, ARRAY[1, 2, NULL, 4]),
        (date '2024-01-08', 'Wien', 274.5, 0.695, 'since <noon>', ARRAY[3, 2, 1, 0]),
        (date '2024-01-01', 'Graz', 200, 0.4, NULL, NULL),
        (date '2024-01-01', 'Wien', 250, 0.6, NULL, NULL)
    ) AS sales (day, shop, revenue, share, note, curve)
    WHERE day = :partition_key::date AND revenue > :least
    ORDER BY shop;
    -- name: visitors
    SELECT :partition_key::date + n AS day, 100 + n AS visits FROM generate_series(0, 2) AS n
"""


class Outline(HTMLParser):
    """What of a page can be told without looking at it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href", "action", "xlink:href")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(" ".join(data.split()))


def both(read: Read, text: str, partition: str | None = None, **parameters: object) -> tuple[Report, str]:
    outcome = read(text, partition, **parameters)
    query: Query = outcome.order.query
    assert query.report is not None
    made = build(outcome, NOW)
    return made, page(made, query.report)


def test_a_page_has_figures_charts_tables_and_what_is_known(read: Read) -> None:
    report, text = both(read, SALES, "2024-01-08")
    outline = Outline(text)
    assert text.count("<figure") == 2
    assert outline.tags.count("svg") == 2 * 2 + 2  # by day and by night, and two sparklines
    assert outline.tags.count("table") == 2
    seen = "\n".join(outline.text)
    for said in (
        "Revenue by shop",
        "€395.00",
        "−".replace("−", "-") + "39.8%",
        "from",
        "€450.00",
        "Changes are since 2024-01-01.",
        "Visitors",
        "Counted at the doors.",
        "Monday, January 8, 2024",
        "2024-02-01 07:30:00 CET",
        "team:sales, cfo@example.com",
        "reporting/r.sql",
        "least = 0",
        "Check none_negative",
        "✓ passed",
    ):
        assert said in seen, said
    assert re.search(r"SHA-256 of the file\n[0-9a-f]{64}", seen)
    assert report.alerts == ("Total is below €500.00", "Revenue changed beyond its limit in 1 of 2 rows")
    assert [(kpi.name, kpi.delta.tone if kpi.delta else None) for kpi in report.kpis] == [
        ("total", Tone.BAD),
        ("shops", Tone.NEUTRAL),
        ("visitors", Tone.NEUTRAL),
    ]


def test_a_page_needs_nothing_but_itself_and_runs_nothing(read: Read) -> None:
    _, text = both(read, SALES, "2024-01-08")
    outline = Outline(text)
    assert {"script", "link", "iframe", "object", "base", "form"}.isdisjoint(outline.tags)
    assert all(address.startswith(("#", "data:")) for address in outline.addresses)
    assert "default-src 'none'" in text
    assert "@import" not in text
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(names)


def test_null_is_told_from_empty_and_from_the_word(make: Make) -> None:
    report = make("/* @asset\nreport: {}\n*/\nSELECT NULL::text AS a, '' AS b, 'NULL' AS c")
    table = report.sections[0].table
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == [None, "", "NULL"]
    text = page(report, ReportRules())
    assert text.count('<span class="null">NULL</span>') == 1


def test_no_rows_give_a_page_that_says_so(read: Read) -> None:
    report, text = both(read, SALES, "2024-01-09")
    assert report.rows == 0
    assert "No rows. The statement ran and found nothing for 2024-01-09." in " ".join(text.split())
    assert "no value" in text
    assert "Total has no value" in report.unjudged
    png(report, ReportRules())


HOSTILE = """
    /* @asset
    report:
      title: <script>alert(1)</script>
      kpis: {worst: {value: first(a), label: '"><img src=x onerror=alert(1)>'}}
      columns: {b: {label: <b>bold</b>}}
      chart: {type: bar, x: a, y: n, color: b}
    */
    SELECT a, b, n FROM (VALUES
        ('<script>alert(2)</script>', '"><svg onload=alert(3)>', 1),
        ('{{ 7 * 7 }} {% raw %}', '&lt;', 2),
        (U&'\\202Eevil\\202C ' || 'مرحبا 漢字', ']]></style><style>', 3)
    ) AS v (a, b, n)
"""


def test_markup_in_values_is_text(read: Read) -> None:
    report, text = both(read, HOSTILE)
    outline = Outline(text)
    assert "script" not in outline.tags
    assert outline.tags.count("style") == 1
    assert "img" not in outline.tags
    seen = "\n".join(outline.text)
    for said in ("<script>alert(1)</script>", "<script>alert(2)</script>", "{{ 7 * 7 }} {% raw %}", "&lt;", "漢字"):
        assert said in seen, said
    assert "<bdi>\u202eevil\u202c" in text
    assert png(report, ReportRules()).startswith(b"\x89PNG")


def test_numbers_are_exact_whatever_their_size(make: Make) -> None:
    report = make(
        "/* @asset\nreport: {columns: {b: integer, c: number(2)}, kpis: {sum: sum(a), exact: sum(d)}}\n*/\n"
        "SELECT 9007199254740993::int8 AS a, 9223372036854775807::int8 AS b, 12345678901234567890.125::numeric(30, 3) AS c,"
        " 0.1::numeric(3, 1) AS d, 1e300::float8 AS e FROM generate_series(1, 3)"
    )
    table = report.sections[0].table
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == [
        "9007199254740993",
        "9,223,372,036,854,775,807",
        "12,345,678,901,234,567,890.12",
        "0.1",
        "1e+300",
    ]
    assert [str(kpi.value) for kpi in report.kpis] == ["27021597764222979", "0.3"]


@pytest.mark.parametrize(
    ("locale", "texts"),
    [
        ("en", ["1,234.50", "12.5%", "€1,234.50", "Jan 31, 2024", "1.2K"]),
        ("de_DE", ["1.234,50", "12,5\xa0%", "1.234,50\xa0€", "31.01.2024", "1234,5"]),
        ("fr_FR", ["1\u202f234,50", "12,5\xa0%", "1\u202f234,50\xa0€", "31 janv. 2024", "1,2\xa0k"]),
    ],
)
def test_numbers_and_dates_are_those_of_the_language(make: Make, locale: str, texts: list[str]) -> None:
    report = make(
        f"/* @asset\nreport: {{locale: {locale}, columns: {{a: number(2), b: percent(1), c: eur, d: date, e: compact}}}}\n*/\n"
        "SELECT 1234.5::numeric(10, 2) AS a, 0.125::numeric(5, 3) AS b, 1234.5::numeric(10, 2) AS c, date '2024-01-31' AS d,"
        " 1234.5::float8 AS e"
    )
    table = report.sections[0].table
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == texts
    assert report.language == locale.replace("_", "-")


def test_moments_are_those_of_the_time_zone(make: Make) -> None:
    report = make(
        "/* @asset\ntimezone: Asia/Kolkata\nreport: {columns: {b: datetime}}\n*/\n"
        "SELECT timestamptz '2024-01-31 20:00:00.25+00' AS a, timestamptz '2024-01-31 20:00+00' AS b,"
        " timestamp '2024-01-31 20:00' AS c"
    )
    table = report.sections[0].table
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == [
        "2024-02-01 01:30:00.25",
        "Feb 1, 2024, 1:30:00\u202fAM",
        "2024-01-31 20:00",
    ]


def test_right_to_left_pages_run_so(make: Make) -> None:
    report = make("/* @asset\nreport: {locale: ar}\n*/\nSELECT 'مرحبا' AS a")
    assert '<html lang="ar" dir="rtl">' in page(report, ReportRules(locale="ar"))


def test_long_tables_and_texts_are_cut_and_say_so(read: Read) -> None:
    _report, text = both(
        read, "/* @asset\nreport: {rows: 5}\n*/\nSELECT n, repeat('x', 40000) AS t FROM generate_series(1, 1234) AS n"
    )
    assert "The first 5 of 1,234 rows. All of them are in data.parquet." in text
    assert "(40,000 characters)" in text
    assert len(text) < 40_000


def test_values_of_every_type_can_be_shown(make: Make) -> None:
    report = make(
        "/* @asset\nreport: {}\n*/\nSELECT true AS a, '\\x00ff'::bytea AS b, ARRAY['x', NULL] AS c, '{\"k\": 1}'::jsonb AS d,"
        " interval '1 day 02:03' AS e, time '10:00' AS f, 'NaN'::float8 AS g, date '0044-03-15 BC' AS h"
    )
    table = report.sections[0].table
    assert table is not None
    texts = [cell.text for cell in table.rows[0]]
    assert texts[:4] == ["true", "00ff", "x, NULL", '{"k": 1}']
    assert (texts[4], texts[5], texts[6]) == ("P0M1DT2H3M0.000000S", "10:00:00", "nan")
    assert "0043" in str(texts[7]) or "44" in str(texts[7])


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("columns: {t: {alert: {above: 1}}}", "r.sql:3:30: An alert needs numbers, and 't' is text."),
        ("kpis: {rows: count, total: sum(t)}", "r.sql:3:36: sum(t) needs numbers, and 't' is text."),
        ("kpis: {total: {value: mean(t) / count}}", "r.sql:3:31: mean(t) needs numbers, and 't' is text."),
    ],
)
def test_what_cannot_be_made_of_the_rows_is_told_at_its_place(make: Make, said: str, error: str) -> None:
    with pytest.raises(ReportError) as raised:
        make(f"/* @asset\nreport:\n        {said}\n*/\nSELECT 'x' AS t")
    assert error in str(raised.value)


def test_a_page_becomes_pdf_with_its_words(read: Read) -> None:
    from io import BytesIO

    from pypdf import PdfReader

    outcome = read(SALES, "2024-01-08")
    report = build(outcome, NOW)
    assert outcome.order.query.report is not None
    reader = PdfReader(BytesIO(pdf(report, outcome.order.query.report)))
    words = " ".join(" ".join(sheet.extract_text() for sheet in reader.pages).split())
    for said in ("Revenue by shop", "€395.00", "Visitors", "2024-02-01 07:30:00 CET"):
        assert said in words
    assert len(reader.pages) <= 3


@pytest.mark.parametrize(
    ("partition", "key", "facts"),
    [
        ("{every: day, from: 2024-01-01}", "2024-01-02", {"Period": "Tuesday, January 2, 2024"}),
        ("{every: week, from: 2024-01-01}", "2024-01-08", {"Period": "January 8, 2024 – January 14, 2024"}),
        ("{every: month, from: 2024-01-01}", "2024-02", {"Period": "February 2024"}),
        (
            "{every: hour, from: 2024-01-01, offset: 15m}",
            "2024-01-01-05:15",
            {"Period": "2024-01-01 05:15:00 UTC – 2024-01-01 06:15:00 UTC"},
        ),
        (
            "{every: day, from: 2024-01-01, offset: 6h}",
            "2024-01-02",
            {"Period": "2024-01-02 06:00:00 UTC – 2024-01-03 06:00:00 UTC"},
        ),
        ("{keys: [eu, us]}", "eu", {"Partition": "eu"}),
        (
            "{day: {every: day, from: 2024-01-01}, region: {keys: [eu, us]}}",
            "2024-01-02|us",
            {"Period": "Tuesday, January 2, 2024", "Partition": "us"},
        ),
    ],
)
def test_a_page_says_what_its_partition_covers(make: Make, partition: str, key: str, facts: dict[str, str]) -> None:
    report = make(f"/* @asset\npartition: {partition}\nreport: {{}}\n*/\nSELECT 1 AS one", key)
    assert {name: said for name, said in report.facts if name in ("Period", "Partition")} == facts


def test_charts_fill_their_rows_whatever_stands_between_them(read: Read) -> None:
    charts = "[{type: bar, x: a, y: n}, {type: bar, x: a, y: n}, {type: line, x: n, y: n, facet: a}, {type: bar, x: a, y: n}]"
    _, text = both(read, f"/* @asset\nreport: {{chart: {charts}}}\n*/\nSELECT 'x' AS a, 1 AS n")
    assert re.findall(r'<figure class="(\w+)"', text) == ["half", "half", "wide", "wide"]


def test_a_cell_of_a_heatmap_without_a_value_is_there_and_told(read: Read) -> None:
    header = "/* @asset\nreport: {chart: {type: heatmap, x: a, y: b, color: n, title: Heat}}\n*/\n"
    report, _ = both(read, header + "SELECT * FROM (VALUES ('x', 'y', 1), ('x', 'z', NULL)) AS v (a, b, n)")
    assert report.notes == ("“Heat”: grey cells have no value.",)
    (drawing,) = report.drawings
    drawn = svg(drawing, {}, Formatter("en", "UTC"), LIGHT)
    assert drawn.count(f'fill="{LIGHT.muted}"') >= 1
    assert 'opacity="0.4"' in drawn


def test_axes_are_in_the_language_and_have_no_hours_between_dates(make: Make) -> None:
    report = make(
        "/* @asset\nreport: {locale: de, chart: {type: line, x: day, y: n}}\n*/\n"
        "SELECT date '2024-03-04' + n AS day, n * 1000000 AS n FROM generate_series(0, 3) AS n"
    )
    (drawing,) = report.drawings
    labels = re.findall(r"<text[^>]*>([^<]+)</text>", svg(drawing, {}, Formatter("de", "UTC"), LIGHT))
    assert {"Di. 05", "Mi. 06", "Do. 07"} <= set(labels)
    assert {"1M", "2M", "3M"} <= {label.replace(",00", "").replace(",0", "") for label in labels}
    assert not any("PM" in label or ":" in label for label in labels)


def test_a_sparkline_has_a_dot_where_a_number_stands_alone() -> None:
    assert sparkline([1.0]) == "M0.0 11.0 h0.1"
    assert sparkline([1.0, None, 2.0, 3.0]) == "M0.0 20.0 h0.1 M64.0 11.0 L96.0 2.0"
