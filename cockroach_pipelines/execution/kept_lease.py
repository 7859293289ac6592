"""A lease that a thread renews while its holder works."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from cockroach_pipelines.database import CockroachDBConnection, ConnectionManager, DatabaseError
from cockroach_pipelines.execution.lease import RENEWALS_PER_LEASE, Lease, LeaseLostError
from cockroach_pipelines.execution.transactional_executor import TransactionalExecutor

_logger = logging.getLogger(__name__)

_PARTING_SECONDS = 5.0


class KeptLease:
    """A lease for work whose statements may take longer than it lasts.

    A thread with a connection of its own renews it; where that fails until the lease has ended, the work is ended, and
    whatever `require`s it is refused.

    Args:
        lease: What is held.
        connections: Where connections are made.
        connection: Name of the connection.
        executor: Takes it and gives it up.
    """

    def __init__(
        self, lease: Lease, connections: ConnectionManager, connection: str, executor: TransactionalExecutor
    ) -> None:
        self.lease = lease
        self._connections = connections
        self._connection = connection
        self._executor = executor
        self._ends = float("-inf")  # by this machine's clock, and never later than by the server's
        self._lost: LeaseLostError | None = None

    @contextmanager
    def held(self, lost: Callable[[], None]) -> Iterator[None]:
        """Hold the lease for the length of a block.

        Args:
            lost: Called, from another thread, when it is not ours any more: ends what runs.

        Raises:
            LeaseHeldError: Somebody else has it.
            LeaseLostError: It was lost within the block.
        """
        asked = time.monotonic()
        self._executor.run(self._connection, self.lease.take, idempotent=True)
        self._ends = asked + self.lease.seconds
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(done, lost), name=f"lease of {self.lease.name}", daemon=True)
        keeper.start()
        try:
            yield
        except DatabaseError as error:
            self.require(error)
            raise
        finally:
            done.set()
            keeper.join(_PARTING_SECONDS)
            if not self._lost:
                self._release()

    def require(self, cause: BaseException | None = None) -> None:
        """Refuse to go on when the lease is not ours any more.

        Raises:
            LeaseLostError: It is not.
        """
        if self._lost or self._has_ended:
            raise self._lost or LeaseLostError(self.lease.name, None) from cause

    @property
    def _has_ended(self) -> bool:
        return time.monotonic() >= self._ends

    def _release(self) -> None:
        try:
            self._executor.run(self._connection, self.lease.release, idempotent=True)
        except DatabaseError as error:
            _logger.warning("the lease of %s is left to expire: %s", self.lease.name, error.message)

    def _keep(self, done: threading.Event, lost: Callable[[], None]) -> None:
        connection: CockroachDBConnection | None = None
        while not self._lost and not done.wait(self.lease.seconds / RENEWALS_PER_LEASE):
            asked = time.monotonic()
            try:
                if connection is None:
                    connection = self._connections.pool(self._connection).connector.open()
                self.lease.renew(connection)
                connection.commit()
                self._ends = asked + self.lease.seconds
            except LeaseLostError as error:
                self._lost = error
            except DatabaseError as error:
                _logger.warning("the lease of %s could not be renewed: %s", self.lease.name, error.message)
                _close(connection)
                connection = None
                if self._has_ended:
                    self._lost = LeaseLostError(self.lease.name, None)
        if self._lost:
            lost()
        _close(connection)


def _close(connection: CockroachDBConnection | None) -> None:
    if connection is not None:
        with suppress(DatabaseError):  # it may have gone already
            connection.close()
