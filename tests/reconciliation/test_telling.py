"""A result in words and pictures."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from cockroach_pipelines.reconciliation import Histogram, Kind, Progress, svg, telling, thumbnail
from tests.reconciliation.conftest import Databases


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (Progress("describe", 0, 0, 0, 0.0, None, 0), "looking at both sides"),
        (
            Progress("compare", 3, 40, 12_345, 98_765.4, 65.2, 7),
            "comparing, 3 of 40 segments, 12,345 rows, 98,765 rows/s, 7 differences, 65 s left",
        ),
        (Progress("checksums", 1, 9, 10, 5.0, 600.0, 0), "checksums, 1 of 9 segments, 10 rows, 5 rows/s, 10 min left"),
        (Progress("checksums", 1, 9, 10, 5.0, 9000.0, 0), "checksums, 1 of 9 segments, 10 rows, 5 rows/s, 2.5 h left"),
        (Progress("compare", 9, 9, 10, 5.0, 0.0, 0), "comparing, 9 of 9 segments, 10 rows, 5 rows/s"),
    ],
)
def test_progress_is_one_line(at: Progress, said: str) -> None:
    assert telling.progress(at) == said


def test_blanks_and_empty_texts_are_seen_in_the_sample(databases: Databases) -> None:
    databases.tables(
        "told", "id int PRIMARY KEY, t text", "VALUES (1, 'a'), (2, ''), (3, NULL), (4, 'x')",
        "VALUES (1, 'a '), (2, NULL), (3, 'NULL')",
    )  # fmt: skip
    result = databases.reconcile("told")
    assert telling.sample(result, 10) == [
        {"id": 1, "kind": "changed", "column": "t", "source": "a", "target": "'a '"},
        {"id": 2, "kind": "changed", "column": "t", "source": "''", "target": "NULL"},
        {"id": 3, "kind": "changed", "column": "t", "source": "NULL", "target": "'NULL'"},
        {"id": 4, "kind": "missing", "column": "", "source": "", "target": ""},
    ]
    assert len(telling.sample(result, 2)) == 2
    assert "source: snapshot" in next(iter(telling.consistency(result)))
    assert list(telling.oddities(result)) == []


def test_rows_without_a_key_are_shown_whole(databases: Databases) -> None:
    databases.tables("told", "t text", "VALUES ('a')", "VALUES ('b')")
    result = databases.reconcile("told", key=())
    assert [record["kind"] for record in telling.sample(result, 10)] == ["missing", "extra"]
    assert telling.sample(result, 10)[0]["source"] == '{"t": "a"}'
    assert "no key: whole rows were compared, as many times as they stand" in telling.oddities(result)


HISTOGRAM = Histogram(
    "placed <at>",
    (*(f"2013-01-{day:02} 10:00:00" for day in range(1, 30)), "& so on"),
    {Kind.MISSING: (0, 3) + (0,) * 27, Kind.EXTRA: (0,) * 29, Kind.CHANGED: (1, 1000) + (0,) * 26 + (1,)},
)


def test_picture_is_well_formed_and_has_a_bar_for_each_count() -> None:
    root = ElementTree.fromstring(svg(HISTOGRAM))  # noqa: S314 - drawn here
    bars = [each[0].text for each in root.iter("{http://www.w3.org/2000/svg}rect") if len(each)]
    assert bars == [
        "1 changed, 2013-01-01 10:00:00 to 2013-01-02 10:00:00",
        "3 missing, 2013-01-02 10:00:00 to 2013-01-03 10:00:00",
        "1,000 changed, 2013-01-02 10:00:00 to 2013-01-03 10:00:00",
        "1 changed, 2013-01-29 10:00:00 to & so on",
    ]
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Rows that differ along placed <at>" in texts
    assert {"3 missing", "1,002 changed"} <= set(texts)


def test_thumbnail_is_well_formed_and_short() -> None:
    url = thumbnail(HISTOGRAM)
    assert len(url) < 970
    root = ElementTree.fromstring(unquote(url.removeprefix("data:image/svg+xml,")))  # noqa: S314 - drawn here
    paths = [each.attrib["d"] for each in root.iter("{http://www.w3.org/2000/svg}path")]
    assert len(paths) == 2  # of a kind that does not occur there is none
    heights = [70 - int(top) for top in re.findall(r"V(\d+)h", paths[0])]
    assert (heights[0], max(heights), heights[-1]) == (60, 60, 1)  # a single row shows beside a thousand
