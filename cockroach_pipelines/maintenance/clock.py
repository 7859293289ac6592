"""Time as batches see it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field

_SLICE_SECONDS = 0.1


@dataclass(frozen=True)
class Clock:
    """This machine's clock, and waits that end when `stop` is set."""

    stop: threading.Event = field(default_factory=threading.Event)

    def seconds(self) -> float:
        """Give seconds from any beginning."""
        return time.monotonic()

    def now(self) -> dt.datetime:
        """Give the moment, with its zone."""
        return dt.datetime.now(dt.UTC)

    def sleep(self, seconds: float) -> None:
        """Wait, interruptibly, or until `stop` is set."""
        end = self.seconds() + seconds
        while (left := end - self.seconds()) > 0 and not self.stop.is_set():
            self.stop.wait(min(left, _SLICE_SECONDS))
