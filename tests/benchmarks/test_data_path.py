"""The benchmark of the data path runs; what it measures on so few rows says nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks import data_path
from benchmarks.contestants.contestant import Subject
from benchmarks.heat import DifferentValuesError, Entry, run_heat
from benchmarks.parts import PARTS, Benchmark
from benchmarks.ratios import Ratio
from benchmarks.report import print_tables, save_json, save_markdown
from benchmarks.server import Server, place_of
from benchmarks.tables import MIXED
from benchmarks.trial import Job, Trial, TrialError, checksum, perform, run_trial
from cockroach_pipelines.database import JVMManager
from tests.peers.postgres import PostgresServer

ROWS = 1000
NOT_INSTALLED = frozenset({"adbc", "connectorx", "jdbc"})


@pytest.fixture(scope="module")
def place(server: PostgresServer, jvm: JVMManager) -> Iterator[Server]:
    """The tests' own server, as the benchmark sees one."""
    with closing(Server(place_of(server.config))) as place:
        yield place


def test_every_part_moves_the_same_rows_and_shows_its_figures(place: Server, tmp_path: Path) -> None:
    steps: list[str] = []
    benchmark = Benchmark(place, tmp_path, ROWS, 1, steps.append, perform=perform, left_out=NOT_INSTALLED)
    for part in PARTS.values():
        part(benchmark)
    works = {each.work for each in benchmark.measured}
    assert {"read 1 k rows, mixed", "read 1 k rows, text-heavy", "read 1 k rows, numeric-heavy"} <= works
    assert {"read 10 k rows, mixed", "read 1 k rows to pandas, mixed", "write 1 k rows, mixed", "SELECT 1"} <= works
    assert {each.work for each in benchmark.ratios} >= works - {"read 1 k rows once, mixed"}
    assert all(
        each.rows in (None, ROWS // each.share, 10 * ROWS) for each in benchmark.measured if "first" not in each.work
    )
    assert len(steps) > len(benchmark.measured)

    with (tmp_path / "terminal").open("w") as file:
        print_tables(benchmark, Console(file=file, width=160))
    save_json(benchmark, tmp_path / "figures.json")
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n## Figures\n\nyesterday")
    save_markdown(benchmark, page)
    for text in ((tmp_path / "terminal").read_text(), page.read_text()):
        assert "growth of its peak" in text
    assert page.read_text().startswith("# Title\n\n## Figures\n\n")
    assert "yesterday" not in page.read_text()
    assert len(json.loads((tmp_path / "figures.json").read_text())["ratios"]) == len(benchmark.ratios)


def test_a_contestant_runs_in_a_process_of_its_own(place: Server) -> None:
    name = place.table(MIXED, ROWS)
    job = Job("project:ReadTable", place.place, Subject(name), MIXED.name, runs=2, check=True)
    there, here = run_trial(job), perform(job)
    assert (there.rows, there.checksum) == (ROWS, here.checksum)
    assert len(there.seconds) == 2
    with pytest.raises(TrialError, match="no_such_table"):
        run_trial(Job("psycopg:FirstByte", place.place, Subject("no_such_table"), MIXED.name, runs=1, check=False))


def test_contestants_that_move_different_values_are_found_out(place: Server) -> None:
    values = {"a": pa.table({"n": ["1.50", None]}), "b": pa.table({"n": [1.5, None]}), "c": pa.table({"n": [1.5, 0.0]})}
    schema = pa.schema([("n", pa.decimal128(5, 2))])

    def trial(job: Job) -> Trial:
        return Trial((0.1,), 2, 0, checksum(values[job.contestant], schema))

    def run(*names: str) -> None:
        entries = [Entry(name, name) for name in names]
        run_heat(place.place, "read", entries, lambda _: Subject("t"), schema_of="t", rounds=1, say=len, perform=trial)

    run("a", "b")
    with pytest.raises(DifferentValuesError, match="checksum"):
        run("a", "b", "c")


def test_a_figure_is_kept_on_the_right_side_of_its_limit() -> None:
    assert [Ratio("", "", value, 0.9).passed for value in (0.89, 0.9, 1.5)] == [False, True, True]
    assert [Ratio("", "", value, 30, at_most=True).passed for value in (-5, 30, 31)] == [True, True, False]


def test_check_fails_when_a_figure_falls_short(place: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def started_server(_: Path) -> Iterator[Server]:
        yield place

    def part(benchmark: Benchmark) -> None:
        benchmark.ratios.append(Ratio("work", "claim", 0.5, 0.9))

    monkeypatch.setattr(data_path, "started_server", started_server)
    monkeypatch.setitem(data_path.PARTS, "read", part)
    command = CliRunner()
    assert command.invoke(data_path.app, ["--only", "read"]).exit_code == 0
    fallen = command.invoke(data_path.app, ["--only", "read", "--check"])
    assert fallen.exit_code == 1
    assert "falls short" in fallen.output
    assert command.invoke(data_path.app, ["--only", "reed"]).exit_code == 2
