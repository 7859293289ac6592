"""What keeps a run from going on: limits, hours of the day, a pause flag, a query."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from cockroach_pipelines.database import CockroachDBConnection
from cockroach_pipelines.execution import Order
from cockroach_pipelines.maintenance.clock import Clock
from cockroach_pipelines.maintenance.outcome import EndReason
from cockroach_pipelines.maintenance.runs import Pausing
from cockroach_pipelines.maintenance.throttle import reason_to_wait
from cockroach_pipelines.queries import Batch

_SIGNS_SECONDS = 1.0

Ask = Callable[[Callable[[CockroachDBConnection], str]], str]
"""Asks the server in a transaction that only reads."""


class Restraint:
    """Looks at everything that may keep one run from going on.

    Args:
        order: What runs.
        batch: Its rules.
        clock: Time.
        most_rows: How many rows the limit on the share of the table allows a pass.
        pausing: Asks for the pause flag.
        ask: Asks the throttle's query.

    Attributes:
        detail: More of the reason that was given last, for people.
    """

    def __init__(
        self,
        order: Order,
        batch: Batch,
        clock: Clock,
        most_rows: int | None,
        pausing: Callable[[], Pausing | None],
        ask: Ask,
    ) -> None:
        self.detail = ""
        self._order = order
        self._batch = batch
        self._rules = batch.rules
        self._clock = clock
        self._most_rows = most_rows
        self._pausing = pausing
        self._ask = ask
        self._began = clock.seconds()
        self._signs_seen = self._throttle_asked = float("-inf")

    def rows_left(self, run_rows: int, pass_rows: int) -> list[int]:
        """Give how many rows each limit leaves."""
        limits = [(self._rules.limits.rows, run_rows), (self._most_rows, pass_rows)]
        return [most - so_far for most, so_far in limits if most is not None]

    def reason_to_end(self, run_rows: int, pass_rows: int) -> EndReason | None:
        """Say why the run has to end although there may be more; None when it may go on."""
        return self._paused() or self._outside_its_window() or self._at_its_limit(run_rows, pass_rows)

    def reason_to_wait(self) -> str:
        """Say why nothing may run at the moment; empty when it may. The query is asked every `pause.every`."""
        throttle = self._batch.throttle
        if throttle is None or self._clock.seconds() - self._throttle_asked < self._rules.pause.every:
            return ""
        why = self._ask(lambda connection: reason_to_wait(connection, throttle))
        self.detail = why
        if not why:
            self._throttle_asked = self._clock.seconds()
        return why

    def _paused(self) -> EndReason | None:
        if self._clock.seconds() - self._signs_seen < _SIGNS_SECONDS:
            return None
        self._signs_seen = self._clock.seconds()
        pausing = self._pausing()
        if pausing is None:
            return None
        self.detail = str(pausing)
        return EndReason.PAUSED

    def _outside_its_window(self) -> EndReason | None:
        window, zone = self._rules.window, self._order.timezone
        if window is None or window.holds(self._clock.now().astimezone(ZoneInfo(zone))):
            return None
        self.detail = f"it may run {window}, {zone}"
        return EndReason.WINDOW

    def _at_its_limit(self, run_rows: int, pass_rows: int) -> EndReason | None:
        limits = self._rules.limits
        if limits.runtime is not None and self._clock.seconds() - self._began >= limits.runtime:
            return EndReason.TIME
        if limits.rows is not None and run_rows >= limits.rows:
            return EndReason.ROWS
        if self._most_rows is not None and pass_rows >= self._most_rows:
            self.detail = f"share_of_table allows {self._most_rows:,} rows"
            return EndReason.SHARE
        return None
