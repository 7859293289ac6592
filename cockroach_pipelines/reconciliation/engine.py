"""Comparing two relations."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cockroach_pipelines.database import Activity, ConnectionManager
from cockroach_pipelines.reconciliation.aggregates import grouped
from cockroach_pipelines.reconciliation.catalogue import describe
from cockroach_pipelines.reconciliation.checksums import ChecksumScan
from cockroach_pipelines.reconciliation.columns import has_unique_key, map_columns
from cockroach_pipelines.reconciliation.dataset import Parts, difference_schema, differences
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.findings import findings
from cockroach_pipelines.reconciliation.folder import working_in
from cockroach_pipelines.reconciliation.hashing import collision_probability
from cockroach_pipelines.reconciliation.journal import Journal, fingerprint
from cockroach_pipelines.reconciliation.memory import economical_memory, release_memory
from cockroach_pipelines.reconciliation.pace import Pace
from cockroach_pipelines.reconciliation.plan import Plan, Planner, Shapes, common_hash, plan_of_state
from cockroach_pipelines.reconciliation.recheck import Rechecked, recheck
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.result import (
    ColumnCount,
    Progress,
    RecheckOutcome,
    Reconciliation,
    SideConsistency,
    StrategyChoice,
)
from cockroach_pipelines.reconciliation.segments import NumberedSegments, Segments
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.spec import HashKind, Recheck, ReconciliationSpec, Strategy
from cockroach_pipelines.reconciliation.statements import Statements
from cockroach_pipelines.reconciliation.stopping import Limits, Stopped
from cockroach_pipelines.reconciliation.surroundings import Surroundings, surroundings
from cockroach_pipelines.reconciliation.tally import Tally
from cockroach_pipelines.reconciliation.windows import (
    FIRST_ROWS,
    HASHES_EACH,
    JOINED_EACH,
    ROWS_EACH,
    SCATTERED_EACH,
    Compared,
    Window,
    WindowReader,
    cut,
    query_both,
)

DIFFERENCES = "differences.parquet"
"""Name of the dataset in the folder."""

DRILLED = "drilled"
"""Folder, within the folder, of the rows of groups that differ."""

_JOURNAL, _PARTS = "journal.jsonl", "parts"
_FEW_IN_BUCKETS = 300_000
_WINDOWS_BEFORE_RELEASE = 4


def reconcile(
    source: Relation,
    target: Relation,
    spec: ReconciliationSpec | None = None,
    *,
    connections: ConnectionManager,
    folder: Path,
    activity: Activity | None = None,
    progress: Callable[[Progress], None] | None = None,
    resume: bool = True,
) -> Reconciliation:
    """Compare two relations, and say which rows and columns differ; with `measures`, which groups and measures.

    Memory does not grow with the relations. An interrupt in the calling thread ends the statements on both servers.

    Args:
        source: What is right by definition: a row that only it has is `missing`.
        target: What is compared with it.
        spec: How to compare; all columns by the primary key when None.
        connections: Where connections are lent; each side takes `care.workers` of them.
        folder: Where the differences are written, as `differences.parquet`. What is needed to resume lies there until
            the end, so a run that is to be resumed has to be given the same folder.
        activity: On whose behalf, for the servers' session lists.
        progress: Called after each step.
        resume: Go on from where an earlier run of the same question in this folder ended.

    Raises:
        ReconciliationError: What is asked for cannot be done.
        StatementError: A server refused a statement or ended it; what was finished is kept for the next run.
    """
    spec = spec or ReconciliationSpec()

    def run(source: Relation, target: Relation, spec: ReconciliationSpec, folder: Path) -> Reconciliation:
        return _Run(source, target, spec, connections, folder, activity, progress).run(resume)

    if not spec.measures:
        return run(source, target, spec, folder)
    groups = grouped(source, target, spec, connections, activity)
    found = run(groups.source, groups.target, groups.spec, folder)
    drill = groups.drill(found)
    return groups.result(found, run(drill.source, drill.target, drill.spec, folder / DRILLED) if drill else None)


class _Run:
    """One comparison, from both sides' columns to the result."""

    def __init__(
        self,
        source: Relation,
        target: Relation,
        spec: ReconciliationSpec,
        connections: ConnectionManager,
        folder: Path,
        activity: Activity | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.relations = source, target
        self.spec = spec
        self.connections = connections
        self.folder = folder
        self.activity = activity
        self.pace = Pace(connections, source.connection, spec, progress)
        self.journal = Journal(folder / _JOURNAL)
        self.tally = Tally()
        self.rows = np.zeros(2, np.int64)
        self.comparisons = 0
        self.moments: list[SideConsistency] = []
        self.reads_rows = False
        self.counted_windows = 0
        self.cut_short = False
        self.stopped = ""
        self.first_rows = FIRST_ROWS if spec.stop.counts or spec.stop.seconds is not None else None

    def run(self, resume: bool) -> Reconciliation:
        with working_in(self.folder), economical_memory():
            return self._run(resume)

    def _run(self, resume: bool) -> Reconciliation:
        started = dt.datetime.now(dt.UTC)
        with Sides(self.connections, *self.relations, self.spec, self.activity) as sides:
            shapes = Shapes(*sides.both(describe))
            self.columns = map_columns(shapes.source, shapes.target, self.spec)
            self.row_bytes = shapes.row_bytes
            self.unique_key = has_unique_key(self.columns, shapes.source, shapes.target)
            self.kind = common_hash(sides, self.spec)
            self.statements = self._statements(sides)
            events = self._begin(shapes, resume)
            self._note_moments(sides, events)
            choice, around = StrategyChoice(self.spec.strategy or Strategy.DIRECT, "it ended before any row"), None
            sides.stop_at(self.pace.deadline)
            try:
                plan = self._plan(sides, shapes, events)
                choice = plan.choice
                windows = self._windows(sides, plan, events)
                self._compare(sides, plan, windows, events)
            except Stopped:
                self._should_stop()
            with contextlib.suppress(Stopped):  # whatever it has found by then is whole without
                if self.tally.counts.total:
                    around = surroundings(sides, self.statements, (shapes.source, shapes.target))
        parts, outcome = self.parts, None
        if self.spec.recheck and self.tally.counts.total:
            again = self._recheck(self.spec.recheck)
            outcome, self.tally, parts = again.outcome, again.tally, again.parts
        return self._result(started, choice, parts, outcome, around or Surroundings())

    def _recheck(self, asked: Recheck) -> Rechecked:
        return recheck(
            asked,
            lambda: Sides(self.connections, *self.relations, self.spec, self.activity),
            self._statements,
            self.columns,
            self.parts,
            self.folder / _PARTS,
            lambda: self.pace.tell("recheck", 0, 0, int(self.rows.sum()), self.tally.counts.total),
        )

    def _statements(self, sides: Sides) -> tuple[Statements, Statements]:
        first, second = (
            Statements(
                side.relation, self.columns, self.spec, SideSQL(side.dialect, is_source), self.kind, self.unique_key
            )
            for side, is_source in ((sides.source, True), (sides.target, False))
        )
        return first, second

    def _begin(self, shapes: Shapes, resume: bool) -> list[dict[str, Any]]:
        """Give what an earlier run finished, and clear away what cannot be used."""
        print_ = fingerprint(self.relations, self.spec, (shapes.source, shapes.target))
        events = self.journal.read(print_) if resume else []
        if not events:
            shutil.rmtree(self.folder / _PARTS, ignore_errors=True)
        self.journal.rewrite(print_, events)
        self.parts = Parts(self.folder / _PARTS, difference_schema(self.columns))
        return events

    def _note_moments(self, sides: Sides, events: list[dict[str, Any]]) -> None:
        for event in events:
            self.moments += [SideConsistency(**each) for each in event.get("moments", ())]
        self.moments += sides.consistency
        self.journal.add({"moments": [vars(each) for each in sides.consistency]})

    def _plan(self, sides: Sides, shapes: Shapes, events: list[dict[str, Any]]) -> Plan:
        for event in events:
            if state := event.get("plan"):
                self.kind = HashKind(state["kind"])
                first, second = self.statements
                self.statements = replace(first, kind=self.kind), replace(second, kind=self.kind)
                return plan_of_state(state, self.columns)
        self.pace.tell("sample", 0, 0, 0, 0)
        plan = Planner(sides, self.statements, shapes, self.columns, self.spec, self.kind).plan()
        self.journal.add({"plan": plan.as_state(self.kind)})
        return plan

    def _windows(self, sides: Sides, plan: Plan, events: list[dict[str, Any]]) -> list[Window]:
        """Say which segments are looked at row by row."""
        for event in events:
            if "cut" in event:
                self.rows += event["rows"]
                self.comparisons += event["comparisons"]
                self.segments = _same(plan, event["by"])
                self.reads_rows = event["reads_rows"]
                self.counted_windows = event["counted"]
                return [Window(number, tuple(map(tuple, runs))) for number, runs in enumerate(event["cut"])]
        hashed = HASHES_EACH if plan.windows.sargable else SCATTERED_EACH
        each = {Strategy.ROWS: ROWS_EACH, Strategy.JOIN: JOINED_EACH}.get(plan.choice.strategy, hashed)
        self.segments = plan.windows
        if plan.choice.strategy is Strategy.DIRECT:
            windows = [Window(0, ((0, plan.windows.count),))]
        elif plan.scanned is None:
            average = plan.rows / plan.windows.count
            first = self.first_rows if plan.windows.sargable else None
            windows = cut(range(plan.windows.count), lambda _: average, each, first)
        else:
            windows = self._differing_windows(sides, plan, plan.scanned, events)
        if plan.choice.strategy is Strategy.JOIN:
            counted = query_both(sides, self.statements, lambda statements: statements.count())
            self.rows += [int(rows) for (rows,) in counted]
            self.counted_windows = len(windows)
        by = "windows" if self.segments is plan.windows else "scanned"
        self.journal.add(
            {
                "cut": [window.runs for window in windows],
                "by": by,
                "counted": self.counted_windows,
                "reads_rows": self.reads_rows,
                "rows": self.rows.tolist(),
                "comparisons": self.comparisons,
            }
        )
        return windows

    def _differing_windows(
        self, sides: Sides, plan: Plan, scanned: NumberedSegments, events: list[dict[str, Any]]
    ) -> list[Window]:
        """Compare checksums of all segments, and give windows of those that differ."""
        scan = ChecksumScan(sides, self.statements, scanned, plan.rows, self.row_bytes, self.spec)
        for event in events:
            if (chunk := event.get("checksums")) is not None:
                scan.resume(chunk)
                self.rows += chunk["rows"]
        while not scan.is_over and not self._should_stop() and not self._promises_enough(len(scan.differing)):
            before = scan.done
            chunk = scan.advance()
            self.rows += chunk["rows"]
            self.comparisons += scan.done - before
            self.journal.add({"checksums": chunk})
            self.pace.tell("checksums", scan.done, scanned.count, int(self.rows.sum()), self.tally.counts.total)
        counts = scan.counts
        first = self.first_rows if scanned.sargable else None
        size = HASHES_EACH if scanned.sargable else _even(int(counts.sum()), SCATTERED_EACH) + int(scan.rows_each)
        windows = cut(scan.differing, lambda number: counts[number], size, first)
        self.counted_windows = len(windows)
        # What was not scanned because enough seems to differ already is read, should that not be so.
        windows += cut(range(scan.done, scanned.count), lambda _: scan.rows_each, size, number=len(windows))
        if not scanned.sargable and plan.windows.sargable and counts.sum() > _FEW_IN_BUCKETS:
            # To find them by their hashes would scan everything again and again; reading key and hash of every row by
            # ranges of the key costs less.
            self.segments = plan.windows
            average = plan.rows / plan.windows.count
            windows = cut(range(plan.windows.count), lambda _: average, HASHES_EACH, self.first_rows)
            self.counted_windows = len(windows)
            return windows
        self.segments = scanned
        if not scanned.sargable and counts.sum() <= ROWS_EACH:
            self.reads_rows = True  # to find them again by their hashes would be one more scan
        return windows

    def _compare(self, sides: Sides, plan: Plan, windows: Sequence[Window], events: list[dict[str, Any]]) -> None:
        strategy = plan.choice.strategy
        finished = {event["window"]: event for event in events if "window" in event}
        for event in finished.values():
            self.tally.add_event(event["tally"])
            self.rows += event["rows"]
            self.comparisons += event["comparisons"]
        way = Strategy.ROWS if self.reads_rows else strategy
        limits = Limits(self._should_stop, self._would_be_enough, self._wanted, self.spec.stop.counts)
        reader = WindowReader(
            sides, self.statements, self.columns, self.segments, way, limits, unique_key=self.unique_key
        )
        left = [window for window in windows if window.number not in finished]
        done = len(finished)
        for compared in reader.compare(self._allowed(left), self.spec.care.workers):
            tally = Tally()
            self.parts.write(compared.window.number, self._told(compared, tally))
            counted = compared.window.number < self.counted_windows
            rows = np.zeros(2, np.int64) if counted else np.array(compared.rows)
            self.tally.add_tally(tally)
            self.rows += rows
            self.comparisons += compared.comparisons
            if compared.partial or self.cut_short:  # another run has to read it whole
                self._should_stop()
                break
            self.journal.add(
                {
                    "window": compared.window.number,
                    "tally": tally.as_event(),
                    "rows": rows.tolist(),
                    "comparisons": compared.comparisons,
                }
            )
            done += 1
            if done % _WINDOWS_BEFORE_RELEASE == 0:
                release_memory()
            self.pace.tell("compare", done, len(windows), int(self.rows.sum()), self.tally.counts.total)
        if done < len(windows) and not self.stopped:
            raise AssertionError("windows were left out without a reason")

    def _told(self, compared: Compared, tally: Tally) -> Iterator[Any]:
        """Give the differences of a window as they come, and count them; those that came before the time was over."""
        try:
            for matched in compared.matched:
                tally.add(matched, self.columns)
                yield differences(matched, self.columns)
        except Stopped:
            self.cut_short = True

    def _allowed(self, windows: Sequence[Window]) -> Iterator[Window]:
        """Give windows as long as nothing says stop, each when the throttle lets it begin."""
        for window in windows:
            if self._should_stop():
                return
            self.pace.wait_for_leave()
            yield window

    def _would_be_enough(self, differences: int, rows: int) -> bool:
        total, compared = self.tally.counts.total, int(self.rows.max())
        return bool(self.pace.reason_to_stop(total + differences, compared + rows))

    def _wanted(self) -> int | None:
        most = self.spec.stop.differences
        return None if most is None else most - self.tally.counts.total

    def _promises_enough(self, segments: int) -> bool:
        """Whether segments that differ, each of which has a row that does, make it likely that no more are needed."""
        most = self.spec.stop.differences
        return most is not None and segments >= most

    def _should_stop(self) -> bool:
        if not self.stopped:
            self.stopped = self.pace.reason_to_stop(self.tally.counts.total, int(self.rows.max()))
        return bool(self.stopped)

    def _result(
        self,
        started: dt.datetime,
        choice: StrategyChoice,
        parts: Parts,
        outcome: RecheckOutcome | None,
        around: Surroundings,
    ) -> Reconciliation:
        path = self.folder / DIFFERENCES
        parts.join(path, self.spec.limit)
        found = findings(path, parts, self.tally, self.columns, around)
        rows = max(int(self.rows.max()), 1)
        result = Reconciliation(
            source=self.relations[0],
            target=self.relations[1],
            spec=self.spec,
            key=() if self.columns.keyless else tuple(pair.name for pair in self.columns.key),
            columns=tuple(pair.name for pair in (self.columns.key if self.columns.keyless else self.columns.values)),
            schema=self.columns.differences,
            source_rows=int(self.rows[0]),
            target_rows=int(self.rows[1]),
            counts=self.tally.counts,
            by_column=tuple(
                ColumnCount(name, number, number / rows) for name, number in self.tally.by_column.most_common()
            ),
            duplicates=tuple(self.tally.duplicates),
            duplicate_keys=self.tally.duplicate_keys,
            null_keys=self.tally.null_keys,
            differences=path,
            sample=found.sample,
            patterns=found.patterns,
            histogram=found.histogram,
            consistency=tuple(self.moments),
            choice=choice,
            collision_probability=collision_probability(self.comparisons),
            stopped=self.stopped,
            recheck=outcome,
            started=started,
            seconds=(dt.datetime.now(dt.UTC) - started).total_seconds(),
            pairs=self.columns.all,
        )
        shutil.rmtree(self.folder / _PARTS, ignore_errors=True)
        self.journal.remove()
        return result


def _even(rows: int, each: int) -> int:
    """Give a size near `each` of which some windows hold so many rows: no last one costs a scan for little."""
    return -(-rows // max(1, round(rows / each)))


def _same(plan: Plan, by: str) -> Segments:
    return plan.windows if by == "windows" or plan.scanned is None else plan.scanned
