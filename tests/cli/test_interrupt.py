"""A command that is interrupted or asked to end ends its statement on the server, and leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers.dagster_dev import wait_until
from tests.peers.postgres import PostgresServer
from tests.peers.processes import inherited
from tests.peers.project import make_project

LONGEST_SECONDS = 2.0

FILES = {
    "reporting/silent.sql": "SELECT pg_sleep(120)::text AS slept",
    "reporting/endless.sql": "SELECT generate_series(1, 100000000000) AS number, repeat('x', 100) AS text",
    "maintenance/slow_delete.sql": "DELETE FROM kept WHERE pg_sleep(120)::text = ''",
}

INTERRUPTED = [pytest.param(signal.SIGINT, 130, id="INT"), pytest.param(signal.SIGTERM, 143, id="TERM")]


@pytest.fixture(scope="module")
def project(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    make_project(folder, {"main": server.config}, FILES)
    server.psql("CREATE TABLE kept AS SELECT 1 AS id; ALTER TABLE kept OWNER TO tester")
    return folder


@pytest.mark.parametrize("name", ["silent", "endless", "slow_delete"])
@pytest.mark.parametrize(("number", "code"), INTERRUPTED)
def test_signal_ends_the_statement_on_the_server(
    name: str, number: signal.Signals, code: int, project: Path, server: PostgresServer
) -> None:
    with started(project, server, [name]) as process:
        began = time.monotonic()
        process.send_signal(number)
        wait_until(lambda: statements(server) == 0, LONGEST_SECONDS, lambda: "the statement still runs")
        gone = time.monotonic() - began
        printed, _ = process.communicate(timeout=10)
        ended = time.monotonic() - began
    print(f"{name}: SIG{number.name}: statement gone after {gone:.2f} s, process ended after {ended:.2f} s")
    assert process.returncode == code
    assert gone < LONGEST_SECONDS
    assert "Traceback" not in printed
    assert server.psql("SELECT count(*) FROM kept") == "1"


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize(("number", "code"), INTERRUPTED)
def test_signal_leaves_nothing_of_the_output(
    ending: str, number: signal.Signals, code: int, project: Path, server: PostgresServer, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    output = results / f"numbers.{ending}"
    output.write_text("the last good result")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with started(project, server, ["endless", "--output", str(output)], TMPDIR=str(scratch)) as process:
        wait_until(lambda: any(size(path) > 1_000_000 for path in results.rglob("*")), 30, lambda: "nothing is written")
        process.send_signal(number)
        process.communicate(timeout=10)
    assert process.returncode == code
    assert [path for path in results.rglob("*") if path.is_file()] == [output]
    assert output.read_text() == "the last good result"
    assert list(scratch.rglob("*")) == []


@contextmanager
def started(
    project: Path, server: PostgresServer, arguments: Sequence[str], **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a file and wait until its statement is under way."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("cockroach-pipelines")), "run", *arguments],
        cwd=project,
        env=inherited(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(
            lambda: statements(server) == 1 or process.poll() is not None, 60, lambda: "the statement does not begin"
        )
        assert process.poll() is None, process.communicate()[0]
        yield process
    finally:
        process.kill()
        process.communicate()


def statements(server: PostgresServer) -> int:
    """Number of sessions in which a statement of these files is under way."""
    return int(
        server.psql(
            "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND application_name LIKE 'cockroach_pipelines/%/cli'"
            " AND query ~ 'pg_sleep|generate_series'"
        )
    )


def size(path: Path) -> int:
    """Bytes of a file, 0 where it is gone or is none."""
    return path.stat().st_size if path.is_file() else 0
