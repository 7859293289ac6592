"""Measure what a report of so many rows takes in each format: seconds, size, memory, and its speed beside the read alone.

uv run --group benchmark python benchmarks/reporting.py --check
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the modules beside this one are a package

from benchmarks.ratios import Ratio
from benchmarks.report import grid, markdown_table, write_figures
from benchmarks.server import started_server
from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.execution import Order, QueryExecutor, ResultProcessor, write_file
from cockroach_pipelines.queries import ReportFormat, SQLRepository
from cockroach_pipelines.reporting import ReportOutcome, SnapshotStore, produce, read_report

_FALLS_SHORT = 1
_MEGABYTE = 1_000_000
_FILES = ("parquet file", "csv file")
_LEAST_OF_READ = 0.8
_MOST_GROWTH = 1.25
_MANY_ROWS = 1_000_000
_WARM_UP_ROWS = 1_000

_FILL = """
    CREATE UNLOGGED TABLE sales AS SELECT
        n AS id, 'customer ' || n % 1000 AS customer, ((n * 7919) % 1000000 / 100.0)::numeric(12, 2) AS amount,
        date '2024-01-01' + (n % 365)::int4 AS day, timestamptz '2024-01-01 00:00+00' + n * interval '1 second' AS booked_at,
        CASE WHEN n % 10 = 0 THEN NULL ELSE n % 7 END AS rating
    FROM generate_series(1::int8, ROWS) AS n
"""
_FILE = """/* @asset
params: {rows: {type: integer, default: 1000}}
report:
  formats: [FORMAT]
  columns: {amount: {format: eur, bar: true}}
  kpis: {turnover: sum(amount), customers: distinct(customer)}
  chart: {type: scatter, x: id, y: amount}
*/
SELECT id, customer, amount, day, booked_at, rating FROM sales LIMIT :rows
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Job:
    """What a process does: `rounds` times the rows alone, and a report of them."""

    place: dict[str, Any]
    format: str
    rows: int
    rounds: int


@dataclass(frozen=True)
class Measured:
    """What reports of one format and number of rows took: medians, and the peak memory of their process."""

    format: str
    rows: int
    read_seconds: float
    seconds: float
    size: int
    peak: int

    @property
    def share_of_read(self) -> float:
        """The speed beside that of reading the rows and keeping none."""
        return self.read_seconds / self.seconds


@app.command()
def main(
    rows: Annotated[str, typer.Option(help="Numbers of rows, with commas between.")] = "1000,50000,1000000,10000000",
    formats: Annotated[str, typer.Option(help="Formats, with commas between.")] = ",".join((*_FILES, *ReportFormat)),
    rounds: Annotated[int, typer.Option(min=1, help="Reports that a process makes after one that warms up.")] = 2,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a figure falls short of its limit.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="A file to write the tables to, as Markdown.")] = None,
) -> None:
    """Measure each format with each number of rows in a process of its own, in which reads and reports take turns.

    A read takes the rows of a table as Arrow and keeps none. The seconds of a report are those from the statement to the
    snapshot, which holds the rows as Parquet whatever the format, with two figures over all of them and the digest that
    tells them from others. A `parquet file` and a `csv file` are the rows alone, as `run --output` writes them. Nothing
    else should run meanwhile.
    """
    counts = [int(count) for count in rows.split(",")]
    measured: list[Measured] = []
    load = os.getloadavg()[0]
    progress = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-") as name,
        started_server(Path(name)) as server,
    ):
        place = {**vars(server.place), "sslmode": "disable"}
        with psycopg.connect(server.place.url(), autocommit=True) as connection:
            connection.execute(_FILL.replace("ROWS", str(max(*counts, _WARM_UP_ROWS))))
            connection.execute("VACUUM (FREEZE, ANALYZE) sales")
        for count in counts:
            for form in formats.split(","):
                measured.append(_measured(Job(place, form, count, rounds)))
                progress.print(f"{form}, {count:,} rows: {measured[-1].seconds:.2f} s", style="dim")
    ratios = list(_ratios(measured))
    _print(measured, ratios)
    if markdown:
        write_figures(markdown, _markdown(measured, ratios, server.version, load))
    if check and not all(ratio.passed for ratio in ratios):
        raise typer.Exit(_FALLS_SHORT)


def _ratios(measured: Sequence[Measured]) -> list[Ratio]:
    """Give what rows that stream into a file have to show: nearly the speed of the read, in memory that does not grow."""
    ratios = []
    for form in _FILES:
        many = [each for each in measured if each.format == form and each.rows >= _MANY_ROWS]
        ratios += [
            Ratio(f"{form}, {each.rows:,} rows", "speed beside the read alone", each.share_of_read, _LEAST_OF_READ)
            for each in many
        ]
        if len(many) > 1:
            growth = many[-1].peak / many[0].peak
            said = f"memory beside {many[0].rows:,} rows"
            ratios.append(Ratio(f"{form}, {many[-1].rows:,} rows", said, growth, _MOST_GROWTH, at_most=True))
    return ratios


