"""What may pass is tried again, so often and so long; what may not is told at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from cockroach_pipelines.delivery import DeliveryError, Message, deliver, nothing


@dataclass
class Fickle:
    """A channel that fails as it is told to, and then works."""

    failures: list[DeliveryError]
    name: str = "fickle"
    sent: int = 0
    waits: list[float] = field(default_factory=list)

    def send(self, message: Message, before_last_word: Callable[[], None] = nothing) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent += 1


BUSY = DeliveryError("busy", passing=True)
UNKNOWN = DeliveryError("nobody knows", passing=True, uncertain=True)


def test_busy_receiver_is_asked_again_after_a_growing_wait() -> None:
    channel = Fickle([BUSY, BUSY])
    deliver(channel, Message("a"), sleep=channel.waits.append)
    assert (channel.sent, channel.waits) == (1, [1.0, 2.0])


def test_receiver_that_names_a_longer_wait_gets_it() -> None:
    channel = Fickle([DeliveryError("busy", passing=True, wait=7)])
    deliver(channel, Message("a"), sleep=channel.waits.append)
    assert channel.waits == [7]


@pytest.mark.parametrize(
    ("failures", "attempts", "within"),
    [
        ([BUSY] * 9, 3, 60.0),  # too often
        ([DeliveryError("busy", passing=True, wait=600)], 3, 60.0),  # too late
        ([DeliveryError("wrong password")], 3, 60.0),  # for good
    ],
)
def test_last_error_is_told(failures: list[DeliveryError], attempts: int, within: float) -> None:
    channel = Fickle(list(failures))
    with pytest.raises(DeliveryError, match=r"busy|wrong"):
        deliver(channel, Message("a"), attempts=attempts, within=within, sleep=channel.waits.append)
    assert channel.sent == 0
    assert len(failures) - len(channel.failures) == min(attempts, len(failures))


def test_what_may_have_arrived_is_sent_again_where_twice_is_better_than_never() -> None:
    channel = Fickle([UNKNOWN])
    deliver(channel, Message("a"), sleep=channel.waits.append)
    assert channel.sent == 1


def test_what_may_have_arrived_is_not_sent_again_where_once_is_enough() -> None:
    channel = Fickle([BUSY, UNKNOWN])
    with pytest.raises(DeliveryError, match="nobody knows"):
        deliver(channel, Message("a"), at_most_once=True, sleep=channel.waits.append)
    assert (channel.sent, channel.waits) == (0, [1.0])
