"""The COMMIT of one attempt: how far it came, and what became of it when no answer came."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from typing import Generic, TypeVar

from cockroach_pipelines.database import (
    AmbiguousCommitError,
    CockroachDBConnection,
    ConnectionLostError,
    Dialect,
    ServerMessage,
    statement_error,
)

_logger = logging.getLogger(__name__)
T = TypeVar("T")

_OLD_SESSION_SECONDS = 5.0
_POLL_SECONDS = 0.02


class Commit(Generic[T]):
    """The commit of one attempt, with the result of its work."""

    def __init__(self) -> None:
        self.result: list[T] = []
        """What the work gave, once it did."""
        self._state = ""

    def run(self, connection: CockroachDBConnection, result: T) -> None:
        """Commit.

        Raises:
            AmbiguousCommitError: The connection was lost while COMMIT was in flight.
            ConnectionLostError: It had gone before: nothing was kept.
        """
        if connection.jdbc.isClosed():
            raise statement_error(ServerMessage("08003", "the connection was lost before COMMIT"))
        connection.dbapi.keep_unread_rows()
        self.result = [result]
        self._state = "was in flight: look into the table before running it again"
        try:
            connection.commit()
        except ConnectionLostError as error:
            raise ambiguous(error) from error
        except AmbiguousCommitError:
            raise
        except BaseException:
            self._state = ""  # the server refused it
            raise
        self._state = "had succeeded: the changes are kept"

    def tell(self) -> None:
        """Say in the log how far it came, when something interrupted the wait for it."""
        if self._state:
            _logger.warning("this was interrupted when its COMMIT %s", self._state)


def ambiguous(error: ConnectionLostError) -> AmbiguousCommitError:
    """Give the error of a connection lost at the worst moment."""
    return AmbiguousCommitError(
        error.server,
        place=error.place,
        advice="The connection was lost while it was being committed: look into the table before running it again.",
    )


@dataclass(frozen=True)
class ServerSession:
    """A session as the server knows it, so that it can be ended from another one."""

    dialect: Dialect
    identity: str

    @classmethod
    def of(cls, connection: CockroachDBConnection) -> ServerSession:
        """Ask a connection for its session; in CockroachDB that takes a round trip."""
        dialect = connection.version.dialect
        if dialect is Dialect.COCKROACHDB:
            return cls(dialect, str(connection.query("SHOW session_id")[0][0]))
        return cls(dialect, str(connection.query("SELECT pg_backend_pid()")[0][0]))

    def end(self, other: CockroachDBConnection) -> bool:
        """End the session and wait until it has gone, so that what it left undone stays so; whether it has.

        A COMMIT may still be under way in it although its client has gone: a look into the table would come too early.
        """
        if self.dialect is Dialect.COCKROACHDB:
            if not re.fullmatch(r"[0-9a-f]{1,64}", self.identity):
                return False
            other.execute(f"CANCEL SESSION IF EXISTS '{self.identity}'")
            other.commit()
            return True
        deadline = time.monotonic() + _OLD_SESSION_SECONDS
        while other.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ?", [int(self.identity)]):
            other.rollback()  # the list of sessions stays as it is within a transaction
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        other.rollback()
        return True
