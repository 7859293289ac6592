"""Messages, each delivered once by each way, over ticks and restarts."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import dagster as dg

from cockroach_pipelines.config import NotificationsConfig
from cockroach_pipelines.delivery import (
    Channel,
    DeliveryError,
    Email,
    Message,
    RecipientsRefusedError,
    Webhook,
    deliver,
)

# All that a tick does has to be done within the minute that Dagster gives it.
_ATTEMPTS, _ATTEMPTS_WITHIN_SECONDS = 2, 10.0
_TICK_SECONDS = 35.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 30.0, 3600.0


@dataclass
class Pause:
    """A way that failed: how often in a row, until when it is left alone, and why."""

    failures: int
    until: float
    error: str


@dataclass
class Ledger:
    """What was delivered by which way, by the identities of messages, and the ways that are left alone for now."""

    delivered: dict[str, list[str]] = field(default_factory=dict)
    paused: dict[str, Pause] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str | None) -> "Ledger":
        """Read a ledger; an empty one where there is none."""
        held: Mapping[str, Any] = json.loads(text) if text else {}
        paused = {way: Pause(**pause) for way, pause in held.get("paused", {}).items()}
        return cls(dict(held.get("delivered", {})), paused)


class Deliveries:
    """Delivers the messages of a sensor, and remembers in Dagster's instance what was delivered.

    It is remembered after each delivery and not with the sensor's cursor: a process that is killed, or another way that
    fails, makes no message come twice. A way that fails is left alone for a while that grows, so that a mail server that
    refuses a password is not asked every few seconds.

    Args:
        context: The sensor's tick; its instance is where it is remembered.
        clock: Gives the seconds since 1970.
        attempt: Delivers one message by one way.
    """

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        *,
        clock: Callable[[], float] = time.time,
        attempt: Callable[..., None] = deliver,
    ) -> None:
        origin = context.code_location_origin
        location = origin.location_name if origin else ""
        self._key = f"cockroach_pipelines/deliveries/{location}/{context.repository_name}/{context.sensor_name}"
        self._storage = context.instance.daemon_cursor_storage
        self._log = context.log
        self._clock = clock
        self._attempt = attempt
        self._ends = clock() + _TICK_SECONDS
        self._ledger = Ledger.of(self._storage.get_cursor_values({self._key}).get(self._key))
        self.sent = 0
        self.errors: list[str] = []

    @property
    def paused(self) -> str:
        """Which ways are left alone for now, and why; empty where none is."""
        now = self._clock()
        return " ".join(
            f"{way} is tried again in {pause.until - now:.0f} s: {pause.error}"
            for way, pause in self._ledger.paused.items()
            if pause.until > now
        )

    def deliver(self, identity: str, message: Message, channels: Iterable[Channel]) -> bool:
        """Deliver a message by each of some ways that it has not taken yet, and say whether it has now taken all.

        What goes wrong is in `errors`, and nothing is raised.
        """
        taken = [self._deliver(identity, message, channel) for channel in channels]  # all are tried, whatever one says
        return all(taken)

    def forget(self, identities: Collection[str]) -> None:
        """Forget messages that will not be asked for again."""
        if held := [identity for identity in self._ledger.delivered if identity in identities]:
            for identity in held:
                del self._ledger.delivered[identity]
            self._save()

    @property
    def known(self) -> Collection[str]:
        """The identities of messages of which something was delivered."""
        return list(self._ledger.delivered)

    def _deliver(self, identity: str, message: Message, channel: Channel) -> bool:
        way, now = channel.name, self._clock()
        if way in self._ledger.delivered.get(identity, ()):
            return True
        pause = self._ledger.paused.get(way)
        if (pause and pause.until > now) or now > self._ends:
            return False
        try:
            self._attempt(channel, message, attempts=_ATTEMPTS, within=_ATTEMPTS_WITHIN_SECONDS)
        except DeliveryError as error:
            self.errors.append(f"{message.title} was not delivered by {way}. {error}")
            if not (isinstance(error, RecipientsRefusedError) and error.others):
                failures = pause.failures + 1 if pause else 1
                wait = max(min(_FIRST_PAUSE_SECONDS * 2 ** (failures - 1), _LONGEST_PAUSE_SECONDS), error.wait or 0.0)
                self._ledger.paused[way] = Pause(failures, self._clock() + wait, error.message)
                self._save()
                return False
        else:
            self._ledger.paused.pop(way, None)
            self.sent += 1
            self._log.info(f"{message.title}: delivered by {way}")
        self._ledger.delivered.setdefault(identity, []).append(way)
        self._save()
        return True

    def _save(self) -> None:
        self._storage.set_cursor_values({self._key: json.dumps(asdict(self._ledger))})


def channels(notifications: NotificationsConfig) -> list[Channel]:
    """Give the ways to those who are told of everything."""
    ways: list[Channel] = []
    if notifications.webhook:
        ways.append(Webhook(notifications.webhook))
    if notifications.email and notifications.email.to:
        ways.append(Email(notifications.email))
    return ways
