"""One comparison in a process of its own, timed.

As a program it reads a `Comparison` as JSON from its standard input and writes an `Outcome` to its standard output.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.contestants.contestant import Place
from benchmarks.trial import TrialError, peak_bytes

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Comparison:
    """What a process has to do.

    Attributes:
        contestant: `project`, `reladiff`, or `floor`: one checksum of each side.
        source: Where the source is.
        target: Where the target is; the source's place for one database.
        source_table: Its name.
        target_table: Its name.
        key: Columns of the key.
        columns: The other columns.
        strategy: Strategy that the project is made to take; its own choice when None.
        threads: Threads of reladiff.
        runs: How many runs; the first is the first of its process.
    """

    contestant: str
    source: Place
    target: Place
    source_table: str
    target_table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    strategy: str | None = None
    threads: int = 1
    runs: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of it: seconds of each run, rows that differ, peak memory, and what the contestant says of itself."""

    seconds: tuple[float, ...]
    differences: int | None
    peak_bytes: int
    said: str


def run_comparison(comparison: Comparison) -> Outcome:
    """Compare in a fresh process.

    Raises:
        TrialError: The contestant failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reconciliation_trial"],
        input=json.dumps(asdict(comparison)),
        capture_output=True,
        text=True,
        cwd=_ROOT,
        check=False,
    )
    if done.returncode:
        raise TrialError(f"{comparison.contestant} on {comparison.target_table}:\n{done.stderr[-4000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Outcome(**{**said, "seconds": tuple(said["seconds"])})


def main() -> None:
    """Do the comparison on standard input."""
    said = json.load(sys.stdin)
    places = {name: Place(**said[name]) for name in ("source", "target")}
    comparison = Comparison(**{**said, **places, "key": tuple(said["key"]), "columns": tuple(said["columns"])})
    work = {"project": _project, "reladiff": _reladiff, "floor": _floor}[comparison.contestant](comparison)
    seconds, result = [], (None, "")
    for _ in range(comparison.runs):
        gc.collect()
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    print(json.dumps(asdict(Outcome(tuple(seconds), result[0], peak_bytes(), result[1]))), flush=True)
    os._exit(0)  # nothing is left to be tidied up


Work = Callable[[], tuple[int | None, str]]


def _project(comparison: Comparison) -> Work:
    from benchmarks.contestants.project import config_of
    from cockroach_pipelines.database import ConnectionManager
    from cockroach_pipelines.reconciliation import ReconciliationSpec, Relation, Strategy, reconcile

    one_database = comparison.source == comparison.target
    connections = ConnectionManager({"source": config_of(comparison.source), "target": config_of(comparison.target)})
    folder = tempfile.TemporaryDirectory()
    spec = ReconciliationSpec(
        key=comparison.key,
        columns=comparison.columns,
        strategy=Strategy(comparison.strategy) if comparison.strategy else None,
    )
    source = Relation("source", comparison.source_table)
    target = Relation("source" if one_database else "target", comparison.target_table)

    def work() -> tuple[int | None, str]:
        result = reconcile(source, target, spec, connections=connections, folder=Path(folder.name))
        return result.counts.total, str(result.choice.strategy)

    return work


def _reladiff(comparison: Comparison) -> Work:
    from reladiff import Algorithm, connect_to_table, diff_tables

    one_database = comparison.source == comparison.target

    def work() -> tuple[int | None, str]:
        tables = [
            connect_to_table(
                place.url(), table, comparison.key, extra_columns=comparison.columns, thread_count=comparison.threads
            )
            for place, table in (
                (comparison.source, comparison.source_table),
                (comparison.target, comparison.target_table),
            )
        ]
        differences: Any = diff_tables(
            *tables,
            extra_columns=comparison.columns,
            algorithm=Algorithm.JOINDIFF if one_database else Algorithm.HASHDIFF,
            threaded=True,
            max_threadpool_size=comparison.threads,
        )
        width = len(comparison.key)
        return len({row[:width] for _, row in differences}), f"{comparison.threads} threads"

    return work


def _floor(comparison: Comparison) -> Work:
    """One checksum of each side, by the project's own hash, both at once."""
    import psycopg

    from cockroach_pipelines.database import Dialect, ServerVersion
    from cockroach_pipelines.reconciliation.columns import Column, Pair
    from cockroach_pipelines.reconciliation.expressions import SideSQL
    from cockroach_pipelines.reconciliation.families import family_of
    from cockroach_pipelines.reconciliation.hashing import hash_sql, kinds_for

    def scan(place: Place, table: str, sums: list[Any]) -> None:
        with psycopg.connect(place.url()) as connection:
            rows = connection.execute(
                "SELECT a.attname, t.typname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull FROM pg_attribute AS a "
                "JOIN pg_type AS t ON t.oid = a.atttypid WHERE a.attrelid = %s::regclass AND a.attnum > 0",
                [table],
            )
            columns = [Column(name, kind, declared, nullable) for name, kind, declared, nullable in rows]
            pairs = [Pair(column, column, family_of(column.pg_type)) for column in columns]
            server = ServerVersion(Dialect.POSTGRESQL, (connection.info.server_version // 10_000,), "")
            hashed = hash_sql(kinds_for(server, server)[0], pairs, SideSQL(Dialect.POSTGRESQL, is_source=True))
            sums.append(connection.execute(f"SELECT count(*), sum({hashed}) FROM {table} AS r").fetchone())

    def work() -> tuple[int | None, str]:
        sums: list[Any] = []
        threads = [
            threading.Thread(target=scan, args=(place, table, sums))
            for place, table in (
                (comparison.source, comparison.source_table),
                (comparison.target, comparison.target_table),
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return None, "equal" if sums[0] == sums[1] else "unequal"

    return work


if __name__ == "__main__":
    main()
