"""Measure how fast this project compares two relations, beside reladiff.

uv run --group benchmark python benchmarks/reconciliation.py --check
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the modules beside this one are a package

from benchmarks.contestants.contestant import Place
from benchmarks.reconciliation_cases import BIGINT, COLUMNS, COMPOSITE, SPARSE, UUID, Key, create, difference
from benchmarks.reconciliation_report import save_markdown
from benchmarks.reconciliation_scale import Point, growth, measure_scale, plot
from benchmarks.reconciliation_trial import Comparison, Outcome, run_comparison
from benchmarks.server import started_server

_FALLS_SHORT = 1
_MEGABYTE = 1e6
_MOST_MEMORY = 250e6
_MOST_OF_FLOOR = 1.6

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@dataclass(frozen=True)
class Case:
    """One comparison: a key, how the sides differ, how the rows meet, and by how much it must beat reladiff."""

    name: str
    key: Key
    difference: str
    least: float
    strategy: str | None = None
    one_database: bool = False
    large: bool = True
    """Whether it is measured on the largest tables too."""


CASES = (
    Case("no difference", BIGINT, "none", 6),
    Case("100 differences", BIGINT, "few", 15),
    Case("a tenth changed", BIGINT, "many", 15),
    Case("uuid key, 100 differences", UUID, "few", 15, large=False),
    Case("composite key, 100 differences", COMPOSITE, "few", 15, large=False),
    Case("sparse integer key, 100 differences", SPARSE, "few", 15, large=False),
    Case("one database, 100 differences", BIGINT, "few", 6, one_database=True),
    Case("mixed pair's path, no difference", BIGINT, "none", 2, strategy="rows", large=False),
    Case("mixed pair's path, 100 differences", BIGINT, "few", 3, strategy="rows", large=False),
    Case("mixed pair's path, a tenth changed", BIGINT, "many", 8, strategy="rows", large=False),
)


@dataclass(frozen=True)
class Measured:
    """What a case came to."""

    case: str
    rows: int
    project: tuple[Outcome, ...]
    reladiff: tuple[Outcome, ...]
    floor: tuple[Outcome, ...]
    expected: int
    least: float

    @property
    def cold(self) -> float:
        """Seconds of a process's first comparison, in which the virtual machine starts; the median."""
        return statistics.median(each.seconds[0] for each in self.project)

    @property
    def warm(self) -> float:
        """Seconds of its later ones; the median."""
        return statistics.median(second for each in self.project for second in each.seconds[1:])

    @property
    def other(self) -> float | None:
        """Seconds of reladiff at its best thread count; None when it was not asked."""
        return min((each.seconds[0] for each in self.reladiff), default=None)

    @property
    def ratio(self) -> float | None:
        """How many times faster the project is."""
        return self.other / self.warm if self.other is not None else None

    @property
    def of_floor(self) -> float | None:
        """How many times one checksum of each side it takes; None where that is no measure."""
        seconds = [second for each in self.floor for second in each.seconds[1:]]
        return self.warm / statistics.median(seconds) if seconds else None

    @property
    def peak(self) -> int:
        """Most memory of the project's processes, in bytes."""
        return max(each.peak_bytes for each in self.project)

    @property
    def shortcomings(self) -> list[str]:
        """What falls short of its limit."""
        found = {
            f"{self.project[0].differences} in place of {self.expected} differences": any(
                each.differences != self.expected for each in self.project
            ),
            f"less than {self.least:g} x": self.ratio is not None and self.ratio < self.least,
            f"more than {_MOST_OF_FLOOR} x the floor": self.of_floor is not None and self.of_floor > _MOST_OF_FLOOR,
            f"more than {_MOST_MEMORY / _MEGABYTE:.0f} MB": self.peak > _MOST_MEMORY,
        }
        return [text for text, applies in found.items() if applies]


@app.command()
def main(
    rows: Annotated[str, typer.Option(help="Rows of the tables, with commas between.")] = "1000000,5000000",
    rounds: Annotated[int, typer.Option(min=1, help="Processes of the project for each case; medians are taken.")] = 3,
    threads: Annotated[str, typer.Option(help="Thread counts of reladiff; none leaves it out.")] = "1,4",
    only: Annotated[str, typer.Option(help="Cases whose name holds this.")] = "",
    scale: Annotated[
        str, typer.Option(help="Rows of tables whose cost per row is measured too, with commas between.")
    ] = "",
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw the scale into this SVG file.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a figure falls short of its limit.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything measured to this file.")] = None,
    markdown_file: Annotated[
        Path | None,
        typer.Option("--markdown", help="Write the tables to this file, below its heading Figures if it has one."),
    ] = None,
) -> None:
    """Measure how fast this project compares two relations, beside reladiff.

    Two PostgreSQL servers are started in temporary folders (5 GB at five million rows). Both tools compare the same
    tables of eight mixed columns on the same servers, in fresh processes, and must find the differences that were made.
    Nothing else should run meanwhile: figures of a busy machine say little.

    With `--scale` this project compares tables of those sizes too, in two databases of one server (12 GB at twenty
    million rows); without rows, `--rows ""`, nothing else is measured.
    """
    started, load = time.monotonic(), os.getloadavg()[0]
    progress = Console(stderr=True, highlight=False)
    say = lambda text: progress.print(f"[{time.monotonic() - started:5.0f} s] {text}", markup=False)  # noqa: E731
    counts, sizes = ([int(count) for count in text.split(",") if count] for text in (rows, scale))
    measured, version = _compare(counts, rounds, [int(count) for count in threads.split(",") if count], only, say)
    points = measure_scale(sizes, rounds, say) if sizes else []
    _print(measured, points)
    if json_file:
        said = {"measured": [asdict(each) for each in measured], "scale": [asdict(each) for each in points]}
        json_file.write_text(json.dumps(said, indent=1))
    if plot_file and points:
        plot_file.write_text(plot(points))
    if markdown_file:
        lines = [tuple(_cells(each)) for each in measured]
        save_markdown(markdown_file, version, load, [name for name, _ in _HEADINGS], lines, points, plot_file)
    if check and not _is_enough(measured, points):
        raise typer.Exit(_FALLS_SHORT)


