"""Waiting for what happens by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

_LONGEST_PAUSE_SECONDS = 0.5


def wait_until(condition: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Wait for something that happens by itself; fail with what `otherwise` gives.

    What comes soon is noticed soon; what takes long is asked for ever less often, as each question takes of its time.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, f"within {seconds:g} s: {otherwise()}"
        time.sleep(min(0.02 + waited / 20, _LONGEST_PAUSE_SECONDS))
