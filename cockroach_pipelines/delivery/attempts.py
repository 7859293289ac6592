"""Delivering in spite of what passes."""

from __future__ import annotations

import time
from collections.abc import Callable

from cockroach_pipelines.delivery.errors import DeliveryError
from cockroach_pipelines.delivery.messages import Channel, Message

_LONGEST_WAIT = 30.0


def deliver(
    channel: Channel,
    message: Message,
    *,
    attempts: int = 3,
    first_wait: float = 1.0,
    within: float = 60.0,
    at_most_once: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Deliver a message, trying again after what may pass.

    Args:
        channel: The way.
        message: What to tell.
        attempts: How often at most.
        first_wait: Seconds before the second attempt; the wait doubles with each. A receiver that names a longer one
            gets it.
        within: No attempt begins later than so many seconds after the first.
        at_most_once: Whether an attempt of which nobody knows whether it arrived is the last. Otherwise another follows:
            a message that comes twice is better than one that does not.
        sleep: Waits for so many seconds.

    Raises:
        DeliveryError: It was not delivered: what the last attempt met.
    """
    deadline = time.monotonic() + within
    for attempt in range(attempts):
        try:
            channel.send(message)
        except DeliveryError as error:
            wait = max(min(first_wait * 2**attempt, _LONGEST_WAIT), error.wait or 0.0)
            for_good = not error.passing or (error.uncertain and at_most_once)
            if for_good or attempt + 1 == attempts or time.monotonic() + wait > deadline:
                raise
        else:
            return
        sleep(wait)
