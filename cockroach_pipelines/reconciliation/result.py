"""What a reconciliation found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cockroach_pipelines.reconciliation.columns import Pair, SchemaDifference
from cockroach_pipelines.reconciliation.matching import DuplicateKey
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.spec import HashKind, ReconciliationSpec, Strategy


class Kind(StrEnum):
    """How a row differs."""

    MISSING = "missing"
    """The source has it, the target lacks it."""
    EXTRA = "extra"
    """The target has it, the source lacks it."""
    CHANGED = "changed"
    """Both have its key, with other values."""


class Verdict(StrEnum):
    """What the counts mean by the expectation."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class SideConsistency:
    """Which moment a side was read at."""

    server: str
    moment: str
    shared_with_other_side: bool = False


@dataclass(frozen=True)
class Counts:
    """Rows that differ, by kind; of a run that stopped early at least so many."""

    missing: int = 0
    extra: int = 0
    changed: int = 0

    @property
    def total(self) -> int:
        """Rows that differ."""
        return self.missing + self.extra + self.changed

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.missing + other.missing, self.extra + other.extra, self.changed + other.changed)

    def as_dict(self) -> dict[str, int]:
        """Give the counts by the name of the kind."""
        return {"missing": self.missing, "extra": self.extra, "changed": self.changed}


@dataclass(frozen=True)
class ColumnCount:
    """In how many changed rows a column differs, and which share of the rows on both sides that is."""

    column: str
    rows: int
    share: float


@dataclass(frozen=True)
class Pattern:
    """What many differences have in common."""

    column: str | None
    description: str
    rows: int
    share: float
    """Of the differences looked at: those of the column, or of the rows."""

    def __str__(self) -> str:
        where = f"{self.column}: " if self.column else ""
        return f"{where}{self.description} ({self.share:.0%} of {'its' if self.column else 'the'} differences)"


@dataclass(frozen=True)
class Histogram:
    """Where along the first key column rows differ: between two edges lie `counts` of a kind.

    `edges` has one text more than the counts have numbers; it is empty where the key has no order worth a picture.
    """

    column: str
    edges: tuple[str, ...]
    counts: Mapping[Kind, tuple[int, ...]]


@dataclass(frozen=True)
class RecheckOutcome:
    """What became of the rows that differed when they were read again.

    Attributes:
        times: How often they were.
        healed: Rows that were equal by then: they had been in flight.
        confirmed: Rows that differed in the same way each time.
        moving: Rows that differ still, in another way than before.
        moments: Which moments the readings had.
    """

    times: int
    healed: int
    confirmed: int
    moving: int
    moments: tuple[str, ...] = ()


@dataclass(frozen=True)
class StrategyChoice:
    """How the rows met, and why so.

    Attributes:
        strategy: Which way.
        reason: Why, in one sentence.
        hash: Kind of hash, None where every value was compared.
        segments: What the key space was cut by, such as `4,096 ranges of id`.
        sampled_share: Which share of a sample differed beforehand; None without a sample.
    """

    strategy: Strategy
    reason: str
    hash: HashKind | None = None
    segments: str = ""
    sampled_share: float | None = None


@dataclass(frozen=True)
class Progress:
    """How far a reconciliation is.

    Attributes:
        phase: What it does: `describe`, `sample`, `checksums`, `compare`, `recheck`, `pause`.
        done: Segments done.
        segments: Segments in all.
        rows: Rows of both sides read so far.
        rows_per_second: Over the whole run.
        remaining_seconds: None where it cannot be told.
        differences: Rows found to differ so far.
    """

    phase: str
    done: int
    segments: int
    rows: int
    rows_per_second: float
    remaining_seconds: float | None
    differences: int


