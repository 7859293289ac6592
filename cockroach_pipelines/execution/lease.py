"""The right to be the only one at a piece of work, held by a row that expires unless it is renewed."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import CockroachDBConnection

LEASE_SECONDS = 60.0
RENEWALS_PER_LEASE = 4
"""How often a lease is renewed before it would expire."""

_MOMENT = "%Y-%m-%d %H:%M:%S %Z"


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, since when, and until when unless it is renewed."""

    owner: str
    since: dt.datetime
    until: dt.datetime

    def __str__(self) -> str:
        return f"{self.owner} since {self.since:{_MOMENT}}, until {self.until:{_MOMENT}} unless renewed"


class LeaseHeldError(PipelinesError):
    """Somebody else is at it; nothing was done.

    Attributes:
        holder: Who, and until when.
    """

    def __init__(self, work: str, holder: Holder) -> None:
        super().__init__(
            f"{work} is held by {holder}; this run did nothing.",
            advice="Wait for its end. If its process has died, the lease ends by itself at that time.",
        )
        self.holder = holder


class LeaseLostError(PipelinesError):
    """The lease was not renewed in time, so that somebody else has begun, or may have."""

    def __init__(self, work: str, holder: Holder | None) -> None:
        said = f"It is held by {holder}." if holder else "Somebody else may have begun."
        super().__init__(
            f"The lease of {work} was not renewed in time. {said}",
            advice="What was not committed is rolled back. Look at the connection to the server, then begin anew; "
            "`batch.lease` says how long a batch file may be silent.",
        )


def owner_name(doing: str) -> str:
    """Name this process for people: user, machine, process, and what it does."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}, process {os.getpid()} ({doing})"


@dataclass
class Lease:
    """A row of a table that says who is at a piece of work, and until when; any session's end leaves it to expire.

    Each method works in the transaction of its connection. The server's clock alone decides who may begin.

    Args:
        table: The table, as SQL writes it: name, owner, token, acquired_on, expires_on.
        name: Of the work.
        owner: Who asks, for people.
        seconds: How long its holder may be silent.
        clock: Seconds, from any beginning.
    """

    table: str
    name: str
    owner: str
    seconds: float = LEASE_SECONDS
    clock: Callable[[], float] = time.monotonic
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    _renewed: float = float("-inf")

    def take(self, connection: CockroachDBConnection) -> None:
        """Take it; the same one may take it twice, where the answer to the first COMMIT was lost.

        Raises:
            LeaseHeldError: Somebody else has it.
        """
        self._renewed = self.clock()
        while not connection.execute(
            f"INSERT INTO {self.table} AS lease (name, owner, token, acquired_on, expires_on) "
            "VALUES (?, ?, ?, now(), now() + CAST(? AS float8) * INTERVAL '1 second') "
            "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = excluded.token, "
            "acquired_on = excluded.acquired_on, expires_on = excluded.expires_on "
            "WHERE lease.expires_on <= now() OR lease.token = excluded.token",
            [self.name, self.owner[:500], self.token, self.seconds],
        ):
            if holder := self.holder(connection):  # else it was given up in between
                raise LeaseHeldError(self.name, holder)

    def holder(self, connection: CockroachDBConnection) -> Holder | None:
        """Give who has it, or had it when it expired; None when it was given up."""
        rows = connection.query(f"SELECT owner, acquired_on, expires_on FROM {self.table} WHERE name = ?", [self.name])
        return Holder(*rows[0]) if rows else None

    def renew(self, connection: CockroachDBConnection) -> None:
        """Renew it.

        Raises:
            LeaseLostError: Somebody else has taken it.
        """
        self._renewed = self.clock()
        renewed = connection.execute(
            f"UPDATE {self.table} SET expires_on = now() + CAST(? AS float8) * INTERVAL '1 second' "
            "WHERE name = ? AND token = ?",
            [self.seconds, self.name, self.token],
        )
        if not renewed:
            raise self.lost(connection)

    def release(self, connection: CockroachDBConnection) -> None:
        """Give it up."""
        connection.execute(f"DELETE FROM {self.table} WHERE name = ? AND token = ?", [self.name, self.token])

    def lost(self, connection: CockroachDBConnection) -> LeaseLostError:
        """Give the error that says who has it now."""
        return LeaseLostError(self.name, self.holder(connection))

    @property
    def is_due(self) -> bool:
        """Whether it is time to renew it."""
        return self.clock() - self._renewed >= self.seconds / RENEWALS_PER_LEASE
