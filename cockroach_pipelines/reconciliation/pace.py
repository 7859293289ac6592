"""How fast a reconciliation goes on: progress, pauses, and reasons to stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from cockroach_pipelines.database import ConnectionManager, call_interruptibly
from cockroach_pipelines.reconciliation.errors import ReconciliationError
from cockroach_pipelines.reconciliation.result import Progress
from cockroach_pipelines.reconciliation.spec import ReconciliationSpec

_ROWS_FOR_A_SHARE = 10_000


class Pace:
    """Tells progress, waits while a throttle query says so, and knows when to stop.

    Args:
        connections: Where the throttle's connection is lent.
        connection: Its name.
        spec: What was asked.
        progress: Whom to tell.
    """

    def __init__(
        self,
        connections: ConnectionManager,
        connection: str,
        spec: ReconciliationSpec,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._connections = connections
        self._connection = connection
        self._spec = spec
        self._progress = progress
        self._started = time.monotonic()
        self._last = Progress("describe", 0, 0, 0, 0.0, None, 0)

    def tell(self, phase: str, done: int, segments: int, rows: int, differences: int) -> None:
        """Say how far it is."""
        seconds = max(time.monotonic() - self._started, 1e-6)
        remaining = seconds / done * (segments - done) if done else None
        self._last = Progress(phase, done, segments, rows, rows / seconds, remaining, differences)
        if self._progress:
            self._progress(self._last)

    def wait_for_leave(self) -> None:
        """Wait while the throttle query says true.

        Raises:
            ReconciliationError: The query does not give one boolean.
        """
        throttle = self._spec.care.throttle
        while throttle and self._is_throttled(throttle):
            last = self._last
            self.tell("pause", last.done, last.segments, last.rows, last.differences)
            deadline = time.monotonic() + self._spec.care.throttle_pause
            while (left := deadline - time.monotonic()) > 0:
                time.sleep(min(left, 0.1))

    def _is_throttled(self, throttle: str) -> bool:
        # On a connection of its own: the snapshot would never see anything change.
        with self._connections.lend(self._connection) as connection:
            rows = call_interruptibly(lambda: connection.query(throttle), name="reconcile-throttle")
        if len(rows) != 1 or len(rows[0]) != 1 or not isinstance(rows[0][0], bool):
            raise ReconciliationError(
                "The throttle query does not give one boolean.",
                advice="Write a SELECT of one row and one column that is true while the comparison should pause.",
            )
        return rows[0][0]

    @property
    def deadline(self) -> float | None:
        """When to stop at the latest, as `time.monotonic()` tells it."""
        seconds = self._spec.stop.seconds
        return None if seconds is None else self._started + seconds

    def reason_to_stop(self, differences: int, rows: int) -> str:
        """Say why to stop now; empty when there is no reason."""
        stop = self._spec.stop
        if stop.differences is not None and differences >= stop.differences:
            return f"{differences:,} rows differ, the limit is {stop.differences:,}"
        if stop.share is not None and rows >= _ROWS_FOR_A_SHARE and differences > stop.share * rows:
            return f"{differences / rows:.1%} of {rows:,} rows differ, the limit is {stop.share:.1%}"
        if stop.seconds is not None and time.monotonic() - self._started >= stop.seconds:
            return f"{stop.seconds:g} s are over"
        return ""
