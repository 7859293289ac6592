"""The workbook of a report, opened with another library than the one that writes it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from cockroach_pipelines.queries import ReportRules
from cockroach_pipelines.reporting import xlsx
from cockroach_pipelines.reporting.building import build
from tests.reporting.conftest import NOW, Read

TYPES = """
    /* @asset
    timezone: Europe/Berlin
    report:
      title: Every type
      columns: {money: eur, share: percent(1), count: {format: integer, alert: {above: 1}}, wide: {label: A wide one, width: 40}}
      chart: {type: line, x: day, y: count}
    */
    SELECT
        2::int4 AS count, 1234.5::numeric(10, 2) AS money, 0.125::float8 AS share, date '2024-01-31' AS day,
        timestamptz '2024-01-31 23:30+00' AS moment, true AS truth, 'text' AS wide, NULL::int4 AS nothing,
        9007199254740993::int8 AS large, 12345678901234567890.125::numeric(30, 3) AS exact, date '0900-01-01' AS old
    UNION ALL SELECT 1, 1, 1, date '2024-02-01', NULL, false, '', 1, 1, 1, NULL
    ORDER BY day
"""


@pytest.fixture
def book(read: Read, tmp_path: Path) -> Any:
    """Write the workbook of a file's text, and open it."""

    def book(text: str) -> Any:
        outcome = read(text)
        path = tmp_path / "report.xlsx"
        xlsx.write_xlsx(path, build(outcome, NOW), outcome.order.query.report or ReportRules())
        return openpyxl.load_workbook(path)

    return book


def test_values_have_their_types_and_formats(book: Any) -> None:
    sheet = book(TYPES).worksheets[0]
    assert sheet.title == "Every type"
    cells = {str(head.value): cell for head, cell in zip(sheet[1], sheet[2], strict=True)}
    assert {name: cell.value for name, cell in cells.items()} == {
        "Count": 2,
        "Money": 1234.5,
        "Share": 0.125,
        "Day": dt.datetime(2024, 1, 31),
        "Moment": dt.datetime(2024, 2, 1, 0, 30),
        "Truth": True,
        "A wide one": "text",
        "Nothing": "NULL",
        "Large": "9007199254740993",
        "Exact": "12345678901234567890.125",
        "Old": "0900-01-01",
    }
    formats = {name: cell.number_format for name, cell in cells.items()}
    assert (formats["Money"], formats["Share"], formats["Count"]) == ("[$EUR] #,##0.00", "0.0%", "#,##0")
    assert (formats["Day"], formats["Moment"]) == ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss")


def test_a_sheet_can_be_worked_with(book: Any) -> None:
    opened = book(TYPES)
    sheet = opened.worksheets[0]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:K3")
    assert sheet.column_dimensions["G"].width == pytest.approx(40, abs=1)
    assert len(sheet._charts) == 1
    (rules,) = [rules for ranged in sheet.conditional_formatting for rules in ranged.rules]
    assert rules.formula == ["AND(ISNUMBER(A2),A2>1)"]
    about = opened["About"]
    facts = {row[0].value: row[1].value for row in about.iter_rows() if row[0].value}
    assert facts["Alert"] == "Count is above 1 in 1 of 2 rows"
    assert facts["File"] == "reporting/r.sql"


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "https://example.com",
    "mailto:a@example.com",
    "0123",
    "{=1+1}",
    "1e5",
    "\u202eevil",
    "a\x01b",
]


def test_texts_stay_texts(book: Any) -> None:
    rows = ", ".join(f"(${'x'}${text}${'x'}$)" for text in HOSTILE)
    sheet = book(f"/* @asset\nreport: {{}}\n*/\nSELECT t FROM (VALUES {rows}) AS v (t)").worksheets[0]
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == [text.replace("\x01", "\N{REPLACEMENT CHARACTER}") for text in HOSTILE]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)


def test_text_longer_than_a_cell_is_cut_and_says_so(book: Any) -> None:
    sheet = book("/* @asset\nreport: {}\n*/\nSELECT repeat('ü', 32767) AS fits, repeat('ü', 40000) AS cut").worksheets[
        0
    ]
    fits, cut = sheet[2]
    assert fits.value == "ü" * 32767
    assert len(cut.value) == 32767
    assert cut.value.endswith("… cut: all 40,000 characters are in the Parquet file")


def test_more_rows_than_a_sheet_takes_are_cut_under_a_banner(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MOST_ROWS", 10)
    sheet = book("/* @asset\nreport: {}\n*/\nSELECT n FROM generate_series(1, 12) AS n").worksheets[0]
    assert sheet["A1"].value == "The first 10 of 12 rows. All of them are in the Parquet file beside this workbook."
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == ["N", *range(1, 11)]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A3", "A2:A12")


def test_sheets_of_sections_have_names_that_excel_takes(book: Any) -> None:
    opened = book(
        "/* @asset\nreport: {title: 'A/B: [what]?', sections: {two: 'A/B: [what]?', three: History}}\n*/\n"
        "-- name: one\nSELECT 1 AS a\n-- name: two\nSELECT 2 AS a\n-- name: three\nSELECT 3 AS a"
    )
    assert len(set(map(str.lower, opened.sheetnames))) == 4
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in opened.sheetnames)


def test_no_rows_give_a_sheet_with_its_head(book: Any) -> None:
    sheet = book("/* @asset\nreport: {}\n*/\nSELECT 1 AS a, 'x' AS b WHERE false").worksheets[0]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [["A", "B"]]
