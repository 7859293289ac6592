"""The parts of the benchmark: who takes part in each, and what each has to show."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contestants.contestant import Subject
from benchmarks.heat import DifferentValuesError, Entry, Measured, Perform, Say, run_heat
from benchmarks.ratios import Ratio
from benchmarks.server import Server
from benchmarks.tables import MIXED, NUMERIC_HEAVY, TEXT_HEAVY, BenchmarkTable
from benchmarks.trial import run_trial

FLOOR = Entry("psql (the floor)", "psql:ReadNothing", in_memory=False)
STREAM = Entry("project, stream", "project:ReadStream")
TABLE = Entry("project, table", "project:ReadTable")
ADBC_TABLE = Entry("ADBC, table", "adbc:ReadTable")
ADBC_STREAM = Entry("ADBC, stream", "adbc:ReadStream")
CONNECTORX = Entry("ConnectorX", "connectorx:ReadTable")
JAYDEBEAPIARROW = Entry("jaydebeapiarrow", "jdbc:ReadTable")
JAYDEBEAPI = Entry("jaydebeapi, fetchall", "jdbc:ReadRows", share=50)
PANDAS = Entry("project, pandas", "project:ReadPandas")
READ_SQL = Entry("pandas.read_sql, psycopg", "psycopg:ReadPandas", share=5)
WRITE = Entry("project, write", "project:Write")
WRITE_COPY = Entry("psycopg, COPY", "psycopg:WriteCopy")
INGEST = Entry("ADBC, adbc_ingest", "adbc:Ingest")
EXECUTEMANY = Entry("psycopg, executemany", "psycopg:WriteMany", share=20)
FIRST_BATCH = Entry("project, first batch", "project:FirstBatch")
FIRST_BYTE = Entry("the server's first byte", "psycopg:FirstByte", in_memory=False)
POOL = Entry("project, warm pool", "project:SelectOne")
SELECT_ONE = Entry("psycopg, open connection", "psycopg:SelectOne", in_memory=False)

_LARGE = 10
_MEGABYTE = 1_000_000


@dataclass
class Benchmark:
    """One run of the benchmark.

    Attributes:
        server: The server that everyone talks to.
        folder: Where files of the benchmark may be.
        rows: Rows of the tables; the large parts have ten times as many.
        rounds: How many times each contestant starts.
        say: Told how it goes.
        perform: Does one contestant's job.
        left_out: Modules of contestants that do not take part, for instance because they are not installed.
        load: How many processes ran or waited when it began; it should be near 0.
        measured: What was measured so far.
        ratios: What it showed.
    """

    server: Server
    folder: Path
    rows: int
    rounds: int
    say: Say
    perform: Perform = run_trial
    left_out: frozenset[str] = frozenset()
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    measured: list[Measured] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)

    def read(self) -> None:
        """Read to Arrow: the mixed table, a text-heavy and a numeric-heavy one."""
        self._read(
            MIXED, self.rows, [FLOOR, STREAM, TABLE, ADBC_TABLE, ADBC_STREAM, CONNECTORX, JAYDEBEAPIARROW, JAYDEBEAPI]
        )
        for table in (TEXT_HEAVY, NUMERIC_HEAVY):
            self._read(table, self.rows, [FLOOR, STREAM, TABLE, ADBC_TABLE, CONNECTORX])

    def large(self) -> None:
        """Read ten times as many rows, in the memory of one time."""
        entries = [FLOOR, STREAM, TABLE, ADBC_TABLE, ADBC_STREAM, CONNECTORX]
        large = self._read(MIXED, _LARGE * self.rows, entries, runs=1)
        small = self._heat(f"read {_counted(self.rows)} rows once, mixed", MIXED, self.rows, [STREAM], runs=1)
        peaks = large[STREAM.label].peak_bytes, small[STREAM.label].peak_bytes
        growth = (peaks[0] or 0) - (peaks[1] or 0)
        self._show(
            f"memory of the stream, {_counted(self.rows)} to {_counted(_LARGE * self.rows)} rows",
            "growth of its peak",
            growth / _MEGABYTE,
            30,
            at_most=True,
            unit="MB",
        )

    def pandas(self) -> None:
        """Read to pandas."""
        work = f"read {_counted(self.rows)} rows to pandas, mixed"
        seen = self._heat(work, MIXED, self.rows, [PANDAS, READ_SQL])
        self._compare(work, seen, PANDAS, READ_SQL, 3)

    def write(self) -> None:
        """Write to an empty table."""
        source = self.server.table(MIXED, self.rows)
        target = self.server.target(MIXED)
        path = self.folder / f"{source}.arrow"
        self.say(f"write: saving {source}")
        self.server.save(source, MIXED, path)

        def subject(entry: Entry) -> Subject:
            return Subject(target, limit=self._limit(entry), data=str(path))

        def check(entry: Entry, _: Subject) -> None:
            written = self.server.checksum(Subject(target))
            wanted = self.server.checksum(Subject(source, limit=self._limit(entry)))
            if written != wanted:
                raise DifferentValuesError(f"{entry.label} wrote {written} (rows, checksum), not {wanted}")

        work = f"write {_counted(self.rows)} rows, mixed"
        seen = self._run(work, MIXED, [WRITE, WRITE_COPY, INGEST, EXECUTEMANY], subject, after=check)
        self._compare(work, seen, WRITE, WRITE_COPY, 1)
        self._compare(work, seen, WRITE, INGEST, 1)
        self._compare(work, seen, WRITE, EXECUTEMANY, 8)

    def first(self) -> None:
        """Wait for the first batch of a long result."""
        rows = _LARGE * self.rows
        name = self.server.table(MIXED, rows)
        work = f"first batch of {_counted(rows)} rows"
        seen = self._run(work, MIXED, [FIRST_BYTE, FIRST_BATCH], lambda _: Subject(name))
        for when in ("cold", "warm"):
            later = getattr(seen[FIRST_BATCH.label], when) - getattr(seen[FIRST_BYTE.label], when)
            self._show(work, f"after the server's first byte, {when}", later * 1000, 100, at_most=True, unit="ms")

    def select(self) -> None:
        """Ask for `SELECT 1` through the warm pool."""
        work = "SELECT 1"
        seen = self._run(work, MIXED, [POOL, SELECT_ONE], lambda _: Subject("pg_class"))
        value = seen[POOL.label].warm / seen[SELECT_ONE.label].warm
        self._show(work, f"time of {POOL.label} / {SELECT_ONE.label}", value, 3, at_most=True)

    def _read(
        self, table: BenchmarkTable, rows: int, entries: Sequence[Entry], runs: int | None = None
    ) -> dict[str, Measured]:
        work = f"read {_counted(rows)} rows, {table.name.replace('_', '-')}"
        seen = self._heat(work, table, rows, entries, runs)
        self._compare(work, seen, STREAM, FLOOR, 0.9)
        self._compare(work, seen, TABLE, ADBC_TABLE, 1)
        self._compare(work, seen, TABLE, CONNECTORX, 1)
        self._compare(work, seen, TABLE, JAYDEBEAPIARROW, 1)
        # A job reads once: its second read in a process gains what no reader over the same wire could leave behind.
        self._compare(work, seen, TABLE, JAYDEBEAPIARROW, 4, when="cold")
        self._compare(work, seen, TABLE, JAYDEBEAPI, 40)
        if runs is None:
            self._compare(work, seen, STREAM, FLOOR, 0.8, when="cold")
        return seen

    def _heat(
        self, work: str, table: BenchmarkTable, rows: int, entries: Sequence[Entry], runs: int | None = None
    ) -> dict[str, Measured]:
        self.say(f"{work}: making {_counted(rows)} rows of {table.name}")
        name = self.server.table(table, rows)

        def subject(entry: Entry) -> Subject:
            return Subject(name, limit=rows // entry.share if entry.share > 1 else None)

        return self._run(work, table, entries, subject, runs=runs)

    def _run(
        self,
        work: str,
        table: BenchmarkTable,
        entries: Sequence[Entry],
        subject: Callable[[Entry], Subject],
        *,
        runs: int | None = None,
        after: Callable[[Entry, Subject], None] = lambda _entry, _subject: None,
    ) -> dict[str, Measured]:
        entries = [entry for entry in entries if entry.contestant.split(":")[0] not in self.left_out]
        further = {} if runs is None else {"runs": runs}
        seen = run_heat(
            self.server.place,
            work,
            entries,
            subject,
            schema_of=table.name,
            rounds=self.rounds,
            say=self.say,
            perform=self.perform,
            after=after,
            **further,
        )
        self.measured += seen.values()
        return seen

    def _limit(self, entry: Entry) -> int | None:
        return self.rows // entry.share if entry.share > 1 else None

    def _compare(
        self, work: str, seen: dict[str, Measured], own: Entry, other: Entry, limit: float, when: str = "warm"
    ) -> None:
        if other.label in seen:
            value = getattr(seen[other.label], when) / getattr(seen[own.label], when)
            self._show(
                work, f"speed of {own.label} / {other.label}" + (", cold" if when == "cold" else ""), value, limit
            )

    def _show(
        self, work: str, claim: str, value: float, limit: float, *, at_most: bool = False, unit: str = "×"
    ) -> None:
        self.ratios.append(Ratio(work, claim, value, limit, at_most, unit))


PARTS: dict[str, Callable[[Benchmark], None]] = {
    "read": Benchmark.read,
    "pandas": Benchmark.pandas,
    "write": Benchmark.write,
    "select": Benchmark.select,
    "first": Benchmark.first,
    "large": Benchmark.large,
}


def _counted(rows: int) -> str:
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if rows >= unit:
            return f"{rows / unit:g} {name}"
    return str(rows)
