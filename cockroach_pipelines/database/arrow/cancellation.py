"""Cancels for one use of a connection."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import jpype

from cockroach_pipelines.database.errors import StatementError
from cockroach_pipelines.database.jvm import java
from cockroach_pipelines.database.sqlstate import java_sql_error

CANCELLED = "57014"
"""SQLSTATE of a statement that was cancelled."""


class Cancellation:
    """Asks the server to end what runs on a connection; callable from any thread.

    A cancel travels on a connection of its own, and may come before its statement or after it, where it would strike
    the next one. So one is sent, another only to a statement that goes on regardless, and unless each was answered by
    the error of a statement the connection is `doubtful`.
    """

    def __init__(self, jdbc: Any) -> None:
        self._connection = jdbc.unwrap(java("org.postgresql.PGConnection"))
        self._jdbc = jdbc
        self._lock = threading.Lock()
        self._over = False
        self._sent = 0
        self._answered = 0
        self._aborted = False

    def send(self, *, again: bool = False) -> None:
        """Send a cancel, unless nothing runs any more or, without `again`, one was sent.

        Raises:
            DatabaseError: The server could not be asked.
        """
        with self._lock:
            if self._over or (self._sent and not again):
                return
            self._sent += 1
            try:
                self._connection.cancelQuery()
            except jpype.JException as error:
                raise java_sql_error(error) from error

    def abort(self) -> None:
        """Drop the connection without a word to the server, which frees a thread that waits for a silent one."""
        self._aborted = True
        self._jdbc.abort(java("java.util.concurrent.ForkJoinPool").commonPool())

    def drop(self) -> None:
        """Close the connection, on which nothing runs any more."""
        with contextlib.suppress(jpype.JException):  # what cannot even be closed is closed
            self._jdbc.close()

    def answered(self, error: BaseException) -> None:
        """Note an error of the statement, which may be the cancel's effect."""
        if isinstance(error, StatementError) and error.sqlstate == CANCELLED:
            self._answered += 1

    def end(self) -> None:
        """Note that nothing runs any more: no cancel is sent from now on."""
        with self._lock:
            self._over = True

    @property
    def doubtful(self) -> bool:
        """Whether the connection must not be used again: it was dropped, or a cancel may still be under way."""
        return self._aborted or self._sent > self._answered
