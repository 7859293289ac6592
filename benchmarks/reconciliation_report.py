"""Figures of reconciliation as Markdown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ratios import Ratio
from benchmarks.reconciliation_scale import Point, growth
from benchmarks.report import machine_with, markdown_table, write_figures

_PACKAGES = ("pyarrow", "JPype1", "reladiff", "psycopg")
_MEGABYTE = 1e6

_COMPARED = (
    "Seconds of both tools are the medians of fresh processes on the same two servers: of this project cold, the first "
    "comparison of a process, in which the virtual machine starts, and warm, a later one; of reladiff at the thread count "
    "that was best, for which times faster stands beside warm. The floor is one checksum of each side by the same hash, "
    "both at once. Peak is the memory of the whole process, the virtual machine included."
)
_SCALE = (
    "What a row costs as tables grow, both sides in two databases of one server, in microseconds (warm); the memory is the "
    "most of any process."
)


def save_markdown(
    path: Path,
    server: str,
    load: float,
    compared: Sequence[str],
    rows: Sequence[Sequence[str]],
    points: Sequence[Point],
    plot: Path | None,
) -> None:
    """Write the machine, the comparisons and the scale to a file, below its heading `Figures` if it has one.

    Args:
        path: The file.
        server: The server's version.
        load: How many processes ran or waited when it began.
        compared: Headings of the table of comparisons.
        rows: Its rows; none leaves it out.
        points: The scale; none leaves it out.
        plot: Where its picture is.
    """
    parts = [machine_with(server, load, _PACKAGES)]
    if rows:
        parts += [_COMPARED, markdown_table(compared, rows)]
    if points:
        parts += ["### Scale", _SCALE]
        if plot is not None:
            parts.append(f"![What a row costs]({os.path.relpath(plot, path.parent)})")
        parts += [_scale(points), _growth(growth(points))]
    write_figures(path, "\n\n".join(part for part in parts if part))


def _scale(points: Sequence[Point]) -> str:
    sizes = sorted({point.rows for point in points})
    by_place = {(point.case, point.rows): point for point in points}
    lines = []
    for case in dict.fromkeys(point.case for point in points):
        own = [by_place.get((case, size)) for size in sizes]
        peak = max(point.peak for point in own if point is not None)
        costs = [f"{point.each:.2f}" if point is not None else "" for point in own]
        lines.append((case, *costs, f"{peak / _MEGABYTE:.0f}"))
    return markdown_table(("case", *(f"{size:,} rows" for size in sizes), "peak MB"), lines)


def _growth(ratios: Sequence[Ratio]) -> str:
    lines = [
        (each.work, each.claim, each.shown, each.shown_limit, "kept" if each.passed else "falls short")
        for each in ratios
    ]
    return markdown_table(("case", "compared", "figure", "limit", ""), lines) if lines else ""
