"""How a command is asked to end."""

from __future__ import annotations

import signal
from types import FrameType


def raise_when_asked_to_end() -> None:
    """Raise an exception where the process waits when a signal asks it to end, so that it cancels its statement."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which nohup wants to be kept
        signal.signal(signal.SIGHUP, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
