"""Events as one line that changes while a command waits."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from cockroach_pipelines.execution import (
    BatchFinished,
    CommitInDoubt,
    Event,
    RetryScheduled,
    StatementStarted,
)


@dataclass(frozen=True)
class ProgressObserver:
    """Shows on a terminal what runs; a retry is printed, so that it stays to be read."""

    console: Console
    status: Status

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case StatementStarted():
                again = f", attempt {event.attempt}" if event.attempt > 1 else ""
                self.status.update(f"running {escape(event.statement)}{again}")
            case BatchFinished():
                of = f" of {event.batches:,}" if event.batches else ""
                self.status.update(
                    f"{escape(event.statement)}: batch {event.batch + 1:,}{of}, {event.rows_so_far:,} rows"
                )
            case RetryScheduled():
                self._say(f"attempt {event.attempt} failed, again in {event.wait:.1f} s: {event.failure.message}")
            case CommitInDoubt():
                self._say(f"COMMIT got no answer: {event.outcome.value}")

    def _say(self, text: str) -> None:
        self.console.print(f"[yellow]{escape(text)}[/]", highlight=False, soft_wrap=True)
