"""How far a batch job is, for people who wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class BatchProgress:
    """How far a pass is.

    Attributes:
        job: Whose.
        rows: Touched in this pass, earlier runs of it included.
        run_rows: Touched by this run.
        batches: Committed by this run.
        estimated: How many rows the pass is to touch; None where nobody knows.
        seconds: Since this run began to work.
        size: Rows of the next batch.
        waiting: Why nothing runs at the moment; empty while it does.
    """

    job: str
    rows: int
    run_rows: int
    batches: int
    estimated: int | None
    seconds: float
    size: int
    waiting: str = ""

    @property
    def rows_per_second(self) -> float:
        """Rows a second of this run, its pauses included."""
        return self.run_rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def share(self) -> float | None:
        """The part that is done, from 0 to 1; an estimate that was too low never makes it 1 before the end."""
        if not self.estimated:
            return None
        return min(self.rows / self.estimated, 0.999)

    @property
    def seconds_left(self) -> float | None:
        """How long it may still take."""
        if not self.estimated or not self.rows_per_second:
            return None
        return max(0, self.estimated - self.rows) / self.rows_per_second

    def __str__(self) -> str:
        parts = [f"{self.rows:,} rows"]
        if self.share is not None:
            parts[0] += f" of about {self.estimated:,} ({self.share:.0%})"
        parts.append(f"{self.rows_per_second:,.0f} rows/s")
        if self.seconds_left is not None:
            parts.append(f"about {span(self.seconds_left)} left")
        parts.append(f"batches of {self.size:,}")
        if self.waiting:
            parts.append(self.waiting)
        return ", ".join(parts)


Progress = Callable[[BatchProgress], None]
"""Is told after each batch and while nothing runs; it must be quick."""


def span(seconds: float) -> str:
    """Say how long something takes: 12 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
