"""The embedded server of a folder: one process after another, and several at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from cockroach_pipelines.embedded import EmbeddedServer, EmbeddedServerError, sharing
from tests.embedded.conftest import Client, is_running, log_in
from tests.peers.waiting import wait_until


def test_a_new_folder_gets_a_postgresql_18_with_utf8_and_utc(new_folder: Path) -> None:
    with EmbeddedServer(new_folder) as server, log_in(server.endpoint) as connection:
        assert connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone() == (18,)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SELECT lower('ÄÉ'), 'Z' < 'a'").fetchone() == ("äé", True)
        assert connection.execute("SELECT current_database(), current_user").fetchone() == ("defaultdb", "dev")


def test_it_listens_on_loopback_alone_and_wants_its_password(made_folder: Path) -> None:
    with EmbeddedServer(made_folder) as server:
        with log_in(server.endpoint) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
            assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
            methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
            assert methods == [("scram-sha-256",)]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            log_in(server.endpoint, "guessed")


def test_its_password_shows_nowhere_and_its_files_are_private(made_folder: Path) -> None:
    with EmbeddedServer(made_folder) as server:
        password = server.endpoint.password.get_secret_value()
        assert len(password) >= 32
        assert password not in repr(server.endpoint) + str(server.endpoint) + repr(server)
        assert password not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
        assert server.home.stat().st_mode & 0o777 == 0o700
        shared = [path for path in server.home.rglob("*") if path.stat().st_mode & 0o077]
        assert shared == []


def test_starts_are_counted_and_the_last_stop_stops(made_folder: Path) -> None:
    server = EmbeddedServer(made_folder)
    first = server.start()
    assert server.start() == first
    assert server.ensure_running() == first
    assert server.stop() is False
    assert is_running(made_folder)
    assert server.stop() is True
    assert not is_running(made_folder)
    assert server.stop() is False


def test_its_endpoint_is_unknown_before_the_start_and_after_the_stop(made_folder: Path) -> None:
    server = EmbeddedServer(made_folder)
    with pytest.raises(EmbeddedServerError, match=r"was not started by this process"):
        _ = server.endpoint
    with server:
        assert server.endpoint.host == "127.0.0.1"
    with pytest.raises(EmbeddedServerError, match=r"Call start\(\) first"):
        _ = server.endpoint


def test_many_threads_start_one_server(made_folder: Path) -> None:
    server = EmbeddedServer(made_folder)
    together = threading.Barrier(8)

    def start() -> int:
        together.wait()
        return server.start().port

    with ThreadPoolExecutor(8) as pool:
        ports = {future.result() for future in [pool.submit(start) for _ in range(8)]}
    assert len(ports) == 1
    assert [server.stop() for _ in range(8)] == [False] * 7 + [True]


def test_two_objects_of_one_process_share_the_server(made_folder: Path) -> None:
    one, other = EmbeddedServer(made_folder), EmbeddedServer(made_folder)
    assert one.start() == other.start()
    assert one.stop() is False
    assert is_running(made_folder)
    assert other.stop() is True


def test_another_process_joins_and_the_last_one_stops(made_folder: Path, new_client: Callable[..., Client]) -> None:
    server = EmbeddedServer(made_folder)
    port = server.start().port
    client = new_client(made_folder)
    assert client.port() == port
    assert server.stop() is False
    assert is_running(made_folder)
    assert client.stop() is True
    assert not is_running(made_folder)


def test_processes_that_start_at_once_on_a_new_folder_share_one_server(
    new_folder: Path, new_client: Callable[..., Client]
) -> None:
    clients = [new_client(new_folder) for _ in range(3)]
    assert len({client.port() for client in clients}) == 1
    assert sorted(client.stop() for client in clients) == [False, False, True]


def test_a_process_that_ends_without_a_stop_stops_it(made_folder: Path, new_client: Callable[..., Client]) -> None:
    client = new_client(made_folder)
    client.port()
    client.leave()
    assert not is_running(made_folder)


def test_when_its_only_user_is_killed_the_watchdog_stops_it(
    made_folder: Path, new_client: Callable[..., Client]
) -> None:
    client = new_client(made_folder)
    client.port()
    client.kill()
    assert is_running(made_folder)
    wait_until(lambda: not is_running(made_folder), 90, lambda: "it still runs")


def test_a_start_joins_the_server_that_a_killed_user_left(made_folder: Path, new_client: Callable[..., Client]) -> None:
    client = new_client(made_folder)
    port = client.port()
    client.kill()
    server = EmbeddedServer(made_folder)
    assert server.start().port == port
    assert server.stop() is True
    assert not is_running(made_folder)


def test_the_watchdog_leaves_a_server_with_users_alone(made_folder: Path, new_client: Callable[..., Client]) -> None:
    client = new_client(made_folder)
    client.port()
    with EmbeddedServer(made_folder) as server:
        client.kill()
        time.sleep(sharing.WATCHDOG_SECONDS * 2)
        with log_in(server.endpoint) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_forked_child_neither_shares_nor_ends_its_parents_use(made_folder: Path) -> None:
    with EmbeddedServer(made_folder) as server:
        answers = multiprocessing.get_context("fork").SimpleQueue()

        def in_child() -> None:
            try:
                _ = server.endpoint
            except EmbeddedServerError as error:
                answers.put(str(error))
            answers.put(server.stop())
            answers.put(server.start().port)
            answers.put(server.stop())

        child = multiprocessing.get_context("fork").Process(target=in_child)
        child.start()
        child.join(30)
        assert f"forked from {os.getpid()}" in answers.get()
        assert answers.get() is False
        assert answers.get() == server.endpoint.port
        assert answers.get() is False
        assert is_running(made_folder)


def test_a_child_forked_before_the_parent_stops_does_not_keep_the_server(made_folder: Path) -> None:
    server = EmbeddedServer(made_folder)
    server.start()
    child = multiprocessing.get_context("fork").Process(target=signal.pause)
    child.start()
    try:
        assert server.stop() is True
    finally:
        child.kill()
        child.join()


def test_a_removed_folder_is_no_obstacle_to_stop_or_start(new_folder: Path) -> None:
    server = EmbeddedServer(new_folder)
    endpoint = server.start()
    postmaster = sharing.read_postmaster(new_folder)
    assert postmaster
    shutil.rmtree(new_folder)
    assert server.stop() is False
    assert server.start().password.get_secret_value() != endpoint.password.get_secret_value()
    assert server.stop() is True
    with contextlib.suppress(ProcessLookupError):  # it may have missed its files already
        os.kill(postmaster.pid, signal.SIGKILL)
