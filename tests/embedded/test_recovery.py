"""What kills and half-done work leave behind, and how the next start mends it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from cockroach_pipelines.embedded import EmbeddedServer, EmbeddedServerError, cluster, sharing
from tests.embedded.conftest import Client, is_running, log_in
from tests.peers.processes import accepts
from tests.peers.waiting import wait_until


def _kill_postmaster(home: Path) -> None:
    postmaster = sharing.read_postmaster(home)
    assert postmaster
    os.kill(postmaster.pid, signal.SIGKILL)
    wait_until(lambda: not accepts(postmaster.port), 90, lambda: "it still accepts")


def test_a_killed_server_is_launched_anew_on_the_same_port_with_what_was_committed(made_folder: Path) -> None:
    with EmbeddedServer(made_folder) as server:
        connection = log_in(server.endpoint)
        connection.execute("SET synchronous_commit = on")
        connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
        connection.commit()
        connection.execute("INSERT INTO kept VALUES (2)")
        _kill_postmaster(made_folder)
        connection.close()
        endpoint = server.endpoint
        assert server.ensure_running() == endpoint
        with log_in(endpoint) as connection:
            assert connection.execute("SELECT value FROM kept").fetchall() == [(1,)]
            connection.execute("DROP TABLE kept")


def test_a_statement_that_outlives_its_killed_server_does_not_block_the_next_start(made_folder: Path) -> None:
    busy = "DO $$ DECLARE n bigint := 0; BEGIN LOOP n := n + 1; END LOOP; END $$"
    with EmbeddedServer(made_folder) as server:
        connection = log_in(server.endpoint)

        def work() -> None:
            with contextlib.suppress(psycopg.OperationalError):
                connection.execute(busy)

        worker = threading.Thread(target=work)
        worker.start()
        with log_in(server.endpoint) as observer:
            active = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO%' AND state = 'active'"
            wait_until(lambda: bool(observer.execute(active).fetchall()), 90, lambda: "the statement does not run")
        _kill_postmaster(made_folder)
        time.sleep(0.2)
        assert is_running(made_folder), "the statement's process was expected to live on"
        server.ensure_running()
        worker.join(10)
        connection.close()
        with log_in(server.endpoint) as other:
            assert other.execute("SELECT 1").fetchone() == (1,)


def test_a_stale_pid_file_whose_number_is_another_process_now_is_no_obstacle(made_folder: Path) -> None:
    with EmbeddedServer(made_folder):
        pid_file = made_folder / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        _kill_postmaster(made_folder)
        wait_until(lambda: not is_running(made_folder), 90, lambda: "it still runs")
        owner = pid_file.stat()
        stranger = subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=owner.st_uid, group=owner.st_gid)
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    assert stranger.poll() is None, "stop must not have touched another's process"
    try:
        with EmbeddedServer(made_folder) as server, log_in(server.endpoint) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert stranger.poll() is None
    finally:
        stranger.communicate()


def test_a_server_that_somebody_else_started_is_not_touched(made_folder: Path) -> None:
    with EmbeddedServer(made_folder) as server:
        program = server._cluster.home.installation.postgres if server._cluster else None
    owner = made_folder.stat()
    foreign = subprocess.Popen(
        [str(program), "-D", str(made_folder / "data"), "-h", "127.0.0.1", "-p", str(cluster._free_port()), "-k", ""],
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C"},
        user=owner.st_uid,
        group=owner.st_gid,
        extra_groups=[],
    )
    try:
        wait_until(
            lambda: bool((found := sharing.read_postmaster(made_folder)) and found.ready), 90, lambda: "it is not ready"
        )
        with pytest.raises(EmbeddedServerError, match=rf"Somebody else started a PostgreSQL \(process {foreign.pid}\)"):
            EmbeddedServer(made_folder).start()
        assert foreign.poll() is None
    finally:
        foreign.send_signal(signal.SIGINT)
        foreign.wait(10)


def test_a_cluster_whose_making_was_killed_is_made_anew(new_folder: Path, new_client: Callable[..., Client]) -> None:
    client = new_client(new_folder)
    wait_until(lambda: (new_folder / "data.tmp" / "base").exists(), 90, lambda: "nothing is made")
    client.kill()
    assert not (new_folder / "data").exists()
    with EmbeddedServer(new_folder) as server, log_in(server.endpoint) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("defaultdb",)
    assert not (new_folder / "data.tmp").exists()


def test_a_lost_password_is_replaced(made_folder: Path) -> None:
    (made_folder / "password").unlink()
    with EmbeddedServer(made_folder) as server, log_in(server.endpoint) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_port_that_is_taken_between_choice_and_use_is_replaced_by_another(
    made_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        choices: Iterator[int] = iter([taken.getsockname()[1]] * 2)
        free_port = cluster._free_port
        monkeypatch.setattr(cluster, "_free_port", lambda: next(choices, None) or free_port())
        with EmbeddedServer(made_folder) as server:
            assert server.endpoint.port != taken.getsockname()[1]
        assert list(choices) == []


def test_a_log_that_grew_is_put_aside(made_folder: Path) -> None:
    log = made_folder / "server.log"
    with log.open("ab") as file:
        file.truncate(20_000_000)
    with EmbeddedServer(made_folder):
        assert log.stat().st_size < 100_000
    assert (made_folder / "server.log.1").stat().st_size == 20_000_000


def test_a_cluster_of_another_version_is_named_and_left_alone(made_folder: Path) -> None:
    version = made_folder / "data" / "PG_VERSION"
    version.write_text("17\n")
    try:
        with pytest.raises(EmbeddedServerError, match=r"of PostgreSQL 17, and this project runs 18.\nSet emb"):
            EmbeddedServer(made_folder).start()
    finally:
        version.write_text("18\n")


def test_a_damaged_cluster_is_reported_with_the_servers_own_words(made_folder: Path) -> None:
    control = made_folder / "data" / "global" / "pg_control"
    control.rename(control.with_name("aside"))
    try:
        with pytest.raises(EmbeddedServerError, match=r"(?s)did not start.*could not open file.*remove the folder"):
            EmbeddedServer(made_folder).start()
        assert not is_running(made_folder)
    finally:
        control.with_name("aside").rename(control)


def test_a_failed_start_can_be_repeated_and_counts_nothing(made_folder: Path) -> None:
    server = EmbeddedServer(made_folder)
    version = made_folder / "data" / "PG_VERSION"
    version.write_text("17\n")
    try:
        with pytest.raises(EmbeddedServerError):
            server.start()
    finally:
        version.write_text("18\n")
    server.start()
    assert server.stop() is True


def test_a_data_folder_with_other_things_is_not_overwritten(new_folder: Path) -> None:
    with EmbeddedServer(new_folder):
        pass
    shutil.rmtree(new_folder / "data")
    (new_folder / "data").mkdir()
    (new_folder / "data" / "thesis.txt").write_text("precious")
    with pytest.raises(EmbeddedServerError, match="is not empty and holds no cluster"):
        EmbeddedServer(new_folder).start()
    assert (new_folder / "data" / "thesis.txt").read_text() == "precious"


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, new_folder: Path) -> None:
    new_folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", str(new_folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the right to mount a small file system is missing")
    try:
        with pytest.raises(EmbeddedServerError, match=r"(?s)No space left on device.*free about 300 MB"):
            EmbeddedServer(new_folder / "embedded").start()
    finally:
        subprocess.run(["umount", str(new_folder)], check=True)
        new_folder.rmdir()
