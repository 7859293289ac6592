"""Events in Dagster's log, and in the metadata of what a run made."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from cockroach_pipelines.execution import (
    BatchFinished,
    CommitInDoubt,
    Doubt,
    Event,
    RetryScheduled,
    StatementFailed,
    StatementFinished,
    StatementStarted,
)


@dataclass
class DagsterObserver:
    """Tells a step's events in its log, and counts what its metadata shows.

    Args:
        log: The step's own.
    """

    log: dg.DagsterLogManager
    retries: int = 0
    resolved: int = 0

    def __call__(self, event: Event) -> None:
        """Tell an event."""
        match event:
            case StatementStarted():
                self.log.debug(f"{event.statement}: sent to {event.connection}")
            case StatementFinished():
                rows = f"{event.rows:,} rows" if event.rows >= 0 else "done"
                self.log.debug(f"{event.statement}: {rows} in {event.seconds:.2f} s")
            case StatementFailed():
                self.log.debug(f"{event.statement}: failed after {event.seconds:.2f} s: {event.failure.message}")
            case RetryScheduled():
                self.retries += 1
                where = " on a new connection" if event.reconnects else ""
                self.log.warning(
                    f"attempt {event.attempt} failed, the next one begins{where} in {event.wait:.2f} s: {event.failure.message}"
                )
            case CommitInDoubt():
                self.resolved += event.outcome is not Doubt.UNKNOWN
                self.log.warning(f"COMMIT got no answer: {event.outcome.value}. {event.failure.message}")
            case BatchFinished():
                of = f" of {event.batches}" if event.batches else ""
                self.log.info(f"batch {event.batch + 1}{of}: {event.rows_so_far:,} rows so far")

    def metadata(self) -> dict[str, Any]:
        """Give what there is to tell of a run that did not go smoothly; nothing of one that did."""
        counted = {"retries": self.retries, "commits_in_doubt": self.resolved}
        return {name: dg.MetadataValue.int(number) for name, number in counted.items() if number}
