"""Measure what a report of so many rows takes in each format: seconds, size, and the memory of its process.

uv run --group dev python benchmarks/reporting.py --rows 1000,50000,1000000
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the modules beside this one are a package

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.embedded import EmbeddedServer
from cockroach_pipelines.execution import Order, QueryExecutor, ResultProcessor
from cockroach_pipelines.queries import ReportFormat, SQLRepository
from cockroach_pipelines.reporting import ReportOutcome, SnapshotStore, produce, read_report

_READ = "read"
_MEGABYTE = 1_000_000
_FILE = """/* @asset
params: {rows: {type: integer, default: 1000}}
report:
  formats: [FORMAT]
  columns: {amount: {format: eur, bar: true}}
  kpis: {turnover: sum(amount), customers: distinct(customer)}
  chart: {type: scatter, x: id, y: amount}
*/
SELECT
    n AS id, 'customer ' || n % 1000 AS customer, ((n * 7919) % 1000000 / 100.0)::numeric(12, 2) AS amount,
    date '2024-01-01' + (n % 365)::int4 AS day, timestamptz '2024-01-01 00:00+00' + n * interval '1 second' AS booked_at,
    CASE WHEN n % 10 = 0 THEN NULL ELSE n % 7 END AS rating
FROM generate_series(1::int8, :rows) AS n
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    rows: Annotated[str, typer.Option(help="Numbers of rows, with commas between.")] = "1000,50000,1000000",
    formats: Annotated[str, typer.Option(help="Formats, with commas between.")] = ",".join(ReportFormat),
    rounds: Annotated[int, typer.Option(min=1, help="Reports a process makes; the last is measured.")] = 2,
) -> None:
    """Measure each format with each number of rows, in a process of its own; `read` is the rows alone, kept nowhere.

    The seconds are those from the statement to the snapshot, which holds the rows as Parquet whatever the format. Nothing
    else should run meanwhile.
    """
    table = Table("format", *(f"{int(count):,} rows" for count in rows.split(",")))
    with tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-") as name:
        Path(name).chmod(0o755)  # as root the server runs as another user
        with EmbeddedServer(Path(name) / "server") as server:
            end = server.endpoint
            place = {**vars(end), "password": end.password.get_secret_value(), "sslmode": "disable"}
            for form in (_READ, *formats.split(",")):
                table.add_row(form, *(_measured(place, form, int(count), rounds) for count in rows.split(",")))
    output = Console()
    (output if output.is_terminal else Console(width=160)).print(table)


def _measured(place: dict[str, object], form: str, rows: int, rounds: int) -> str:
    job = json.dumps({"place": place, "format": form, "rows": rows, "rounds": rounds}, default=str)
    done = subprocess.run(
        [sys.executable, __file__, "--one"], input=job, capture_output=True, text=True, check=False, timeout=3600
    )
    if done.returncode:
        return f"failed: {done.stderr.strip().splitlines()[-1]}"
    said = json.loads(done.stdout)
    size = f", {said['bytes'] / _MEGABYTE:.2f} MB" if said["bytes"] else ""
    return f"{said['seconds']:.2f} s{size}, {said['peak'] / _MEGABYTE:,.0f} MB of memory"


def _one() -> None:
    """Make reports as a job on standard input says, and tell what the last took on standard output."""
    job = json.loads(sys.stdin.read())
    with tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-") as name:
        folder = Path(name)
        file = folder / "sql" / "queries" / "reporting" / "sales.sql"
        file.parent.mkdir(parents=True)
        file.write_text(_FILE.replace("FORMAT", "parquet" if job["format"] == _READ else job["format"]))
        query = SQLRepository(folder / "sql").get("reporting/sales")
        order = Order(query, {"rows": job["rows"]})
        with ConnectionManager({"main": DatabaseConfig.model_validate(job["place"])}) as connections:
            executor = QueryExecutor(connections)
            for number in range(job["rounds"]):
                started, size = time.perf_counter(), 0
                if job["format"] == _READ:
                    with executor.snapshot() as snapshot:
                        for _ in snapshot.read(query.statement_for(snapshot.server.dialect), order.values):
                            pass
                else:
                    size = _made(executor, order, folder / str(number), job["format"])
                seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "bytes": size, "peak": peak}))


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
