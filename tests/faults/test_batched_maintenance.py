"""A purge whose connections are cut and whose process is killed: every matching row goes once, no other is touched, and the
archive is what was deleted."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.database import CancelledError, ConnectionManager
from cockroach_pipelines.execution import CommitInDoubt, Doubt, Event, Order, RetryScheduled
from cockroach_pipelines.maintenance import BatchedMaintenance, BatchProgress, EndReason
from cockroach_pipelines.queries import SQLRepository
from tests.faults.conftest import Connect, quick
from tests.peers.postgres import PostgresServer
from tests.peers.processes import inherited
from tests.peers.project import make_project
from tests.peers.proxy import End, Fault, Proxy, Side

SEED = 20130101
# PURGE_ROWS=1000000 makes a soak of it, which takes minutes: pytest -k survives -o timeout=3600
ROWS = int(os.environ.get("PURGE_ROWS", "30000"))
KILLS = max(2, ROWS // 100_000)

# What goes is written down by a trigger, in the transaction in which it goes.
PURGED = f"""
    DROP TABLE IF EXISTS purged, gone, original; DROP SCHEMA IF EXISTS cockroach_pipelines CASCADE;
    CREATE TABLE purged (id int8 PRIMARY KEY, kind text, amount numeric(12, 2), note text, at timestamptz NOT NULL);
    CREATE TABLE gone (id int8);
    INSERT INTO purged SELECT n, CASE WHEN n % 5 = 0 THEN 'keep' ELSE 'old' END, n / 7.0,
        CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'note ''' || n END, timestamptz '2024-01-01 00:00Z' + n * interval '1 s'
        FROM generate_series(1, {ROWS}) AS n;
    CREATE OR REPLACE FUNCTION note_gone() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO gone VALUES (OLD.id); RETURN OLD; END $$;
    CREATE TRIGGER note_gone BEFORE DELETE ON purged FOR EACH ROW EXECUTE FUNCTION note_gone();
    CREATE TABLE original AS SELECT * FROM purged;
    GRANT ALL ON purged, gone TO PUBLIC; GRANT CREATE ON DATABASE test TO trusted; ANALYZE purged
