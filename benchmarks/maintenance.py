"""Measure how fast a purge in batches is, beside a loop written by hand and one DELETE.

uv run --group benchmark python benchmarks/maintenance.py --check
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the modules beside this one are a package

from benchmarks.contestants.project import config_of
from benchmarks.server import started_server
from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.execution import Order
from cockroach_pipelines.maintenance import BatchedMaintenance
from cockroach_pipelines.queries import SQLRepository

_FALLS_SHORT = 1
_TABLE = "purged"
_BATCH = 10_000
_LEAST_OF_LOOP = 1.0

# Nine of ten rows go, in the order of the primary key, and the others lie between them.
_FILL = f"""
    CREATE TABLE {_TABLE} AS SELECT n::int8 AS id, n % 10 > 0 AS old, md5(n::text) AS name, n / 7.0 AS amount,
        timestamptz '2024-01-01 00:00Z' + n * interval '1 second' AS at FROM generate_series(1, ROWS) AS n
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Purge:
    """One way to purge, and the seconds of its rounds."""

    name: str
    run: Callable[[], int]
    seconds: list[float]

    def rows_per_second(self, rows: int) -> float:
        return rows / statistics.median(self.seconds)


@app.command()
def main(
    rows: Annotated[int, typer.Option(min=1000, help="Rows of the table; nine of ten go.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each way is measured; medians are taken.")] = 3,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when batches are slower than the loop.")] = False,
) -> None:
    """Purge a table in batches, by a loop written by hand with the same rows a batch, and by one DELETE.

    A PostgreSQL of its own is started in a temporary folder. Each way finds the table as it was, vacuumed and in memory; the
    ways take turns. The loops are psycopg's: DELETE … WHERE id IN (SELECT … LIMIT …) RETURNING id, or = ANY of an ARRAY of
    it, and COMMIT. Batches move their cursor and write each batch down besides; once more they keep the deleted rows as
    Parquet.
    """
    with (
        tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-") as name,
        started_server(Path(name)) as server,
        ConnectionManager({"main": config_of(server.place)}) as connections,
        psycopg.connect(server.place.url(), autocommit=True) as other,
    ):
        folder, address = Path(name), server.place.url()

        def batches(name: str, header: str) -> Purge:
            path = folder / "sql" / "queries" / "maintenance" / f"{name}.sql"
            path.parent.mkdir(parents=True, exist_ok=True)
            size = f"size: {{start: {_BATCH}, min: {_BATCH}, max: {_BATCH}}}"
            path.write_text(
                f"/* @asset\nbatch: {{table: {_TABLE}, key: id, {size}{header}}}\n*/\nDELETE FROM {_TABLE} WHERE old"
            )
            query = SQLRepository(folder / "sql").get(name)
            return Purge(
                f"batches{', archived' if header else ''}",
                lambda: BatchedMaintenance(connections, folder).run(Order(query), arm=True).rows,
                [],
            )

        purges = [
            batches("plain", ""),
            Purge("loop by hand, IN", lambda: _loop(address, "IN (SELECT {})"), []),
            Purge("loop by hand, = ANY", lambda: _loop(address, "= ANY (ARRAY(SELECT {}))"), []),
            Purge("one DELETE", lambda: _delete(address), []),
            batches("archived", ", archive: kept"),
        ]
        gone = rows - rows // 10
        console = Console()
        for number in range(-1, rounds):  # the first, which is not counted, warms up
            for purge in purges:
                other.execute(f"DROP TABLE IF EXISTS {_TABLE}")
                other.execute(_FILL.replace("ROWS", str(rows)))
                other.execute(f"ALTER TABLE {_TABLE} ADD PRIMARY KEY (id)")
                other.execute(f"VACUUM (FREEZE, ANALYZE) {_TABLE}")
                other.execute("CHECKPOINT")
                began = time.perf_counter()
                deleted = purge.run()
                seconds = time.perf_counter() - began
                assert deleted == gone, f"{purge.name} deleted {deleted:,} of {gone:,} rows"
                if number >= 0:
                    purge.seconds.append(seconds)
        ours = purges[0]
        loop = max(purges[1:3], key=lambda purge: purge.rows_per_second(gone))
        table = Table(
            "purge",
            "seconds",
            "rows/s",
            "beside the faster loop",
            title=f"{gone:,} of {rows:,} rows, {_BATCH:,} a batch",
        )
        for purge in purges:
            speed = purge.rows_per_second(gone)
            table.add_row(
                purge.name,
                " ".join(f"{each:.2f}" for each in purge.seconds),
                f"{speed:,.0f}",
                f"{speed / loop.rows_per_second(gone):.2f} x",
            )
        console.print(table)
        ratio = ours.rows_per_second(gone) / loop.rows_per_second(gone)
        fits = ratio >= _LEAST_OF_LOOP
        console.print(
            f"{'✓' if fits else '✗'} batches are {ratio:.2f} x as fast as the faster loop; at least {_LEAST_OF_LOOP:.1f} x"
        )
    if check and not fits:
        raise typer.Exit(_FALLS_SHORT)


def _loop(address: str, chosen: str) -> int:
    deleted, last = 0, 0
    batch = chosen.format(f"id FROM {_TABLE} WHERE old AND id > %s ORDER BY id LIMIT {_BATCH}")
    statement = f"DELETE FROM {_TABLE} WHERE id {batch} RETURNING id"
    with psycopg.connect(address) as connection:
        while rows := connection.execute(statement, [last]).fetchall():
            connection.commit()
            deleted += len(rows)
            last = max(number for (number,) in rows)
    return deleted


def _delete(address: str) -> int:
    with psycopg.connect(address) as connection:
        return connection.execute(f"DELETE FROM {_TABLE} WHERE old").rowcount


if __name__ == "__main__":
    app()
