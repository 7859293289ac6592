"""Lines that stand in a cell of a table."""

from __future__ import annotations

from collections.abc import Sequence


def sparkline(series: Sequence[float | None], width: int = 96, height: int = 22) -> str:
    """Give the points of a line through numbers, as SVG wants them, in a box of some pixels; a gap at each None."""
    numbers = [number for number in series if number is not None]
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    step = width / max(len(series) - 1, 1)
    parts, pen_up = [], True
    for index, number in enumerate(series):
        if number is None:
            pen_up = True
            continue
        y = height / 2 if high == low else 2 + (height - 4) * (1 - (number - low) / (high - low))
        parts.append(f"{'M' if pen_up else 'L'}{index * step:.1f} {y:.1f}")
        alone = pen_up and (index + 1 == len(series) or series[index + 1] is None)
        parts += ["h0.1"] if alone else []  # a dot
        pen_up = False
    return " ".join(parts)
