"""What a row costs as tables grow: both sides in two databases of one server, sizes one after the other."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.contestants.contestant import Place
from benchmarks.ratios import Ratio
from benchmarks.reconciliation_cases import BIGINT, COLUMNS, create, difference
from benchmarks.reconciliation_trial import Comparison, Outcome, run_comparison
from benchmarks.server import started_server

_TARGET = "scale_target"
_DIFFERENCES = ("none", "few", "many")
_NAMES = {"none": "no difference", "few": "100 differences", "many": "a tenth changed"}
_FLOOR = "one checksum a side"
# A row with its place in the index, twice for the write-ahead log and what is sorted for the index.
_BYTES_EACH = 2 * 150
_MOST_GROWTH = 1.25
_MICROSECONDS = 1e6
_MEGABYTE = 1e6

Say = Callable[[str], None]


@dataclass(frozen=True)
class Point:
    """What a comparison of tables of one size came to; `case` also names the floor."""

    case: str
    rows: int
    outcomes: tuple[Outcome, ...]
    expected: int

    @property
    def seconds(self) -> float:
        """Seconds of a run after a process's first; the median."""
        return statistics.median(second for each in self.outcomes for second in each.seconds[1:])

    @property
    def each(self) -> float:
        """Microseconds a row."""
        return self.seconds / self.rows * _MICROSECONDS

    @property
    def peak(self) -> int:
        """Most memory of a process, in bytes."""
        return max(each.peak_bytes for each in self.outcomes)

    @property
    def is_right(self) -> bool:
        """Whether the differences that were made were found."""
        return all(each.differences in (None, self.expected) for each in self.outcomes)


def measure_scale(sizes: Sequence[int], rounds: int, say: Say) -> list[Point]:
    """Compare tables of each size that the disk has room for, in fresh processes.

    Args:
        sizes: Rows of a table.
        rounds: Processes for each comparison.
        say: Told how it goes.
    """
    points: list[Point] = []
    with tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-") as name:
        folder = Path(name)
        with started_server(folder) as server:
            source, target = server.place, replace(server.place, database=_TARGET)
            with psycopg.connect(source.url(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {_TARGET}")
            for rows in sorted(sizes):
                # The source, and one target at a time.
                if shutil.disk_usage(folder).free < 2 * rows * _BYTES_EACH:
                    say(f"{rows:,} rows: no room on the disk")
                    continue
                for point in _measure(source, target, rows, rounds):
                    points.append(point)
                    say(f"{rows:,} rows, {point.case}: {point.each:.2f} µs a row, {point.peak / _MEGABYTE:.0f} MB")
    return points


def _measure(source: Place, target: Place, rows: int, rounds: int) -> Iterator[Point]:
    with _table(source, rows, "none") as ours:
        for name in _DIFFERENCES:
            with _table(target, rows, name) as theirs:
                asked = Comparison("project", source, target, ours, theirs, BIGINT.columns, COLUMNS, runs=3)
                expected = difference(name, rows).expected(rows)
                if name == "none":
                    floor = replace(asked, contestant="floor")
                    yield Point(_FLOOR, rows, tuple(run_comparison(floor) for _ in range(rounds)), expected)
                yield Point(_NAMES[name], rows, tuple(run_comparison(asked) for _ in range(rounds)), expected)


@contextmanager
def _table(place: Place, rows: int, name: str) -> Iterator[str]:
    table = f"scale_{name}_{rows}"
    with psycopg.connect(place.url(), autocommit=True) as connection:
        for statement in create(table, BIGINT, rows, difference(name, rows)):
            connection.execute(statement)
        yield table
        connection.execute(f"DROP TABLE {table}")
        connection.execute("CHECKPOINT")  # gives the write-ahead log's room back


def growth(points: Sequence[Point]) -> list[Ratio]:
    """Give for each case what a row of the largest table costs beside one of the smallest."""
    found = []
    for case in dict.fromkeys(point.case for point in points if point.case != _FLOOR):
        own = [point for point in points if point.case == case]
        if len(own) > 1:
            claim = f"a row of {own[-1].rows:,} / of {own[0].rows:,}"
            found.append(Ratio(case, claim, own[-1].each / own[0].each, _MOST_GROWTH, at_most=True))
    return found


def plot(points: Sequence[Point]) -> str:
    """Draw what a row costs and the memory it takes over the size of the tables, as SVG."""
    import vl_convert

    drawn: Any = vl_convert.vegalite_to_svg(json.dumps(_specification(points)), allowed_base_urls=[])
    return str(drawn)


def _specification(points: Sequence[Point]) -> dict[str, Any]:
    values = [
        {"case": point.case, "rows": point.rows, "each": point.each, "peak": point.peak / _MEGABYTE} for point in points
    ]
    cases = list(dict.fromkeys(point.case for point in points))

    def panel(field: str, title: str, shown: Sequence[str]) -> dict[str, Any]:
        return {
            "width": 320,
            "height": 220,
            "transform": [{"filter": {"field": "case", "oneOf": list(shown)}}],
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {
                    "field": "rows",
                    "type": "quantitative",
                    "scale": {"type": "log"},
                    "axis": {
                        "title": "rows a side",
                        "format": "~s",
                        "values": sorted({point.rows for point in points}),
                    },
                },
                "y": {"field": field, "type": "quantitative", "title": title, "scale": {"zero": True}},
                "color": {"field": "case", "type": "nominal", "sort": cases, "title": None},
            },
        }

    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "data": {"values": values},
        "hconcat": [
            panel("each", "microseconds a row", cases),
            panel("peak", "peak memory, MB", [case for case in cases if case != _FLOOR]),
        ],
    }