@dataclass(frozen=True)
class Reconciliation:
    """What comparing two relations came to.

    Attributes:
        source: The one side.
        target: The other.
        spec: What was asked.
        key: The key's columns; empty where whole rows were compared as multisets.
        columns: The columns compared beside the key.
        schema: How the columns themselves differ.
        source_rows: Rows of the source that were compared.
        target_rows: Rows of the target that were compared.
        counts: Rows that differ, by kind.
        by_column: Changed rows by the column that differs, the most frequent first.
        duplicates: Keys that stand more than once and differ, the first hundred of
        duplicate_keys: so many.
        null_keys: Differing rows with a NULL in their key.
        differences: The Parquet file of all differences; see `DIFFERENCE_COLUMNS`.
        sample: Its first rows.
        patterns: What many differences have in common, the most telling first.
        histogram: Where along the key they lie; None without differences or order.
        consistency: Which moments the sides were read at; more than one each when the run was resumed.
        choice: Which strategy ran, and why.
        collision_probability: The chance that a difference was missed because hashes were equal.
        stopped: Why it ended before the end, such as `1,000 differences`; empty when it is complete.
        recheck: What reading the differences again gave.
        started: When.
        seconds: How long it took.
    """

    source: Relation
    target: Relation
    spec: ReconciliationSpec
    key: tuple[str, ...]
    columns: tuple[str, ...]
    schema: tuple[SchemaDifference, ...]
    source_rows: int
    target_rows: int
    counts: Counts
    by_column: tuple[ColumnCount, ...]
    duplicates: tuple[DuplicateKey, ...]
    duplicate_keys: int
    null_keys: int
    differences: Path
    sample: Any
    patterns: tuple[Pattern, ...]
    histogram: Histogram | None
    consistency: tuple[SideConsistency, ...]
    choice: StrategyChoice
    collision_probability: float
    stopped: str
    recheck: RecheckOutcome | None
    started: dt.datetime
    seconds: float
    pairs: tuple[Pair, ...] = ()
    """All compared columns of both sides, the key's first."""
    drilled: Reconciliation | None = None
    """The rows of the groups that differ, where groups were compared and `drill` was asked for."""

    @property
    def complete(self) -> bool:
        """Whether all rows were compared."""
        return not self.stopped

    @property
    def equal(self) -> bool:
        """Whether all rows were compared and none differs."""
        return self.complete and self.counts.total == 0

    @property
    def share(self) -> float:
        """Which share of the larger side's rows differs."""
        rows = max(self.source_rows, self.target_rows)
        return min(1.0, self.counts.total / rows) if rows else float(self.counts.total > 0)

    @property
    def verdict(self) -> Verdict:
        """What the counts mean by `spec.expect`; a run that stopped early never passes."""
        expect = self.spec.expect
        if expect.error.is_exceeded(self.counts.total, self.share):
            return Verdict.FAIL
        if not self.complete:
            return Verdict.FAIL
        return Verdict.WARN if expect.warn.is_exceeded(self.counts.total, self.share) else Verdict.PASS

    @property
    def noun(self) -> str:
        """What was compared: a `row` or a `group`."""
        return "group" if self.spec.measures else "row"

    @property
    def headline(self) -> str:
        """Say in one sentence what was found."""
        noun = self.noun
        rows = f"{self.source_rows:,} against {self.target_rows:,} {noun}s"
        if self.spec.sample is not None:
            rows += f", a sample of {100 * self.spec.sample:g}% of the keys"
        if self.equal:
            return f"No differences in {rows}."
        counts = self.counts
        parts = ", ".join(f"{number:,} {kind}" for kind, number in counts.as_dict().items() if number)
        least = "At least " if self.stopped else ""
        because = f" It stopped early: {self.stopped}." if self.stopped else ""
        differ = f"{noun} differs" if counts.total == 1 else f"{noun}s differ"
        return f"{least}{counts.total:,} {differ} ({parts or 'none'}) in {rows}.{because}"

    def as_record(self) -> dict[str, Any]:
        """Give everything but the rows as plain values for JSON."""
        return {
            "source": str(self.source),
            "target": str(self.target),
            "verdict": str(self.verdict),
            "equal": self.equal,
            "complete": self.complete,
            "stopped": self.stopped or None,
            "headline": self.headline,
            "key": list(self.key),
            "columns": list(self.columns),
            "rows": {"source": self.source_rows, "target": self.target_rows},
            "differences": {**self.counts.as_dict(), "total": self.counts.total, "share": self.share},
            "by_column": [vars(each) for each in self.by_column],
            "duplicate_keys": self.duplicate_keys,
            "duplicates": [
                {"key": list(each.key), "source": each.source_copies, "target": each.target_copies}
                for each in self.duplicates
            ],
            "null_keys": self.null_keys,
            "schema": [vars(each) for each in self.schema],
            "patterns": [vars(each) for each in self.patterns],
            "histogram": None
            if self.histogram is None
            else {
                "column": self.histogram.column,
                "edges": list(self.histogram.edges),
                **{str(kind): list(counts) for kind, counts in self.histogram.counts.items()},
            },
            "consistency": [vars(each) for each in self.consistency],
            "strategy": {
                "name": str(self.choice.strategy),
                "reason": self.choice.reason,
                "hash": str(self.choice.hash) if self.choice.hash else None,
                "segments": self.choice.segments,
                "sampled_share": self.choice.sampled_share,
            },
            "collision_probability": self.collision_probability,
            "recheck": None if self.recheck is None else {**vars(self.recheck), "moments": list(self.recheck.moments)},
            "started": self.started.isoformat(),
            "seconds": self.seconds,
            "differences_file": str(self.differences),
            "sample": self.sample.to_pylist(),
            "drilled": self.drilled.as_record() if self.drilled else None,
        }
