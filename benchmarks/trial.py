"""One contestant in a process of its own: a few runs of the same work, timed.

As a program it reads a `Job` as JSON from its standard input and writes a `Trial` to its standard output.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from benchmarks.contestants.contestant import Contestant, Place, Subject
from benchmarks.tables import TABLES

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Job:
    """What a process has to do.

    Attributes:
        contestant: `module:class` below `benchmarks.contestants`.
        schema_of: The name of the benchmark's table whose columns the values have.
        runs: How many runs; the first is the first of its process.
        check: Whether to give a checksum of what was read.
    """

    contestant: str
    place: Place
    subject: Subject
    schema_of: str
    runs: int
    check: bool


@dataclass(frozen=True)
class Trial:
    """What became of it: seconds of each operation by run, rows moved, peak memory and a checksum of the values."""

    seconds: tuple[float, ...]
    rows: int | None
    peak_bytes: int
    checksum: str | None

    @property
    def cold(self) -> float:
        """Seconds of the first run of the process."""
        return self.seconds[0]

    @property
    def warm(self) -> float:
        """Seconds of its last run."""
        return self.seconds[-1]


class TrialError(RuntimeError):
    """A contestant failed; the message is what it wrote."""


def run_trial(job: Job) -> Trial:
    """Do a job in a fresh process.

    Raises:
        TrialError: The contestant failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.trial"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        cwd=_ROOT,
        check=False,
    )
    if done.returncode:
        raise TrialError(f"{job.contestant} on {job.subject.query}:\n{done.stderr[-4000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Trial(**{**said, "seconds": tuple(said["seconds"])})


def perform(job: Job) -> Trial:
    """Do a job in this process."""
    module, name = job.contestant.split(":")
    kind: type[Contestant] = getattr(importlib.import_module(f"benchmarks.contestants.{module}"), name)
    with closing(kind(job.place, job.subject)) as contestant:
        seconds = tuple(_run(contestant) for _ in range(job.runs))
        peak = peak_bytes()
        table = contestant.table() if job.check else None
        found = None if table is None else checksum(table, TABLES[job.schema_of].schema)
        return Trial(seconds, contestant.rows(), peak, found)


def _run(contestant: Contestant) -> float:
    contestant.result = None
    contestant.prepare()
    gc.collect()
    started = time.perf_counter()
    contestant.run()
    seconds = time.perf_counter() - started
    contestant.settle()
    return seconds / contestant.operations


def checksum(table: pa.Table, schema: pa.Schema) -> str:
    """Give a digest of the values, whatever types a contestant has for them."""
    columns = [column.cast(field.type) for column, field in zip(table.columns, schema, strict=True)]
    columns = [column.cast(pa.string()) if pa.types.is_decimal(column.type) else column for column in columns]
    digest = _Digest()
    csv.write_csv(pa.table(columns, schema.names), digest)
    return digest.hash.hexdigest()


class _Digest(io.RawIOBase):
    """A file that keeps only the hash of what is written to it."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self.hash.update(view)
        return view.nbytes


def peak_bytes() -> int:
    """Give the most memory this process ever had; getrusage would count its parent before the exec too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def main() -> None:
    """Do the job on standard input."""
    said = json.load(sys.stdin)
    job = Job(**{**said, "place": Place(**said["place"]), "subject": Subject(**said["subject"])})
    trial = perform(job)
    print(json.dumps(asdict(trial)), flush=True)
    os._exit(0)  # nothing is left to be tidied up, and drivers differ in how long they would take for it


if __name__ == "__main__":
    main()
