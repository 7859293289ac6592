"""Work on a connection that an interrupt ends, here and on the server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import CockroachDBConnection, ServerMessage, call_interruptibly, statement_error

_logger = logging.getLogger(__name__)
T = TypeVar("T")

_CANCEL_INTERVAL_SECONDS = 0.25
# A server that does not react to a cancellation for this long is taken for unreachable.
_GRACE_SECONDS = 2.5


def run_interruptibly(
    connection: CockroachDBConnection, function: Callable[[], T], stop: threading.Event | None = None
) -> T:
    """Run a function that uses a connection, and give what it gives.

    Whatever is raised in the waiting thread (`KeyboardInterrupt`, Dagster's termination) cancels the statement on the
    server; a server that does not react loses the connection instead, which frees the worker. Then the interrupt goes
    on its way. `stop`, set from any thread, is such an interrupt too.

    Raises:
        CancelledError: `stop` was set.
    """

    def check() -> None:
        if stop is not None:
            refuse_when_stopped(stop)

    return call_interruptibly(
        function, name="statement", interrupted=lambda future: _cancel(connection, future), check=check
    )


def refuse_when_stopped(stop: threading.Event) -> None:
    """Raise the error of a statement that was cancelled once `stop` is set.

    Raises:
        CancelledError: It is.
    """
    if stop.is_set():
        raise statement_error(ServerMessage("57014", "the work was cancelled before its end"))


def _cancel(connection: CockroachDBConnection, future: Future[Any]) -> None:
    # Nobody knows whether a cancellation strikes this statement or the next one: the connection is not used again.
    connection.broken = True
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline:
        # A cancellation may come before the statement has started: it is repeated until the statement has ended.
        try:
            connection.cancel()
        except PipelinesError as error:
            _logger.warning("the server could not be asked to cancel: %s", error.message)
        wait([future], _CANCEL_INTERVAL_SECONDS)
        if future.done():
            return
    connection.abort()
