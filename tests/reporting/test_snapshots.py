"""Snapshots: made once for each content, never changed, found again, and gone in time."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.queries import QueryFileError
from cockroach_pipelines.reporting import ReportError, SnapshotNotFoundError, SnapshotStore, produce
from cockroach_pipelines.reporting.differences import differences
from cockroach_pipelines.reporting.index import write_index
from cockroach_pipelines.reporting.manifest import Manifest
from tests.reporting.conftest import NOW, Keep, Read

NUMBERS = """
    /* @asset
    owner: team:numbers
    params: {count: {type: integer, default: 3}}
    checks: {small: {sql: SELECT * FROM result WHERE n > 2, severity: warn}}
    report:
      formats: [html, xlsx, csv, parquet, png]
      kpis: {total: {value: sum(n), alert: {above: 5}}}
      snapshot: keep 90 days
    */
    SELECT n, n / 3.0 AS third FROM generate_series(1, :count) AS n
"""


def test_a_snapshot_has_every_file_and_a_manifest_of_them(keep: Keep) -> None:
    snapshot = keep(NUMBERS)
    names = {path.name for path in snapshot.folder.iterdir()}
    assert names == {"manifest.json", "report.html", "report.png", "report.xlsx", "data.csv", "data.parquet"}
    said = json.loads((snapshot.folder / "manifest.json").read_text())
    assert {name: said[name] for name in ("asset", "partition", "rows", "owners", "parameters", "alerts")} == {
        "asset": "reporting/r",
        "partition": None,
        "rows": 3,
        "owners": ["team:numbers"],
        "parameters": {"count": "3"},
        "alerts": ["Total is above 5"],
    }
    assert said["checks"] == [
        {"name": "small", "passed": False, "severity": "warn", "wrong_rows": 1, "evaluated": True}
    ]
    assert said["kpis"][0] | {"label": ""} == {
        "name": "total", "label": "", "value": "6", "text": "6", "before": None, "change": None, "alert": "above 5",
    }  # fmt: skip
    assert Manifest.read(snapshot.folder) == snapshot.manifest
    assert {file.name: file.bytes for file in snapshot.manifest.files} == {
        name: (snapshot.folder / name).stat().st_size for name in names - {"manifest.json"}
    }
    assert [path for path in snapshot.folder.rglob("*") if path.stat().st_mode & 0o077] == []


def test_files_for_machines_are_exact(keep: Keep) -> None:
    snapshot = keep(NUMBERS)
    assert (snapshot.folder / "data.csv").read_text().splitlines()[1] == '1,"0.33333333333333333333"'
    table = pq.read_table(snapshot.folder / "data.parquet")
    assert next(str(value) for value in table["third"].to_pylist()) == "0.33333333333333333333"


def test_the_same_content_is_one_snapshot(keep: Keep, store: SnapshotStore, read: Read) -> None:
    first = keep(NUMBERS)
    content = {path: path.read_bytes() for path in first.folder.iterdir()}
    again = produce(read(NUMBERS), store, NOW + dt.timedelta(hours=1))
    assert (again.new, again.snapshot.id) == (False, first.id)
    other = keep(NUMBERS, now=NOW + dt.timedelta(hours=2), count=4)
    back = keep(NUMBERS, now=NOW + dt.timedelta(hours=3))
    assert len({first.id, other.id, back.id}) == 3
    assert back.manifest.digest == first.manifest.digest
    assert {path: path.read_bytes() for path in first.folder.iterdir()} == content


def test_what_the_header_says_is_content_too(keep: Keep) -> None:
    first = keep(NUMBERS)
    assert keep(NUMBERS.replace("above: 5", "above: 50"), now=NOW + dt.timedelta(hours=1)).id != first.id


def test_a_report_that_fails_leaves_no_snapshot(keep: Keep, store: SnapshotStore, read: Read) -> None:
    keep(NUMBERS)
    with pytest.raises(ReportError):
        keep(NUMBERS.replace("sum(n)", "sum(word)").replace("n / 3.0 AS third", "'x' AS word"))
    with pytest.raises(QueryFileError, match="no column 'm'") as raised:
        read("/* @asset\nreport: {kpis: {total: sum(m)}}\n*/\nSELECT * FROM generate_series(1, 2) AS n")
    assert (raised.value.place.line, raised.value.place.column) == (2, 24)
    assert "Known here: n." in str(raised.value)
    assert len(store.of("reporting/r", None)) == 1
    assert not (store.folder / ".staging").exists()


def test_old_snapshots_go_and_the_newest_stays(keep: Keep, store: SnapshotStore) -> None:
    first = keep(NUMBERS)
    second = keep(NUMBERS, now=NOW + dt.timedelta(days=89), count=4)
    assert [each.id for each in store.of("reporting/r", None)] == [first.id, second.id]
    third = keep(NUMBERS, now=NOW + dt.timedelta(days=91), count=5)
    assert [each.id for each in store.of("reporting/r", None)] == [second.id, third.id]
    last = keep(NUMBERS, now=NOW + dt.timedelta(days=900), count=6)
    assert [each.id for each in store.of("reporting/r", None)] == [last.id]


PREVIOUS = """
    /* @asset
    params: {count: {type: integer, default: 3}}
    report: {formats: [html], compare: previous snapshot, kpis: {total: sum(n)}}
    */
    SELECT n FROM generate_series(1, :count) AS n
