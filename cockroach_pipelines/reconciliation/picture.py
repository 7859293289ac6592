"""Where along the key rows differ, as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from cockroach_pipelines.reconciliation.result import Histogram, Kind

# Told apart by people who do not see red and green as different, too.
COLOURS = {Kind.MISSING: "#d55e00", Kind.EXTRA: "#0072b2", Kind.CHANGED: "#e69f00"}
"""Of the kinds of difference, bottom to top."""

_WIDTH, _HEIGHT = 880, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 44, 40
_TICKS = 4
_STEPS, _LABEL = 20, 16
_FONT = 'font-family="system-ui, sans-serif" font-size="12"'


def svg(histogram: Histogram) -> str:
    """Draw stacked bars, one for each stretch of the first key column, as a picture that needs nothing else."""
    return "\n".join(_lines(histogram))


def thumbnail(histogram: Histogram) -> str:
    """Draw the same as stacked steps in a picture of few characters, as text for a `data:` URL."""
    kinds = [kind for kind in COLOURS if any(histogram.counts.get(kind, ()))]
    bins = len(histogram.edges) - 1
    wide = -(-bins // _STEPS)
    steps = [
        {kind: sum(histogram.counts[kind][start : start + wide]) for kind in kinds} for start in range(0, bins, wide)
    ]
    highest = max(sum(step.values()) for step in steps)
    width = 480 // len(steps)
    paths = []
    for number in range(len(kinds), 0, -1):  # the whole stack behind, its lowest part in front
        counts = [sum(step[kind] for kind in kinds[:number]) for step in steps]
        heights = [-(-60 * count // highest) for count in counts]  # rounded up: one row is seen beside a thousand
        line = "".join(f"V{70 - height}h{width}" for height in heights)
        paths.append(f"<path fill='{COLOURS[kinds[number - 1]]}' d='M0 70{line}V70'/>")
    legend = " ".join(f"<tspan fill='{COLOURS[kind]}'>{kind}</tspan>" for kind in kinds)
    first, last = (escape(histogram.edges[at][:_LABEL]) for at in (0, -1))
    drawn = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='480' height='90' font-size='11' fill='gray'>"
        f"{''.join(paths)}<text y='86'>{first}</text>"
        f"<text x='480' y='86' text-anchor='end'>{last}</text><text y='9'>{highest:,}</text>"
        f"<text x='480' y='9' text-anchor='end'>{legend}</text></svg>"
    )
    return "data:image/svg+xml," + quote(drawn, safe=" '=/:,-.")


def _lines(histogram: Histogram) -> Iterator[str]:
    kinds = [kind for kind in COLOURS if any(histogram.counts.get(kind, ()))]
    bins = len(histogram.edges) - 1
    totals = [sum(histogram.counts[kind][number] for kind in kinds) for number in range(bins)]
    highest, step = _scale(max(totals, default=0))
    plot_width, plot_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    floor = _HEIGHT - _BOTTOM
    said = f"Rows that differ along {histogram.column}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" aria-label={quoteattr(said)}>'
    )
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#ffffff"/>'
    yield f'<text x="{_LEFT}" y="24" {_FONT} font-weight="600" fill="#1f2933">{escape(said)}</text>'
    yield from _legend(histogram, kinds)
    for value in range(0, highest + 1, step):
        y = floor - plot_height * value / highest
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e7eb"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" {_FONT} fill="#616e7c" text-anchor="end">{value:,}</text>'
    width = plot_width / max(bins, 1)
    for number in range(bins):
        x, y = _LEFT + number * width, float(floor)
        for kind in kinds:
            count = histogram.counts[kind][number]
            if count:
                height = max(plot_height * count / highest, 1.0)
                y -= height
                label = f"{count:,} {kind}, {histogram.edges[number]} to {histogram.edges[number + 1]}"
                yield (
                    f'<rect x="{x + width * 0.08:.1f}" y="{y:.1f}" width="{width * 0.84:.1f}" height="{height:.1f}" '
                    f'fill="{COLOURS[kind]}"><title>{escape(label)}</title></rect>'
                )
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        edge = histogram.edges[round(share * bins)]
        x = _LEFT + plot_width * share
        yield f'<text x="{x:.1f}" y="{floor + 20}" {_FONT} fill="#616e7c" text-anchor="{anchor}">{escape(edge)}</text>'
    yield "</svg>"


def _legend(histogram: Histogram, kinds: list[Kind]) -> Iterator[str]:
    x = _WIDTH - _RIGHT
    for kind in reversed(kinds):
        text = f"{sum(histogram.counts[kind]):,} {kind}"
        yield f'<text x="{x}" y="24" {_FONT} fill="#1f2933" text-anchor="end">{text}</text>'
        x -= 8 * len(text) + 14
        yield f'<rect x="{x}" y="14" width="10" height="10" rx="2" fill="{COLOURS[kind]}"/>'
        x -= 18


def _scale(highest: int) -> tuple[int, int]:
    """Give a round end of the axis at or above the highest bar, and the step between its lines."""
    rough = max(1, -(-highest // _TICKS))
    size = 10 ** (len(str(rough)) - 1)
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough)
    return max(step, -(-highest // step) * step), step
