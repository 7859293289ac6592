"""One runner per job: a lease that expires unless its holder renews it. Every moment is the server's."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from cockroach_pipelines.database import CockroachDBConnection
from cockroach_pipelines.maintenance.own_tables import OwnTables

_RENEWALS = 4
"""How often a lease is renewed before it would expire."""


def owner_name(run: str) -> str:
    """Name this process for people: user, machine, process and run."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}, process {os.getpid()}, run {run}"


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, since when, and until when it does unless it is renewed."""

    owner: str
    since: dt.datetime
    until: dt.datetime


@dataclass
class Lease:
    """A lease on a job, for `seconds` from each renewal.

    Args:
        tables: Where it is kept.
        job: On what.
        owner: Who asks, for people.
        seconds: How long its holder may be silent.
        clock: Seconds, from any beginning.
    """

    tables: OwnTables
    job: str
    owner: str
    seconds: float
    clock: Callable[[], float] = time.monotonic
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    _renewed: float = float("-inf")

    def take(self, connection: CockroachDBConnection) -> Holder | None:
        """Take it, in the transaction of the connection, unless somebody holds it: that one is given."""
        mine = connection.query(
            f"INSERT INTO {self.tables.leases} AS lease (job, owner, token, acquired_at, heartbeat_at, expires_at) "
            "VALUES (?, ?, ?, now(), now(), now() + CAST(? AS float8) * INTERVAL '1 second') "
            "ON CONFLICT (job) DO UPDATE SET owner = excluded.owner, token = excluded.token, "
            "acquired_at = excluded.acquired_at, heartbeat_at = excluded.heartbeat_at, expires_at = excluded.expires_at "
            "WHERE lease.expires_at <= now() OR lease.token = excluded.token RETURNING token",
            [self.job, self.owner, self.token, self.seconds],
        )
        if mine:
            self._renewed = self.clock()
            return None
        return self.holder(connection)

    def holder(self, connection: CockroachDBConnection) -> Holder | None:
        """Give who holds it; None when nobody does any more."""
        rows = connection.query(
            f"SELECT owner, acquired_at, expires_at FROM {self.tables.leases} WHERE job = ?", [self.job]
        )
        return Holder(*rows[0]) if rows else None

    @property
    def is_due(self) -> bool:
        """Whether it is time to renew it."""
        return self.clock() - self._renewed >= self.seconds / _RENEWALS

    def renew(self, connection: CockroachDBConnection) -> bool:
        """Renew it, in the transaction of the connection; whether it still is this one's."""
        began = self.clock()
        rows = connection.execute(
            f"UPDATE {self.tables.leases} SET heartbeat_at = now(), "
            "expires_at = now() + CAST(? AS float8) * INTERVAL '1 second' WHERE job = ? AND token = ?",
            [self.seconds, self.job, self.token],
        )
        if rows:
            self._renewed = began
        return bool(rows)

    def release(self, connection: CockroachDBConnection) -> None:
        """Give it up, in the transaction of the connection."""
        connection.execute(f"DELETE FROM {self.tables.leases} WHERE job = ? AND token = ?", [self.job, self.token])