"""


def test_a_report_is_compared_with_the_snapshot_before(keep: Keep) -> None:
    first = keep(PREVIOUS)
    assert first.manifest.kpis[0].before is None
    second = keep(PREVIOUS, now=NOW + dt.timedelta(days=1), count=4)
    assert (second.manifest.kpis[0].before, second.manifest.kpis[0].change) == (
        "6",
        "0.6666666666666666666666666666666667",
    )
    assert second.manifest.compared_with == "2024-02-01 06:30 UTC"
    assert keep(PREVIOUS, now=NOW + dt.timedelta(days=2), count=4).id == second.id


def test_snapshots_are_found_by_partition_and_name(keep: Keep, store: SnapshotStore) -> None:
    text = "/* @asset\npartition: {every: day, from: 2024-01-01}\nreport: {}\n*/\nSELECT :partition_key AS day"
    first, second = keep(text, "2024-01-01"), keep(text, "2024-01-02")
    assert store.find("reporting/r").id == second.id
    assert store.find("reporting/r", "2024-01-01").folder == first.folder
    assert store.find("reporting/r", "2024-01-01", first.id[:12]).id == first.id
    for asked, said in (
        (("reporting/other",), "has no snapshot below"),
        (("reporting/r", "2024-01-03"), "The newest are of 2024-01-01, 2024-01-02."),
        (("reporting/r", "2024-01-01", "nope"), "There are 20240201T"),
    ):
        with pytest.raises(SnapshotNotFoundError) as raised:
            store.find(*asked)
        assert said in str(raised.value)


def test_the_index_links_to_pages_that_are_there(keep: Keep, store: SnapshotStore) -> None:
    keep(NUMBERS.replace("report:", "report:\n      title: <b>Numbers</b>"))
    text = write_index(store).read_text()
    links = re.findall(r'href="([^"]+)"', text)
    assert len(links) == 2
    assert all((store.folder / link).is_file() for link in links)
    assert "&lt;b&gt;Numbers&lt;/b&gt;" in text
    assert 'class="alerted" title="1 alert"' in text


def test_two_snapshots_are_told_apart(keep: Keep) -> None:
    first = keep(NUMBERS)
    second = keep(NUMBERS.replace("n / 3.0 AS third", "n AS other"), now=NOW + dt.timedelta(hours=1), count=5)
    found = differences(first, second, sample=1)
    assert found.figures == (("Total", "6", "15"),)
    (only,) = found.statements
    assert only.columns == ("other", "third")
    assert (only.only_first, only.only_second) == (0, 2)
    assert only.second_sample is not None and only.second_sample.num_rows == 1
    assert differences(first, first, sample=1).equal


def test_every_statement_of_two_snapshots_is_told_apart(keep: Keep) -> None:
    text = """
        /* @asset
        report: {formats: [csv]}
        */
        -- name: same
        SELECT 1 AS one;
        -- name: other
        SELECT n FROM generate_series(1, 3) AS n;
        -- name: gone
        SELECT n AS a, n AS b FROM generate_series(1, 2) AS n
    """
    first = keep(text)
    second = keep(text.replace("1, 3", "3, 4").replace("gone", "come"), now=NOW + dt.timedelta(hours=1))
    found = {each.name: each for each in differences(first, second, sample=5).statements}
    assert list(found) == ["same", "other", "gone", "come"]
    assert found["same"].equal
    assert (found["other"].only_first, found["other"].only_second, found["other"].missing_in) == (2, 1, "")
    assert found["other"].first_sample is not None
    assert found["other"].first_sample.to_pydict() == {"n": ["1", "2"]}
    assert (found["gone"].only_first, found["gone"].missing_in) == (2, "B")
    assert (found["come"].only_second, found["come"].missing_in) == (2, "A")


def test_a_manifest_that_cannot_be_read_says_where(keep: Keep, store: SnapshotStore) -> None:
    snapshot = keep(NUMBERS)
    (snapshot.folder / "manifest.json").write_text("{}")
    with pytest.raises(ReportError, match=r"manifest\.json cannot be read"):
        store.latest("reporting/r", None)


def test_the_workbook_of_a_snapshot_opens(keep: Keep) -> None:
    path = keep(NUMBERS).path("xlsx")
    assert isinstance(path, Path)
    assert openpyxl.load_workbook(path).worksheets[0]["A2"].value == 1
