"""What keeps a message from being delivered."""

from __future__ import annotations

from collections.abc import Sequence

from cockroach_pipelines.config import PipelinesError


class DeliveryError(PipelinesError):
    """A message was not delivered.

    Args:
        message: What is wrong; never what is secret in an address.
        passing: Whether it may go well later: a server that is down, or busy.
        uncertain: Whether it may have arrived all the same: all of it was sent, and no answer came.
        wait: Seconds after which the receiver wants to be asked again, where it said so.
        advice: How to mend it.
    """

    def __init__(
        self,
        message: str,
        *,
        passing: bool = False,
        uncertain: bool = False,
        wait: float | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(message, advice=advice)
        self.passing = passing
        self.uncertain = uncertain
        self.wait = wait


class RecipientsRefusedError(DeliveryError):
    """A mail server refused recipients.

    Args:
        reasons: What it said about each.
        others: Who has the mail all the same: it must not be sent again.
        passing: Whether it may take them later; of no use where others have the mail.
    """

    def __init__(self, reasons: Sequence[tuple[str, str]], *, others: Sequence[str], passing: bool) -> None:
        refused = "; ".join(f"{address}: {reason}" for address, reason in reasons)
        rest = f" {', '.join(others)} got the mail." if others else ""
        super().__init__(
            f"The mail server refused recipients ({refused}).{rest}",
            passing=passing and not others,
            advice="Correct the addresses, or let the mail server take mail of this sender to them.",
        )
        self.refused = tuple(address for address, _ in reasons)
        self.others = tuple(others)
