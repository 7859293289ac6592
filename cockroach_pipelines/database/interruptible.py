"""Calls that block in Java, waited for so that an interrupt ends the wait."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any, TypeVar

import jpype

from cockroach_pipelines.database.jvm import java

Result = TypeVar("Result")

# Waiting goes by slices of so many seconds: the main thread sees an interrupt between two of them, and possibly not
# within one, since the signal itself may have gone to a thread of Java's.
SLICE_SECONDS = 0.1


def call_interruptibly(
    function: Callable[[], Result],
    *,
    name: str,
    interrupted: Callable[[Future[Result]], object] = lambda _: None,
    check: Callable[[], object] = lambda: None,
    timeout: float | None = None,
) -> Result:
    """Run a function in another thread, wait for it in slices, and give what it gives.

    A signal reaches the main thread of Python only between two of its instructions, so a call into Java would hold it
    up until the call returns.

    Args:
        function: What may block.
        name: Of the thread meanwhile.
        interrupted: Called when anything is raised in the waiting thread (`KeyboardInterrupt`, Dagster's termination),
            with the future of the call, which still runs; then what was raised goes on its way.
        check: Called in the waiting thread about ten times a second; what it raises is an interrupt like any other.
        timeout: Seconds after which the wait is given up; the call is left to itself.

    Raises:
        TimeoutError: The function took longer than `timeout`. Whatever the function raises passes through.
    """
    future: Future[Result] = Future()
    _idle_worker().run_next(name, function, future)
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while not future.done():
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"{name} took longer than {timeout:g} s")
            check()
            wait([future], SLICE_SECONDS)
    except TimeoutError:
        raise
    except BaseException:
        interrupted(future)
        raise
    return future.result()


class _Worker(threading.Thread):
    """A thread that runs one function after the other.

    Threads are used again because each that ever calls Java costs the process memory that JPype never gives back.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._next: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()

    def run_next(self, name: str, function: Callable[[], Result], future: Future[Result]) -> None:
        """Let it run a function and put what comes of it into a future."""
        self.name = name
        self._next.put((function, future))

    def end(self) -> None:
        """Let it end, and wait until it has."""
        self._next.put(None)
        self.join(_END_SECONDS)

    def run(self) -> None:
        """Work until told to end, or until enough others rest."""
        while self._run_one() and len(_idle) < _MOST_IDLE:
            _idle.append(self)
        # Without this the virtual machine keeps a java.lang.Thread for each thread that ever was.
        if jpype.isJVMStarted():
            java("java.lang.Thread").detach()

    def _run_one(self) -> bool:
        job = self._next.get()
        if job is None:
            return False
        function, future = job
        try:
            result = _without_holding_up_the_end(function)
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            future.set_exception(error)
        else:
            future.set_result(result)
        return True


def _without_holding_up_the_end(function: Callable[[], Result]) -> Result:
    """Call a function; the thread that starts the virtual machine leaves it, which would wait for that thread at its end."""
    started = jpype.isJVMStarted()
    try:
        return function()
    finally:
        if not started and jpype.isJVMStarted():
            java("java.lang.Thread").detach()


_MOST_IDLE = 8
_END_SECONDS = 1.0
_idle: list[_Worker] = []


def _idle_worker() -> _Worker:
    try:
        return _idle.pop()
    except IndexError:
        worker = _Worker()
        worker.start()
        return worker


def _end_idle_workers() -> None:
    with contextlib.suppress(IndexError):
        while True:
            _idle.pop().end()


# The virtual machine may wait for threads that are attached to it when the process ends. This runs before its end, which
# JPype registered when it was imported.
atexit.register(_end_idle_workers)
# A child has none of its parent's threads.
os.register_at_fork(after_in_child=_idle.clear)
