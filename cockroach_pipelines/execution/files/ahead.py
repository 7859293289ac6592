"""Calls that run ahead in threads, while their caller goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")

# Waiting goes by slices, between which the main thread sees an interrupt; see database.interruptible.
_SLICE_SECONDS = 0.1


class Ahead(Generic[Result]):
    """Runs calls in threads and gives their results in the order of the calls.

    Args:
        threads: How many run at once; with one they run one after another.
        limit: How many calls may be unfinished before the caller has to wait.
    """

    def __init__(self, threads: int, limit: int) -> None:
        self._limit = limit
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="file-encoder")
        self._calls: deque[Future[Result]] = deque()

    def submit(self, function: Callable[..., Result], *arguments: Any) -> list[Result]:
        """Begin a call, and give the results that are due; waits, interruptibly, while too many are unfinished.

        What a call raised is raised here, or by `drain`.
        """
        due = []
        while self._calls and (len(self._calls) >= self._limit or self._calls[0].done()):
            due.append(self._wait())
        self._calls.append(self._pool.submit(function, *arguments))
        return due

    def drain(self) -> list[Result]:
        """Wait, interruptibly, for what is left, and give it; nothing may be submitted afterwards."""
        due = []
        while self._calls:
            due.append(self._wait())
        self._pool.shutdown()
        return due

    def abandon(self) -> None:
        """Wait for the calls that run, and forget the others."""
        self._pool.shutdown(cancel_futures=True)

    def _wait(self) -> Result:
        call = self._calls.popleft()
        while not call.done():
            wait([call], _SLICE_SECONDS)
        return call.result()
