"""A wait for Java ends when something is raised in the waiting thread."""

from __future__ import annotations

import _thread
import threading
import time
import weakref
from concurrent.futures import Future
from typing import Any

import pytest

from cockroach_pipelines.database import ConnectionManager, call_interruptibly
from cockroach_pipelines.database.jvm import java
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")


def test_gives_what_the_function_gives_and_raises_what_it_raises() -> None:
    assert call_interruptibly(lambda: 42, name="answer") == 42
    with pytest.raises(ZeroDivisionError):
        call_interruptibly(lambda: 1 // 0, name="failure")


def test_timeout_ends_the_wait_and_not_the_call() -> None:
    ended = threading.Event()

    def slow() -> None:
        time.sleep(0.4)
        ended.set()

    with pytest.raises(TimeoutError, match=r"slow took longer than 0\.1 s"):
        call_interruptibly(slow, name="slow", timeout=0.1)
    assert not ended.is_set()
    assert ended.wait(2)


def test_interrupt_reaches_the_caller_at_once_with_the_call_still_running() -> None:
    seen: list[Future[Any]] = []
    release = threading.Event()
    threading.Timer(0.2, _thread.interrupt_main).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        call_interruptibly(lambda: release.wait(5), name="blocked", interrupted=seen.append)
    assert time.monotonic() - started < 1
    assert [future.done() for future in seen] == [False]
    release.set()


def test_threads_leave_nothing_behind_in_java() -> None:
    threads = java("java.lang.Thread")
    call_interruptibly(lambda: str(threads.currentThread().getName()), name="first")
    before = int(threads.activeCount())
    for _ in range(30):
        call_interruptibly(lambda: str(threads.currentThread().getName()), name="again")
    assert int(threads.activeCount()) <= before + 1


def test_threads_are_used_again_and_remember_nothing() -> None:
    class Held:
        pass

    call_interruptibly(lambda: None, name="first")
    before = threading.active_count()
    held = Held()
    seen = weakref.ref(held)
    assert call_interruptibly(lambda held=held: held is not None, name="holds")
    for _ in range(20):
        call_interruptibly(lambda: None, name="again")
        time.sleep(0.001)
    del held
    assert threading.active_count() <= before + 2
    assert seen() is None


def test_connection_that_opens_after_an_interrupt_is_closed(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = server.config.model_copy(update={"application_name": "opened-too-late"})
    with ConnectionManager({"main": config}) as connections:
        pool = connections.pool()
        opened = threading.Event()
        open_at_once = pool.connector.open

        def open_late() -> Any:
            time.sleep(0.5)
            connection = open_at_once()
            opened.set()
            return connection

        monkeypatch.setattr(pool.connector, "open", open_late)
        threading.Timer(0.1, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt), connections.lend():
            pass
        assert opened.wait(5)
        deadline = time.monotonic() + 5
        while server.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'opened-too-late'") != "0":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert pool.open_connections == 0