_COLUMNS = ("format", "rows", "read alone s", "report s", "beside the read", "file MB", "memory MB")
_LIMITS = ("report", "compared", "figure", "limit", "")


def _cells(each: Measured) -> tuple[str, ...]:
    return (
        each.format,
        f"{each.rows:,}",
        f"{each.read_seconds:.2f}",
        f"{each.seconds:.2f}",
        f"{each.share_of_read:.2f} ×",
        f"{each.size / _MEGABYTE:.2f}",
        f"{each.peak / _MEGABYTE:,.0f}",
    )


def _limits(ratio: Ratio) -> tuple[str, ...]:
    return ratio.work, ratio.claim, ratio.shown, ratio.shown_limit, "kept" if ratio.passed else "falls short"


def _print(measured: Sequence[Measured], ratios: Sequence[Ratio]) -> None:
    table, limits = grid(_COLUMNS), grid(_LIMITS)
    for each in measured:
        table.add_row(*_cells(each))
    for ratio in ratios:
        limits.add_row(*_limits(ratio), style=None if ratio.passed else "bold red")
    output = Console()
    output = output if output.is_terminal else Console(width=160)
    output.print(table)
    output.print(limits)


def _markdown(measured: Sequence[Measured], ratios: Sequence[Ratio], server: str, load: float) -> str:
    machine = (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; PostgreSQL {server} on loopback. "
        f"Load when it began: {load:.1f}. Medians of one process each, warmed up, in which reads and reports take turns; "
        "memory is the process's peak, Java's included."
    )
    return "\n\n".join(
        [
            machine,
            markdown_table(_LIMITS, list(map(_limits, ratios))),
            markdown_table(_COLUMNS, list(map(_cells, measured))),
        ]
    )


def _measured(job: Job) -> Measured:
    done = subprocess.run(
        [sys.executable, __file__, "--one"],
        input=json.dumps(asdict(job), default=str),
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
    )
    assert done.returncode == 0, f"{job.format}, {job.rows:,} rows: {done.stderr}"
    return Measured(job.format, job.rows, **json.loads(done.stdout))


def _one() -> None:
    """Read rows and make reports in turns as a job on standard input says, and tell what it took on standard output."""
    job = Job(**json.loads(sys.stdin.read()))
    with tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-") as name:
        folder = Path(name)
        file = folder / "sql" / "queries" / "reporting" / "sales.sql"
        file.parent.mkdir(parents=True)
        file.write_text(_FILE.replace("FORMAT", "parquet" if job.format in _FILES else job.format))
        query = SQLRepository(folder / "sql").get("reporting/sales")
        reads, reports, size = [], [], 0
        with ConnectionManager({"main": DatabaseConfig.model_validate(job.place)}) as connections:
            executor = QueryExecutor(connections)
            make = _written if job.format in _FILES else _made
            make(executor, Order(query, {"rows": _WARM_UP_ROWS}), folder / "warm", job.format)
            order = Order(query, {"rows": job.rows})
            for number in range(job.rounds):
                began = time.perf_counter()
                with _rows(executor, order) as rows:
                    for _ in rows:
                        pass
                between = time.perf_counter()
                size = make(executor, order, folder / str(number), job.format)
                reads.append(between - began)
                reports.append(time.perf_counter() - between)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    medians = {"read_seconds": statistics.median(reads), "seconds": statistics.median(reports)}
    print(json.dumps({**medians, "size": size, "peak": peak}))


@contextmanager
def _rows(executor: QueryExecutor, order: Order) -> Iterator[ArrowStream]:
    """Give the rows of a query as they arrive."""
    with executor.snapshot() as snapshot:
        statement = order.query.statement_for(snapshot.server.dialect)
        with snapshot.read(statement, order.values) as rows:
            yield rows


def _written(executor: QueryExecutor, order: Order, folder: Path, form: str) -> int:
    """Stream rows into a file; give its bytes."""
    with _rows(executor, order) as rows:
        path = folder / f"sales.{form.split()[0]}"
        write_file(rows, path)
        return path.stat().st_size


def _made(executor: QueryExecutor, order: Order, folder: Path, form: str) -> int:
    """Make a snapshot; give the bytes of the file of a format."""
    folder.mkdir()
    outcome = read_report(executor, ResultProcessor(folder), order, folder / "sales.parquet")
    assert isinstance(outcome, ReportOutcome)
    snapshot = produce(outcome, SnapshotStore(folder / "reports")).snapshot
    path = snapshot.path("rows:" if form == "parquet" else form)
    assert path is not None
    return path.stat().st_size


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        _one()
    else:
        app()
