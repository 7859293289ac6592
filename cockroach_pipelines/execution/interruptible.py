"""Blocking calls that an interrupt ends, here and on the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import CockroachDBConnection

_logger = logging.getLogger(__name__)
T = TypeVar("T")

_POLL_SECONDS = 0.1
_CANCEL_INTERVAL_SECONDS = 0.25
# A server that does not react to a cancellation for this long is taken for unreachable.
_GRACE_SECONDS = 4.0


def run_interruptibly(connection: CockroachDBConnection, function: Callable[[], T]) -> T:
    """Run a function that blocks in the driver, in a thread of its own, and give what it gives.

    A signal reaches the main thread of Python only between two of its instructions, so a call into the driver would
    hold it up until the statement ends. Whatever is raised in the waiting thread (`KeyboardInterrupt`, Dagster's
    termination) cancels the statement on the server; a server that does not react loses the connection instead, which
    frees the worker. Then the interrupt goes on its way.
    """
    done = threading.Event()
    values: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            values.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="statement", daemon=True).start()
    try:
        while not done.wait(_POLL_SECONDS):
            pass
    except BaseException:
        _cancel(connection, done)
        raise
    if errors:
        raise errors[0]
    return values[0]


def _cancel(connection: CockroachDBConnection, done: threading.Event) -> None:
    # After a cancellation nobody knows whether it strikes this statement or the next one: the connection is not used again.
    connection.broken = True
    for _ in range(int(_GRACE_SECONDS / _CANCEL_INTERVAL_SECONDS)):
        # A cancellation may come before the statement has started: it is repeated until the statement has ended.
        try:
            connection.cancel()
        except PipelinesError as error:
            _logger.warning("the server could not be asked to cancel: %s", error.message)
        if done.wait(_CANCEL_INTERVAL_SECONDS):
            return
    connection.abort()
