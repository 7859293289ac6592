"""Signals that ask a command to end."""

from __future__ import annotations

import signal
from types import FrameType


def raise_when_asked_to_end() -> None:
    """Let signals raise where the process waits, so that it cancels its statement on the server."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which nohup wants to be kept
        signal.signal(signal.SIGHUP, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