"""
PURGE = """/* @asset
timeout: {timeout}
batch:
  table: purged
  key: id
  size: {size}
  archive: kept
  lease: {lease}
*/
DELETE FROM purged WHERE kind = 'old'
"""


def purge(*, timeout: str = "10s", size: str = "{start: 500, min: 50, max: 500}", lease: str = "20s") -> str:
    return PURGE.format(timeout=timeout, size=size, lease=lease)


def refuse_any_difference(server: PostgresServer, archive: Path) -> None:
    """Compare what is left, what went, and what was kept with how it all was."""
    assert server.psql("SELECT count(*), count(DISTINCT id) FROM gone") == f"{ROWS * 4 // 5}|{ROWS * 4 // 5}"
    left = "SELECT count(*) FROM ((TABLE purged EXCEPT SELECT * FROM original WHERE kind = 'keep') UNION ALL (SELECT * FROM original WHERE kind = 'keep' EXCEPT TABLE purged)) AS d"
    assert server.psql(left) == "0"
    kept = pq.read_table(archive).sort_by("id")
    socket = psycopg.connect(host=str(server.folder), port=server.port, user="pgadmin", dbname="test")
    with socket, socket.cursor("original") as rows:  # on the server, which gives them piece by piece
        rows.execute("SELECT id, kind, amount, note, at FROM original WHERE kind = 'old' ORDER BY id")
        for batch in kept.to_batches(10_000):
            assert [tuple(row.values()) for row in batch.to_pylist()] == rows.fetchmany(batch.num_rows)
        assert rows.fetchone() is None
    assert [
        path.name for path in archive.iterdir() if not path.name.endswith(".parquet") or path.name.startswith(".")
    ] == []


@contextmanager
def cutting(proxy: Proxy, chance: random.Random) -> Iterator[list[int]]:
    """Cut every connection at random moments while the block runs."""
    over = threading.Event()
    cuts: list[int] = []

    def cut() -> None:
        while not over.wait(chance.uniform(0.05, 0.8)):
            cuts.append(len(proxy.links))
            proxy.end_all(chance.choice([End.CLOSE, End.RESET]))

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        yield cuts
    finally:
        over.set()
        thread.join()


def test_a_purge_survives_cuts_at_any_byte(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, tmp_path: Path
) -> None:
    faulty_server.psql(PURGED)
    chance = random.Random(SEED)  # noqa: S311 - the same faults at each run
    make_project(tmp_path, {"main": faulty_server.config_of()}, {"maintenance/purge.sql": purge()})
    query = SQLRepository(tmp_path / "sql").get("purge")
    happened: list[Event] = []
    manager = connections()
    with manager.lend() as connection:
        connection.broken = True  # the server is known from now on: losing it is a loss

    def endanger(at: BatchProgress) -> None:
        # The next connection is cut somewhere in its life of a few batches, a third of them around a COMMIT.
        if not proxy.faults:
            triggers = (b"maintenance_batches", b"") if chance.random() < 0.6 else ()
            limit = 40 if triggers else 9_000
            side = chance.choice(list(Side))
            proxy.faults.append(Fault(side, chance.randrange(limit), chance.choice([End.CLOSE, End.RESET]), triggers))
        if at.batches % 3 == 0:
            proxy.end_all(End.RESET)

    run = BatchedMaintenance(manager, tmp_path, observe=happened.append, progress=endanger).run(Order(query), arm=True)
    proxy.faults.clear()
    retries = sum(isinstance(event, RetryScheduled) for event in happened)
    doubts = [event.outcome for event in happened if isinstance(event, CommitInDoubt)]
    print(
        f"{run.batches} batches, {retries} run again, {len(doubts)} commits in doubt, {doubts.count(Doubt.COMMITTED)} kept"
    )
    assert run.reason is EndReason.DONE
    assert retries > 10
    assert doubts.count(Doubt.COMMITTED) > 0
    refuse_any_difference(faulty_server, tmp_path / "kept")


def test_a_purge_survives_kills_and_cuts(proxy: Proxy, faulty_server: PostgresServer, tmp_path: Path) -> None:
    faulty_server.psql(PURGED)
    chance = random.Random(SEED)  # noqa: S311 - the same at each run
    text = purge(timeout="1s", lease="2s", size="{start: 250, min: 50, max: 250}")
    manager = make_project(tmp_path, {"main": quick(faulty_server, proxy.port)}, {"maintenance/purge.sql": text})
    began, cuts = time.monotonic(), 0
    for _ in range(KILLS):
        process = started(manager, tmp_path)
        wait_for_progress(process, faulty_server, 1)
        with cutting(proxy, chance) as cut:
            wait_for_progress(process, faulty_server, chance.randrange(200, ROWS * 4 // 5 // (KILLS + 1)))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        cuts += len(cut)
    process = started(manager, tmp_path)
    wait_for_progress(process, faulty_server, 1)
    with cutting(proxy, chance) as cut:
        printed, _ = process.communicate(timeout=60 + ROWS / 1000)
    assert process.returncode == 0, printed
    record = json.loads(printed[printed.rindex("\n{") :])
    print(
        f"{ROWS:,} rows in {time.monotonic() - began:.0f} s: {cuts + len(cut)} cuts, {KILLS} kills, "
        f"{record['resumes']} resumes, {record['retries']} retries of the last run"
    )
    assert record["end_reason"] == "done"
    assert record["resumes"] == KILLS
    refuse_any_difference(faulty_server, manager.settings.results_folder / "kept")


def gone(server: PostgresServer) -> int:
    return int(server.psql("SELECT count(*) FROM gone"))


def wait_for_progress(process: subprocess.Popen[str], server: PostgresServer, rows: int) -> None:
    """Wait until a process has deleted so many rows."""
    wanted, last, moved = gone(server) + rows, 0, time.monotonic()
    while (now := gone(server)) < wanted:
        last, moved = (now, time.monotonic()) if now > last else (last, moved)
        assert time.monotonic() < moved + 60, "nothing goes on"
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()[0]}")
        time.sleep(0.02)


def started(manager: ConfigManager, folder: Path) -> subprocess.Popen[str]:
    """Run the file by the command, again for as long as another process holds the job."""
    command = str(Path(sys.executable).with_name("cockroach-pipelines"))
    run = f"{command} run purge --arm --json --config {manager.path}"
    return subprocess.Popen(
        ["bash", "-c", f"until {run}; do code=$?; [ $code -eq 4 ] || exit $code; sleep 0.2; done"],
        cwd=folder,
        env=inherited(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_batches_find_their_size_when_the_server_is_slow(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, tmp_path: Path
) -> None:
    """Deleted rows are kept, and the proxy lets so many of their bytes pass in a second."""
    faulty_server.psql(PURGED)
    text = purge(size="{start: 2000, min: 10, max: 50000, target: 150ms}").replace(
        "lease", "limits: {runtime: 4s}\n  lease"
    )
    make_project(tmp_path, {"main": faulty_server.config_of()}, {"maintenance/purge.sql": text})
    query = SQLRepository(tmp_path / "sql").get("purge")
    seen: list[tuple[float, int]] = []
    proxy.rate = 150_000
    manager = connections()
    BatchedMaintenance(manager, tmp_path, progress=lambda at: seen.append((at.seconds, at.run_rows))).run(
        Order(query), arm=True
    )
    seconds = [after[0] - before[0] for before, after in pairwise(seen)]
    rows = [after[1] - before[1] for before, after in pairwise(seen)]
    print(f"{len(seen)} batches; rows {rows}; seconds {[round(each, 3) for each in seconds]}")
    assert seen[0][1] == 2000
    settled = statistics.median(seconds[12:20])
    assert 0.1 < settled < 0.22, "the size did not converge within 20 batches"


def test_a_lost_connection_in_the_middle_of_a_throttle_is_found_again(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, tmp_path: Path
) -> None:
    faulty_server.psql(PURGED)
    text = purge().replace("archive: kept", "pause: {when: SELECT count(*) < 3 FROM gone WHERE id < 0, every: 20ms}")
    make_project(tmp_path, {"main": faulty_server.config_of()}, {"maintenance/purge.sql": text})
    query = SQLRepository(tmp_path / "sql").get("purge")
    waits: list[str] = []

    def cut_and_release(at: BatchProgress) -> None:
        if at.waiting and not waits:
            proxy.end_all(End.RESET)
            faulty_server.psql("INSERT INTO gone VALUES (-1), (-2), (-3)")
        waits.append(at.waiting)

    manager: ConnectionManager = connections()
    run = BatchedMaintenance(manager, tmp_path, progress=cut_and_release).run(Order(query), arm=True)
    assert waits[0] == "throttled: the throttle's query gives true"
    assert (run.reason, run.rows) == (EndReason.DONE, ROWS * 4 // 5)


def test_a_cancel_does_not_wait_for_a_silent_server(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, tmp_path: Path
) -> None:
    faulty_server.psql(PURGED)
    make_project(tmp_path, {"main": faulty_server.config_of()}, {"maintenance/purge.sql": purge()})
    query = SQLRepository(tmp_path / "sql").get("purge")
    began: list[float] = []

    def fall_silent_and_cancel(at: BatchProgress) -> None:
        if at.batches == 3:
            proxy.open_hole()
            began.append(time.monotonic())
            threading.Timer(0.2, engine.cancel).start()

    engine = BatchedMaintenance(connections(), tmp_path, progress=fall_silent_and_cancel)
    try:
        with pytest.raises(CancelledError):
            engine.run(Order(query), arm=True)
        took = time.monotonic() - began[0]
    finally:
        proxy.close_hole()
    print(f"ended {took:.1f} s after the server had fallen silent")
    assert took < 8
    assert gone(faulty_server) == 1500
    run = BatchedMaintenance(connections(through=faulty_server.port), tmp_path).run(
        Order(SQLRepository(tmp_path / "sql").get("purge")), dry_run=True
    )
    assert run.dry_run, "a job that nobody gave up can be looked at"


@pytest.fixture(autouse=True)
def _clean(faulty_server: PostgresServer) -> Iterator[None]:
    yield
    faulty_server.psql("DROP TABLE IF EXISTS purged, gone, original; DROP SCHEMA IF EXISTS cockroach_pipelines CASCADE")
