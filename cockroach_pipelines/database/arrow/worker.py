"""A thread that has the sole use of a connection for a while."""

from __future__ import annotations

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from concurrent.futures import Future
from queue import Empty, Full, Queue
from typing import Any, NoReturn, TypeVar

import jpype

from cockroach_pipelines.database.arrow.cancellation import CANCELLED, Cancellation
from cockroach_pipelines.database.errors import (
    CancelledError,
    ConnectionLostError,
    DatabaseError,
    ServerMessage,
    StatementError,
    statement_error,
)
from cockroach_pipelines.database.jvm import java
from cockroach_pipelines.database.sqlstate import java_sql_error

Item = TypeVar("Item")

_LOOK_SECONDS = 0.1
_GRACE_SECONDS = 0.5
_FIRST_CANCEL_SECONDS = 1.0
_LAST_CANCEL_SECONDS = 1.5


class ConnectionWorker(ABC):
    """Makes every call that may block in a thread of its own, so that whoever waits for it can be interrupted.

    The thread refers to this object and never to the handle that the user holds, so that dropping the handle ends it.

    Attributes:
        outcome: The error that ended the work, once the thread has ended.
    """

    def __init__(self, jdbc: Any, name: str) -> None:
        self.outcome: BaseException | None = None
        self._cancellation = Cancellation(jdbc)
        self._stopping = threading.Event()
        # Not Thread.join: where an interrupt meets one with a timeout, Python 3.11 takes the thread for ended.
        self._ended = threading.Event()
        self._broken = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def _work(self) -> None:
        """Use the connection, looking at `_stopping` between calls."""

    @abstractmethod
    def _leave(self) -> None:
        """Give the connection back as it was, however the work ended, and let go of every Java object."""

    @abstractmethod
    def _over(self) -> None:
        """Tell whoever waits that the work is over; `outcome` is set."""

    def start(self) -> None:
        """Begin the work."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the server to cancel, and return without waiting for it.

        Raises:
            DatabaseError: The server could not be asked.
        """
        self._stopping.set()
        self._cancellation.send()

    def close(self) -> None:
        """Stop the work and wait until the connection is free again, or closed because it is `tainted`."""
        self._stop_and_wait()
        if self._ended.is_set() and self.tainted:
            self._cancellation.drop()

    @property
    def tainted(self) -> bool:
        """Whether the connection must not be used again."""
        return self._broken or self._cancellation.doubtful

    def _stop_and_wait(self) -> None:
        self._stopping.set()
        if self._thread is threading.current_thread() or self._thread.ident is None:
            return  # the garbage collector runs anywhere, here too: the thread ends by itself
        if not self._ended.wait(_GRACE_SECONDS):  # blocked in a call: the server is silent
            self._end_by_force()
        self._wait_for_end()

    def _take_from(self, items: Queue[Item]) -> Item:
        """Wait for an item, interruptibly."""
        while True:
            self._raise_if_stopped()
            with contextlib.suppress(Empty):
                return items.get(timeout=_LOOK_SECONDS)

    def _put_into(self, items: Queue[Item], item: Item) -> bool:
        """Wait for room, interruptibly; whether the item found it before the work was stopped."""
        while not self._stopping.is_set():
            with contextlib.suppress(Full):
                items.put(item, timeout=_LOOK_SECONDS)
                return True
        return False

    def _wait_for(self, future: Future[Item]) -> Item:
        """Wait for a result, interruptibly."""
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    return future.result()
                self._raise_if_stopped()

    def _wait_for_end(self) -> None:
        """Wait until the connection is free, interruptibly."""
        while not self._ended.wait(_LOOK_SECONDS):
            pass
        # At once, and then the thread refers to no Java object any more, whose end would attach it again.
        self._thread.join()

    def _raise_if_stopped(self) -> None:
        if self._stopping.is_set():
            self.close()
            self._raise_cancelled()

    def _raise_cancelled(self) -> NoReturn:
        if isinstance(self.outcome, CancelledError):
            raise self.outcome
        raise statement_error(ServerMessage(CANCELLED, "the statement was cancelled before its end"))

    def _end_by_force(self) -> None:
        began = time.monotonic()
        with contextlib.suppress(DatabaseError):  # not even a cancel reaches the server: the abort follows
            self._cancellation.send()
            # The cancel came before the statement, unless sending it took so long that nobody is there.
            if not self._ended.wait(_FIRST_CANCEL_SECONDS) and time.monotonic() - began < 2 * _FIRST_CANCEL_SECONDS:
                self._cancellation.send(again=True)
                self._ended.wait(_LAST_CANCEL_SECONDS)
        if not self._ended.is_set():
            self._cancellation.abort()

    def _run(self) -> None:
        try:
            self._work_and_leave()
            self._over()
            # Without this the virtual machine keeps a java.lang.Thread for each thread that ever was.
            java("java.lang.Thread").detach()
        finally:
            self._ended.set()

    def _work_and_leave(self) -> None:
        outcome: BaseException | None = None
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised where the work is waited for
            outcome = self._translated(error)
        try:
            self._leave()
        except BaseException as error:  # noqa: BLE001 - the first error is the telling one
            outcome = outcome or self._translated(error)
        self._cancellation.end()
        self.outcome = outcome
        del outcome  # its traceback holds this frame

    def _translated(self, error: BaseException) -> BaseException:
        """Give this project's error for one of Java, and note what it says of the connection."""
        cause = error if isinstance(error, jpype.JException) else error.__cause__
        if not isinstance(cause, jpype.JException):
            return error
        translated = java_sql_error(error)
        if translated is not error:
            translated.__cause__ = error
        # A failure that is not the server's word on the statement leaves the protocol in an unknown state.
        if isinstance(translated, ConnectionLostError) or not isinstance(translated, StatementError):
            self._broken = True
        self._cancellation.answered(translated)
        return translated
