"""Measure what loading many SQL files costs beside as many bare assets, and what a step costs.

uv run python benchmarks/load.py --check
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the modules beside this one are a package

from benchmarks.load_project import make_project, make_trivial_project
from benchmarks.load_ui import Ready, measure
from benchmarks.ratios import Ratio
from benchmarks.report import grid, markdown_table, write_figures
from cockroach_pipelines.embedded import EmbeddedServer

_ROOT = Path(__file__).resolve().parent.parent
_FALLS_SHORT = 1
_TIMES_BARE = 1.25
_STEP_MS = 100.0
_STEPS = 21
_CONTESTANTS = ("SQL files", "bare assets", "a fifth scheduled: SQL files", "a fifth scheduled: bare assets")
_MEASURED = ("what", "assets", "defined s", "loaded s", "peak MB")
_RATIOS = ("work", "compared", "figure", "limit", "")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@dataclass
class Figures:
    """What was measured: trials by what was loaded, seconds of a step, and the UI."""

    trials: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {what: [] for what in _CONTESTANTS})
    step: list[float] = field(default_factory=list)
    ui: Ready | None = None

    def median(self, what: str, figure: str) -> float:
        """Give the median of a figure over the rounds."""
        return statistics.median(trial[figure] for trial in self.trials[what])

    @property
    def ratios(self) -> list[Ratio]:
        """What the figures have to show."""
        found = []
        for ours, bare in (_CONTESTANTS[:2], _CONTESTANTS[2:]):
            loaded = self.median(ours, "loaded") / self.median(bare, "loaded")
            found.append(Ratio("load", f"{ours} / {bare}", loaded, _TIMES_BARE, at_most=True))
        if self.step:
            each = statistics.median(self.step) * 1000
            found.append(Ratio("step", "a trivial report, after the first", each, _STEP_MS, at_most=True, unit="ms"))
        return found

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The figures as cells."""
        rows = [
            (
                what,
                f"{self.median(what, 'assets'):,.0f}",
                f"{self.median(what, 'defined'):.2f}",
                f"{self.median(what, 'loaded'):.2f}",
                f"{self.median(what, 'peak_bytes') / 1e6:.0f}",
            )
            for what in self.trials
        ]
        if self.ui:
            rows.append(("UI of `dg dev`", "", "", f"{self.ui.seconds:.1f}", f"{self.ui.bytes / 1e6:.0f}"))
        return rows


@app.command()
def main(
    files: Annotated[int, typer.Option(min=10, help="How many SQL files, and bare assets.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="How many times each is loaded; medians are taken.")] = 5,
    steps: Annotated[bool, typer.Option(help="Run assets, too, on an embedded server.")] = True,
    ui: Annotated[bool, typer.Option(help="Start the UI on the files, too.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a figure falls short of its limit.")] = False,
    markdown_file: Annotated[
        Path | None,
        typer.Option("--markdown", help="Write the tables to this file, below its heading Figures if it has one."),
    ] = None,
) -> None:
    """Measure what loading many SQL files costs beside as many bare assets, and what a step costs.

    Files of every kind are written to a temporary folder: reports, half of them partitioned, reconciliations, maintenance.
    All contestants load in a fresh process each round, in turns, until Dagster has resolved their repository, as its code
    server does; libraries are imported before the clock starts, and the files were read once before. Seconds are those of
    the processor. `defined` is until the definitions are made. A schedule costs Dagster the more, the more assets there
    are; that is measured apart.
    """
    progress = Console(stderr=True, highlight=False)
    started = time.monotonic()
    figures = Figures()

    def say(text: str) -> None:
        progress.print(f"[{time.monotonic() - started:5.0f} s] {text}", markup=False)

    with tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # as root the embedded server runs as another user
        config = make_project(folder / "many", files)
        scheduled = make_project(folder / "scheduled", files, schedules=True)
        asked = (("sql", str(config)), ("bare", str(files)), ("sql", str(scheduled)), ("scheduled", str(files)))
        first = [_trial("sql", str(each))["loaded"] for each in (config, scheduled)]
        say(f"load: {first[0]:.1f} s the first time, without a cache")
        for number in range(rounds):
            say(f"load: round {number + 1} of {rounds}")
            for what, (kind, argument) in zip(_CONTESTANTS, asked, strict=True):
                figures.trials[what].append(_trial(kind, argument))
        if steps:
            _run_steps(folder, rounds, figures, say)
        if ui:
            say("UI")
            figures.ui = measure(folder / "many", files)
    _show(figures, Console())
    if markdown_file:
        tables = (markdown_table(_RATIOS, _cells(figures)), markdown_table(_MEASURED, figures.rows))
        write_figures(markdown_file, "\n\n".join(tables))
    if check and not all(ratio.passed for ratio in figures.ratios):
        raise typer.Exit(_FALLS_SHORT)


def _run_steps(folder: Path, rounds: int, figures: Figures, say: Callable[[str], None]) -> None:
    with EmbeddedServer(folder / "server") as embedded:
        end = embedded.endpoint
        connection = {
            "host": end.host,
            "port": end.port,
            "database": end.database,
            "user": end.user,
            "password": end.password.get_secret_value(),
            "sslmode": "disable",
        }
        config = make_trivial_project(folder / "trivial", _STEPS, connection)
        for number in range(rounds):
            say(f"steps: round {number + 1} of {rounds}")
            figures.step.append(_trial("steps", str(config))["each"])


def _trial(what: str, argument: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load_trial", what, argument],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{what}:\n{done.stderr[-4000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _cells(figures: Figures) -> list[tuple[str, ...]]:
    return [
        (each.work, each.claim, each.shown, each.shown_limit, "kept" if each.passed else "falls short")
        for each in figures.ratios
    ]


def _show(figures: Figures, console: Console) -> None:
    measured, ratios = grid(_MEASURED), grid(_RATIOS)
    for row in figures.rows:
        measured.add_row(*row)
    for ratio, row in zip(figures.ratios, _cells(figures), strict=True):
        ratios.add_row(*row, style=None if ratio.passed else "bold red")
    console.print(measured)
    console.print(ratios)


if __name__ == "__main__":
    app()
