"""What happens around statements, told to observers as it happens.

No event holds a value that a statement binds: statements are named by their file, and what the server said of a value
is redacted.

    Event
    ├── StatementStarted        sent to the server
    ├── StatementFinished       with its rows and seconds
    ├── StatementFailed         with SQLSTATE and message; a `RetryScheduled` follows when it is run again
    ├── RetryScheduled          the whole transaction runs again after a wait
    ├── TransactionCommitted    with the number of attempts
    ├── CommitInDoubt           the connection was lost while COMMIT was in flight; what became of that
    └── BatchFinished           one batch of many is committed
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import Activity, StatementError
from cockroach_pipelines.execution.redaction import redacted

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Something happened on a connection, on behalf of an activity."""

    activity: Activity
    connection: str


@dataclass(frozen=True)
class StatementStarted(Event):
    """A statement was sent to the server; `statement` is its file or a name, never its values."""

    statement: str
    attempt: int = 1


@dataclass(frozen=True)
class StatementFinished(Event):
    """A statement has ended; `rows` were read or affected, -1 where the server does not say."""

    statement: str
    attempt: int
    rows: int
    seconds: float


@dataclass(frozen=True)
class Failure:
    """What went wrong, without values: class of the error, SQLSTATE (empty when there is none) and message."""

    kind: str
    sqlstate: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Tell an error; its text is the server's only where that holds no values."""
        shown = redacted(error) if isinstance(error, StatementError) else error
        message = shown.message if isinstance(shown, PipelinesError) else type(error).__name__
        return cls(type(error).__name__, getattr(error, "sqlstate", ""), message)


@dataclass(frozen=True)
class StatementFailed(Event):
    """The server refused a statement or ended it, or the connection broke."""

    statement: str
    attempt: int
    failure: Failure
    seconds: float


@dataclass(frozen=True)
class RetryScheduled(Event):
    """The whole transaction is rolled back and runs again after `wait` seconds, on a new connection where it `reconnects`."""

    attempt: int
    """The attempt that failed, from 1."""
    wait: float
    reconnects: bool
    failure: Failure


@dataclass(frozen=True)
class TransactionCommitted(Event):
    """A transaction was committed, after so many attempts and seconds."""

    attempts: int
    seconds: float


class Doubt(StrEnum):
    """What became of a COMMIT whose answer never came."""

    COMMITTED = "committed"
    NOT_COMMITTED = "not committed"
    IDEMPOTENT = "unknown, and running it again does no harm"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CommitInDoubt(Event):
    """The connection was lost while COMMIT was in flight; what the verification query, or a declaration, says of it."""

    attempt: int
    outcome: Doubt
    failure: Failure


@dataclass(frozen=True)
class BatchFinished(Event):
    """A batch was committed: its number from 0, its rows, and the rows since the beginning.

    `batches` is how many there are, None where nobody knows.
    """

    statement: str
    batch: int
    batches: int | None
    rows: int
    rows_so_far: int
    seconds: float


Observer = Callable[[Event], None]
"""Is told every event, in the thread in which it happens; it must be quick."""


def ignore(event: Event) -> None:
    """Observe nothing."""


def everyone(*observers: Observer) -> Observer:
    """Give an observer that tells several, none of which can disturb the work or the others."""

    def tell(event: Event) -> None:
        for observer in observers:
            try:
                observer(event)
            except Exception:  # what is committed must not look failed because a log could not be written
                _logger.exception("an observer failed on a %s", type(event).__name__)

    return tell
