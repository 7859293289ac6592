"""A command that is interrupted or asked to end ends its statement on the server, and leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.postgres import PostgresServer
from tests.peers.processes import inherited
from tests.peers.project import make_project
from tests.peers.waiting import wait_until

LONGEST_SECONDS = 2.0
LAST_GOOD_RESULT = "the last good result"

SILENT = "SELECT pg_sleep(120)::text AS slept"
ENDLESS = "SELECT generate_series(1, 100000000000) AS number, repeat('x', 100) AS text"
COMPARISON = (
    "-- name: source\nSELECT 1 AS id, pg_sleep(120)::text\n-- name: target\nSELECT 1 AS id, pg_sleep(120)::text"
)
MAINTENANCE = "DELETE FROM kept WHERE pg_sleep(120)::text = ''"

# A file for each process, since a session is known by its file's name.
FILES = {
    "reporting/silent_int.sql": SILENT,
    "reporting/silent_term.sql": SILENT,
    "reporting/silent_hup.sql": SILENT,
    "reconciliation/compare_int.sql": COMPARISON,
    "reconciliation/compare_term.sql": COMPARISON,
    "maintenance/delete_int.sql": MAINTENANCE,
    "maintenance/delete_term.sql": MAINTENANCE,
    "reporting/endless_int.sql": ENDLESS,
    "reporting/endless_term.sql": ENDLESS,
}


@dataclass(frozen=True)
class Command:
    """`cockroach-pipelines run` of a file, under way."""

    name: str
    process: subprocess.Popen[str]
    server: PostgresServer
    temporary: Path

    def statements(self) -> int:
        """Number of sessions in which the file's statement runs."""
        sql = (
            "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND query ~ 'pg_sleep|generate_series' "
            f"AND application_name LIKE 'cockroach_pipelines/%/{self.name}/cli'"
        )
        return int(self.server.psql(sql))

    def wait_for_statement(self) -> None:
        """Wait until the server runs the statement, or both of a comparison."""
        sessions = 2 if self.name.startswith("compare") else 1
        wait_until(
            lambda: self.statements() == sessions or self.process.poll() is not None, 180, lambda: "nothing runs"
        )
        assert self.process.poll() is None, self.process.communicate()[0]

    def end(self, number: signal.Signals) -> str:
        """Send a signal, expect the statement to be gone from the server in time, and give what was printed."""
        began = time.monotonic()
        self.process.send_signal(number)
        wait_until(lambda: self.statements() == 0, LONGEST_SECONDS, lambda: "the statement still runs")
        gone = time.monotonic() - began
        printed, _ = self.process.communicate(timeout=60)
        ended = time.monotonic() - began
        print(f"{self.name}: statement gone after {gone:.2f} s, process ended after {ended:.2f} s")
        assert gone < LONGEST_SECONDS
        return printed


@pytest.fixture(scope="module")
def project(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    make_project(folder, {"main": server.config}, FILES)
    server.psql("CREATE TABLE kept AS SELECT 1 AS id; ALTER TABLE kept OWNER TO tester")
    return folder


@pytest.fixture(scope="module")
def waiting(project: Path, server: PostgresServer) -> Iterator[Mapping[str, Command]]:
    """Commands whose statements give nothing for a long time; started together, as each takes seconds to begin."""
    names = ("silent_int", "silent_term", "silent_hup", "delete_int", "delete_term", "compare_int", "compare_term")
    with ExitStack() as stack:
        commands = {name: stack.enter_context(started(name, project, server)) for name in names}
        for command in commands.values():
            command.wait_for_statement()
        yield commands


@pytest.fixture(scope="module")
def streaming(project: Path, server: PostgresServer) -> Iterator[Mapping[str, Command]]:
    """Commands that write an endless result to `<name>/result.<ending>`, where an older one is."""
    outputs = {"endless_int": "result.parquet", "endless_term": "result.csv"}
    with ExitStack() as stack:
        commands = {}
        for name, output in outputs.items():
            (project / name).mkdir()
            (project / name / output).write_text(LAST_GOOD_RESULT)
            arguments = ("--output", f"{name}/{output}")
            commands[name] = stack.enter_context(started(name, project, server, *arguments))
        for command in commands.values():
            command.wait_for_statement()
        yield commands


@pytest.mark.parametrize(
    ("name", "number", "code"),
    [
        ("silent", signal.SIGINT, 130),
        ("silent", signal.SIGTERM, 143),
        ("silent", signal.SIGHUP, 129),
        ("delete", signal.SIGINT, 130),
        ("delete", signal.SIGTERM, 143),
        ("compare", signal.SIGINT, 130),
        ("compare", signal.SIGTERM, 143),
    ],
)
def test_signal_ends_a_statement_that_gives_nothing(
    name: str, number: signal.Signals, code: int, waiting: Mapping[str, Command], server: PostgresServer
) -> None:
    command = waiting[f"{name}_{number.name.removeprefix('SIG').lower()}"]
    printed = command.end(number)
    assert command.process.returncode == code
    assert "Traceback" not in printed
    assert files(command.temporary) == []
    assert server.psql("SELECT count(*) FROM kept") == "1"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_signal_ends_an_endless_result_and_leaves_the_last_good_one(
    number: signal.Signals, code: int, streaming: Mapping[str, Command], project: Path
) -> None:
    command = streaming[f"endless_{number.name.removeprefix('SIG').lower()}"]
    results = project / command.name
    wait_until(lambda: len(files(results, larger_than=100_000)) == 1, 90, lambda: "nothing is written")
    printed = command.end(number)
    assert command.process.returncode == code
    assert "Traceback" not in printed
    assert files(command.temporary) == []
    (output,) = files(results)
    assert output.read_text() == LAST_GOOD_RESULT


@contextmanager
def started(name: str, project: Path, server: PostgresServer, *arguments: str) -> Iterator[Command]:
    """Run a file by the command, in a process that is gone after the block."""
    temporary = project / f"{name}.tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("cockroach-pipelines")), "run", name, *arguments],
        cwd=project,
        env=inherited(TMPDIR=str(temporary)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Command(name, process, server, temporary)
    finally:
        process.kill()
        process.communicate()


def files(folder: Path, *, larger_than: int = -1) -> list[Path]:
    """Every file below a folder with more than so many bytes."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > larger_than]
