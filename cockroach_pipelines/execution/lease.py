"""The right to be the only one at a piece of work, held by a row that expires unless it is renewed."""

from __future__ import annotations

import datetime as dt
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from cockroach_pipelines.database import CockroachDBConnection, ConnectionManager, DatabaseError
from cockroach_pipelines.execution.activity import Activity
from cockroach_pipelines.execution.events import Observer, ignore
from cockroach_pipelines.execution.transaction import Transaction
from cockroach_pipelines.execution.transactional_executor import TransactionalExecutor

_logger = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
_RENEWALS_PER_LEASE = 4
_RACES = 5
_PARTING_SECONDS = 5.0


class LeaseHeldError(DatabaseError):
    """Somebody else is at it.

    Attributes:
        owner: Who.
        until: When the lease ends unless it is renewed.
    """

    def __init__(self, work: str, owner: str, since: dt.datetime, until: dt.datetime) -> None:
        super().__init__(
            f"{work} is held by {owner} since {since:%Y-%m-%d %H:%M:%S %Z}, until {until:%H:%M:%S %Z} unless renewed.",
            advice="Wait for its end. If its process has died, the lease ends by itself at that time.",
        )
        self.owner = owner
        self.until = until


class LeaseLostError(DatabaseError):
    """The lease could not be renewed in time, so that somebody else may have begun."""


class Lease:
    """A row of a table that says who is at a piece of work, and until when; any session's end leaves it to expire.

    The server's clock alone decides. A thread with a connection of its own renews it; where that fails until the lease
    has expired, `lost` is called and whatever `require`s it is refused.

    Args:
        connections: Where connections are made.
        connection: Name of the connection.
        table: The table, as SQL writes it: name, owner, token, acquired_on, expires_on.
        name: Of the work.
        activity: On whose behalf.
        observe: Told what happens.
        seconds: How long it lasts without renewal.
    """

    def __init__(
        self,
        connections: ConnectionManager,
        connection: str,
        table: str,
        name: str,
        activity: Activity,
        observe: Observer = ignore,
        *,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self._connections = connections
        self._connection = connection
        self._table = table
        self._name = name
        self._executor = TransactionalExecutor(connections, activity, observe)
        self._owner = f"{socket.gethostname()}, process {os.getpid()} ({activity})"
        self._token = str(uuid.uuid4())
        self._seconds = seconds
        self._expires = 0.0
        self._given_up = threading.Event()

    @contextmanager
    def held(self, lost: Callable[[], None]) -> Iterator[None]:
        """Hold the lease for the length of a block.

        Args:
            lost: Called, from another thread, when it is not ours any more: ends what runs.

        Raises:
            LeaseHeldError: Somebody else has it.
            LeaseLostError: It was lost within the block.
        """
        self._acquire()
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(done, lost), name=f"lease {self._name}", daemon=True)
        keeper.start()
        try:
            yield
        except DatabaseError as error:
            self.require(error)
            raise
        finally:
            done.set()
            keeper.join(_PARTING_SECONDS)
            if not self._given_up.is_set():
                self._release()

    def require(self, cause: BaseException | None = None) -> None:
        """Refuse to go on when the lease is not ours any more.

        Raises:
            LeaseLostError: It is not.
        """
        if self._given_up.is_set() or time.monotonic() >= self._expires:
            raise LeaseLostError(
                f"The lease {self._name!r} could not be renewed in time: somebody else may have begun.",
                advice="Look at the connection to the server, then begin anew.",
            ) from cause

    def _acquire(self) -> None:
        for _ in range(_RACES):
            asked = time.monotonic()
            taken = self._executor.run(self._connection, self._take, idempotent=True)
            if taken:
                self._expires = asked + self._seconds
                return
            holder = self._executor.run(self._connection, self._holder, Transaction(read_only=True))
            if holder:
                raise LeaseHeldError(self._name, *holder)
        raise DatabaseError(f"The lease {self._name!r} changes hands too fast to be had.", advice="Begin anew.")

    def _take(self, connection: CockroachDBConnection) -> bool:
        # Taken a second time by the same token where the answer to the first COMMIT was lost.
        return bool(
            connection.execute(
                f"INSERT INTO {self._table} AS lease (name, owner, token, acquired_on, expires_on) "
                "VALUES (?, ?, ?, now(), now() + ?::float8 * INTERVAL '1 second') ON CONFLICT (name) DO UPDATE SET "
                "owner = excluded.owner, token = excluded.token, acquired_on = excluded.acquired_on, "
                "expires_on = excluded.expires_on WHERE lease.expires_on <= now() OR lease.token = excluded.token",
                [self._name, self._owner[:500], self._token, self._seconds],
            )
        )

    def _holder(self, connection: CockroachDBConnection) -> tuple[str, dt.datetime, dt.datetime] | None:
        rows = connection.query(
            f"SELECT owner, acquired_on, expires_on FROM {self._table} WHERE name = ? AND expires_on > now()",
            [self._name],
        )
        return (str(rows[0][0]), rows[0][1], rows[0][2]) if rows else None

    def _release(self) -> None:
        def delete(connection: CockroachDBConnection) -> None:
            connection.execute(f"DELETE FROM {self._table} WHERE name = ? AND token = ?", [self._name, self._token])

        try:
            self._executor.run(self._connection, delete, idempotent=True)
        except DatabaseError as error:
            _logger.warning("the lease %r is left to expire: %s", self._name, error.message)

    def _keep(self, done: threading.Event, lost: Callable[[], None]) -> None:
        connection: CockroachDBConnection | None = None
        while not done.wait(self._seconds / _RENEWALS_PER_LEASE):
            asked = time.monotonic()
            try:
                if connection is None:
                    connection = self._connections.pool(self._connection).connector.open()
                if not self._renew(connection):
                    break
                self._expires = asked + self._seconds
            except DatabaseError as error:
                _logger.warning("the lease %r could not be renewed: %s", self._name, error.message)
                _close(connection)
                connection = None
                if time.monotonic() >= self._expires:
                    break
        else:
            _close(connection)
            return
        self._given_up.set()
        lost()
        _close(connection)

    def _renew(self, connection: CockroachDBConnection) -> bool:
        renewed = connection.execute(
            f"UPDATE {self._table} SET expires_on = now() + ?::float8 * INTERVAL '1 second' "
            "WHERE name = ? AND token = ? AND expires_on > now()",
            [self._seconds, self._name, self._token],
        )
        connection.commit()
        return renewed > 0


def _close(connection: CockroachDBConnection | None) -> None:
    if connection is not None:
        with suppress(DatabaseError):  # it may have gone already
            connection.close()