def _compare(
    counts: list[int], rounds: int, threads: list[int], only: str, say: Callable[[str], None]
) -> tuple[list[Measured], str]:
    """Give what every case came to, and the server's version."""
    measured: list[Measured] = []
    with ExitStack() as stack:
        servers = []
        for _ in range(2):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-")))
            servers.append(stack.enter_context(started_server(folder)))
        bench = Bench(servers[0].place, servers[1].place, rounds, threads)
        for count in counts:
            for case in CASES:
                if only in case.name and (case.large or count == min(counts)):
                    measured.append(bench.measure(case, count))
                    say(_line(measured[-1]))
        return measured, servers[0].version


def _is_enough(measured: list[Measured], points: list[Point]) -> bool:
    return (
        not any(each.shortcomings for each in measured)
        and all(point.is_right and point.peak <= _MOST_MEMORY for point in points)
        and all(ratio.passed for ratio in growth(points))
    )


class Bench:
    """Makes the tables when they are first asked for, and lets both tools compare them."""

    def __init__(self, source: Place, target: Place, rounds: int, threads: list[int]) -> None:
        self._places = source, target
        self._rounds = rounds
        self._threads = threads
        self._made: dict[tuple[Place, str], None] = {}

    def measure(self, case: Case, rows: int) -> Measured:
        """Let everyone compare."""
        source, other = self._places
        target = source if case.one_database else other
        names = [self._table(source, case.key, rows, "none"), self._table(target, case.key, rows, case.difference)]
        asked = Comparison("project", source, target, names[0], names[1], case.key.columns, COLUMNS, case.strategy)
        project, floor = [], []
        for _ in range(self._rounds):
            project.append(run_comparison(replace(asked, runs=3)))
            if case.difference == "none" and not case.strategy:
                floor.append(run_comparison(replace(asked, contestant="floor", runs=3)))
        reladiff = [
            run_comparison(replace(asked, contestant="reladiff", threads=threads, strategy=None))
            for threads in self._threads
        ]
        expected = difference(case.difference, rows).expected(rows)
        return Measured(case.name, rows, tuple(project), tuple(reladiff), tuple(floor), expected, case.least)

    def _table(self, place: Place, key: Key, rows: int, name: str) -> str:
        table = f"{key.name}_{name}_{rows}"
        if (place, table) not in self._made:
            with psycopg.connect(place.url(), autocommit=True) as connection:
                for statement in create(table, key, rows, difference(name, rows)):
                    connection.execute(statement)
            self._made[place, table] = None
        return table


_HEADINGS: tuple[tuple[str, Callable[[Measured], str]], ...] = (
    ("rows", lambda each: f"{each.rows:,}"),
    ("case", lambda each: each.case),
    ("strategy", lambda each: each.project[0].said),
    ("cold s", lambda each: f"{each.cold:.2f}"),
    ("warm s", lambda each: f"{each.warm:.2f}"),
    ("peak MB", lambda each: f"{each.peak / _MEGABYTE:.0f}"),
    ("x floor", lambda each: f"{each.of_floor:.2f}" if each.of_floor is not None else ""),
    ("reladiff s", lambda each: f"{each.other:.2f}" if each.other is not None else ""),
    ("times faster", lambda each: f"{each.ratio:.1f}" if each.ratio is not None else ""),
    ("limit", lambda each: f"{each.least:g}"),
    ("falls short", lambda each: "; ".join(each.shortcomings)),
)


def _cells(measured: Measured) -> Iterator[str]:
    return (give(measured) for _, give in _HEADINGS)


def _line(measured: Measured) -> str:
    return ", ".join(f"{name} {cell}" for (name, _), cell in zip(_HEADINGS, _cells(measured), strict=True) if cell)


def _print(measured: list[Measured], points: list[Point]) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=180)
    if measured:
        table = Table(*(name for name, _ in _HEADINGS))
        for each in measured:
            table.add_row(*_cells(each), style="bold red" if each.shortcomings else None)
        console.print(table)
    if points:
        table = Table("rows", "case", "s", "µs a row", "peak MB", "")
        for point in points:
            cells = (
                f"{point.rows:,}",
                point.case,
                f"{point.seconds:.2f}",
                f"{point.each:.2f}",
                f"{point.peak / _MEGABYTE:.0f}",
            )
            table.add_row(*cells, "" if point.is_right else "wrong")
        console.print(table)
    for ratio in growth(points):
        verdict = "kept" if ratio.passed else "falls short"
        console.print(f"{ratio.work}: {ratio.claim}: {ratio.shown}, limit {ratio.shown_limit}, {verdict}", markup=False)


if __name__ == "__main__":
    app()
