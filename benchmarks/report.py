"""The results as tables: on the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.parts import Benchmark
from benchmarks.ratios import Ratio

_PACKAGES = (
    "pyarrow",
    "pandas",
    "JPype1",
    "adbc-driver-postgresql",
    "connectorx",
    "jaydebeapi",
    "jaydebeapiarrow",
    "psycopg",
)
_HEADING = "## Figures\n"
_MEASURED = ("work", "contestant", "rows", "cold s", "warm s", "rows/s", "peak MB")
_RATIOS = ("work", "compared", "figure", "limit", "")


def print_tables(benchmark: Benchmark, console: Console) -> None:
    """Print what was measured, and what it shows."""
    measured, ratios = grid(_MEASURED), grid(_RATIOS)
    for row in _measured_rows(benchmark):
        measured.add_row(*row)
    for ratio, row in zip(benchmark.ratios, _ratio_rows(benchmark.ratios), strict=True):
        ratios.add_row(*row, style=None if ratio.passed else "bold red")
    console.print(measured)
    console.print(_NOTE, style="dim")
    console.print(ratios)


def markdown(benchmark: Benchmark) -> str:
    """Give the machine and both tables as Markdown."""
    return "\n\n".join(
        [
            machine(benchmark),
            markdown_table(_RATIOS, _ratio_rows(benchmark.ratios)),
            markdown_table(_MEASURED, _measured_rows(benchmark)),
            _NOTE,
        ]
    )


def save_markdown(benchmark: Benchmark, path: Path) -> None:
    """Write the machine and the tables to a file; see `write_figures`."""
    write_figures(path, markdown(benchmark))


def write_figures(path: Path, figures: str) -> None:
    """Write figures to a file, in place of what stands below its heading `Figures`."""
    text, _, _ = (path.read_text() if path.exists() else "").partition(_HEADING)
    path.write_text(f"{text}{_HEADING}\n{figures}\n")


def save_json(benchmark: Benchmark, path: Path) -> None:
    """Write everything that was measured."""
    said = {
        "machine": machine(benchmark),
        "rows": benchmark.rows,
        "rounds": benchmark.rounds,
        "measured": [asdict(each) for each in benchmark.measured],
        "ratios": [{**asdict(each), "passed": each.passed} for each in benchmark.ratios],
    }
    path.write_text(json.dumps(said, indent=2) + "\n")


def machine(benchmark: Benchmark) -> str:
    """Give in a sentence what this ran on and with."""
    return machine_with(benchmark.server.version, benchmark.load, _PACKAGES)


def machine_with(server: str, load: float, names: Sequence[str]) -> str:
    """Give in a sentence what this is, with the version of the server, the load when it began, and packages' versions."""
    packages = []
    for name in names:
        try:
            packages.append(f"{name} {version(name)}")
        except ModuleNotFoundError:
            continue
    return (
        f"{os.cpu_count()} cores ({_processor()}), {platform.system()}, Python {platform.python_version()}; "
        f"PostgreSQL {server} on loopback; {', '.join(packages)}. Load when it began: {load:.1f}."
    )


_NOTE = (
    "Medians of fresh processes. Cold: the first run of a process, connected and its libraries loaded; warm: its last. "
    "With ~ a contestant moved fewer rows in fewer rounds, and its seconds are scaled by the row."
)


def _measured_rows(benchmark: Benchmark) -> list[tuple[str, ...]]:
    rows = []
    for each in benchmark.measured:
        scaled = "~" if each.share > 1 else ""
        seconds = [
            f"{scaled}{value:.2f}" if value >= 0.1 else f"{value * 1000:.2f} ms" for value in (each.cold, each.warm)
        ]
        count = "" if each.rows is None else f"{each.rows:,}"
        speed = "" if not each.rows or each.work.startswith("first") else f"{each.rows * each.share / each.warm:,.0f}"
        memory = "" if each.peak_bytes is None else f"{each.peak_bytes / 1e6:.0f}"
        rows.append((each.work, each.label, count, *seconds, speed, memory))
    return rows


def _ratio_rows(ratios: Sequence[Ratio]) -> list[tuple[str, ...]]:
    return [
        (each.work, each.claim, each.shown, each.shown_limit, "kept" if each.passed else "falls short")
        for each in ratios
    ]


def grid(names: Sequence[str]) -> Table:
    """Give an empty table of the terminal."""
    table = Table(box=box.SIMPLE_HEAD, expand=False)
    for position, name in enumerate(names):
        table.add_column(name, justify="left" if position < 2 else "right", no_wrap=position >= 2)
    return table


def markdown_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table of Markdown."""
    rule = ["---" if position < 2 else "---:" for position in range(len(names))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, rule, *rows))


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.machine()
