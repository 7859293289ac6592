"""A way to people whose every attempt is written down, so that no later run repeats what may have arrived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cockroach_pipelines.delivery import Channel, DeliveryError, Message, RecipientsRefusedError, nothing
from cockroach_pipelines.reporting.ledger import Ledger, State


@dataclass(frozen=True)
class RecordedChannel:
    """A channel that writes into a ledger before the last word of each attempt, and after its end.

    Args:
        channel: The way itself.
        ledger: That of the snapshot.
        delivery: What the ledger calls it.
    """

    channel: Channel
    ledger: Ledger
    delivery: str

    @property
    def name(self) -> str:
        """Where it leads."""
        return self.channel.name

    def send(self, message: Message, before_last_word: Callable[[], None] = nothing) -> None:
        """Try once to deliver a message.

        Raises:
            DeliveryError: As the channel does; the ledger says so.
            FileWriteError: The ledger cannot be written; nothing was sent.
        """

        def begin() -> None:
            before_last_word()
            self.ledger.write(self.delivery, State.SENDING)

        try:
            self.channel.send(message, begin)
        except RecipientsRefusedError as error:
            self.ledger.write(self.delivery, State.SENT if error.others else State.FAILED, error.message)
            raise
        except DeliveryError as error:
            self.ledger.write(self.delivery, State.DOUBT if error.uncertain else State.FAILED, error.message)
            raise
        self.ledger.write(self.delivery, State.SENT)
