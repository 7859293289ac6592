"""Measure how fast this project moves data between PostgreSQL and Arrow, beside what else does.

uv run --group benchmark python benchmarks/data_path.py --check
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the modules beside this one are a package

from benchmarks.parts import PARTS, Benchmark
from benchmarks.report import print_tables, save_json, save_markdown
from benchmarks.server import started_server

_FALLS_SHORT = 1
_WIDTH = 160  # of tables that go into a file

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
def main(
    rows: Annotated[
        int, typer.Option(min=1000, help="Rows of the tables; the large parts have ten times as many.")
    ] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How many times each contestant starts; medians are taken.")] = 5,
    only: Annotated[str, typer.Option(help=f"Parts to run, with commas between: {', '.join(PARTS)}.")] = ",".join(
        PARTS
    ),
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a figure falls short of its limit.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything measured to this file.")] = None,
    markdown_file: Annotated[
        Path | None,
        typer.Option("--markdown", help="Write the tables to this file, below its heading Figures if it has one."),
    ] = None,
) -> None:
    """Measure how fast this project moves data between PostgreSQL and Arrow, beside what else does.

    A PostgreSQL of its own is started in a temporary folder (some GB at ten million rows). Every contestant runs the
    same query on the same server, in a fresh process in every round, in turns with the others, in the way that its own
    documentation calls best; what they read or wrote is compared. The whole takes half an hour on two cores, and
    nothing else should run meanwhile: figures of a busy machine say little.

    The other drivers are in a group of their own: uv run --group benchmark python benchmarks/data_path.py

    Parts:

    - read: to Arrow, from a mixed, a text-heavy and a numeric-heavy table
    - pandas: read to pandas
    - write: an Arrow table to the server
    - select: SELECT 1 through the warm pool
    - first: the first batch of a long result
    - large: ten times as many rows, in the memory of one time
    """
    chosen = [name.strip() for name in only.split(",")]
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(PARTS)}", param_hint="--only")
    started = time.monotonic()
    progress = Console(stderr=True, highlight=False)
    with (
        tempfile.TemporaryDirectory(prefix="cockroach-pipelines-benchmark-") as folder,
        started_server(Path(folder)) as server,
    ):
        say = lambda text: progress.print(f"[{time.monotonic() - started:5.0f} s] {text}", markup=False)  # noqa: E731
        benchmark = Benchmark(server, Path(folder), rows, rounds, say)
        for name in chosen:
            PARTS[name](benchmark)
        output = Console()
        print_tables(benchmark, output if output.is_terminal else Console(width=_WIDTH))
        if json_file:
            save_json(benchmark, json_file)
        if markdown_file:
            save_markdown(benchmark, markdown_file)
    if check and not all(ratio.passed for ratio in benchmark.ratios):
        raise typer.Exit(_FALLS_SHORT)


if __name__ == "__main__":
    app()
