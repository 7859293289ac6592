"""What a run of a batch job came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cockroach_pipelines.database import ServerVersion
from cockroach_pipelines.execution import CheckOutcome, Order


class EndReason(StrEnum):
    """Why a run ended."""

    DONE = "done"
    """Nothing is left that the condition is true for."""
    TIME = "time"
    ROWS = "rows"
    SHARE = "share"
    WINDOW = "window"
    THROTTLED = "throttled"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    ERROR = "error"

    @property
    def held(self) -> bool:
        """Whether somebody or something kept the job from going on."""
        return self in (EndReason.THROTTLED, EndReason.PAUSED)


@dataclass(frozen=True)
class DryRun:
    """What a job would do.

    Attributes:
        estimated: Rows that it would touch by the server's estimate; None where the server does not say.
        table_rows: Rows of the table by the server's statistics.
        index: The index that gives the key's order.
        unique: Whether no two rows have the same key; else a batch holds all rows of its last key.
        plan: How the server would run a batch.
        sample: The first rows of the first batch, a `pa.Table`.
    """

    estimated: int | None
    table_rows: int | None
    index: str
    unique: bool
    plan: str
    sample: Any

    @property
    def share(self) -> float | None:
        """The share of the table, where both numbers are known."""
        return self.estimated / self.table_rows if self.estimated is not None and self.table_rows else None

    def __str__(self) -> str:
        rows = "an unknown number of" if self.estimated is None else f"about {self.estimated:,}"
        of = "" if self.table_rows is None else f" of {self.table_rows:,}"
        share = "" if self.share is None else f" ({self.share:.1%})"
        return f"would touch {rows} rows{of}{share}"


@dataclass(frozen=True)
class BatchedRun:
    """What a run of a batch job came to.

    Attributes:
        order: What was asked for.
        run: The name under which the audit has it.
        reason: Why it ended.
        detail: More of that, for people.
        rows: Touched by this run.
        batches: Committed by this run.
        pass_rows: Touched since the pass began, earlier runs of it included.
        resumes: How often the pass was gone on with.
        seconds: How long this run took, its pauses included.
        estimated: How many rows the pass was to touch when it began.
        archive: The folder of the deleted rows.
        dry_run: What it would do, of a run that changed nothing.
        checks: What the file's checks found afterwards.
        retries: Transactions that had to run again.
    """

    order: Order
    connection: str
    server: ServerVersion
    run: str
    reason: EndReason
    detail: str = ""
    rows: int = 0
    batches: int = 0
    pass_rows: int = 0
    resumes: int = 0
    seconds: float = 0.0
    estimated: int | None = None
    archive: Path | None = None
    dry_run: DryRun | None = None
    checks: tuple[CheckOutcome, ...] = ()
    retries: int = 0

    @property
    def rows_per_second(self) -> float:
        """Rows a second, pauses included."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def failed_checks(self) -> tuple[CheckOutcome, ...]:
        """The checks that found something wrong."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def headline(self) -> str:
        """What happened, in one line."""
        if self.dry_run is not None:
            return f"dry run: {self.dry_run}; nothing was changed"
        resumed = f", {self.pass_rows:,} in this pass" if self.pass_rows != self.rows else ""
        return (
            f"{self.rows:,} rows{resumed} in {self.batches:,} batches, {self.seconds:.2f} s, "
            f"{self.rows_per_second:,.0f} rows/s; ended: {self.reason}{f' ({self.detail})' if self.detail else ''}"
        )
