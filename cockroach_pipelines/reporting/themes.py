"""The colours of reports, by day and by night."""

from __future__ import annotations

from dataclasses import dataclass

FONT = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
CHART_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


@dataclass(frozen=True)
class Theme:
    """Colours that are read together: text on surfaces, series of charts, and steps of a scale from least to most."""

    page: str
    surface: str
    ink: str
    muted: str
    grid: str
    accent: str
    good: str
    bad: str
    alert: str
    series: tuple[str, ...]
    scale: tuple[str, ...]
    diverging: tuple[str, ...]


LIGHT = Theme(
    page="#f4f6f9",
    surface="#ffffff",
    ink="#15202e",
    muted="#5b6878",
    grid="#e4e9ef",
    accent="#2563c9",
    good="#0f7b4f",
    bad="#c0322b",
    alert="#fdecea",
    series=("#2f6fdb", "#e0762f", "#1f9d7a", "#a24fc4", "#c99700", "#d1495b", "#3b93b8", "#6b7789"),
    scale=("#eef4fd", "#c3dbf8", "#8dbaf0", "#5390e2", "#2a68c5", "#123f86"),
    diverging=("#1d5fae", "#7fb0e6", "#f1f3f6", "#f0a97c", "#c2491d"),
)
DARK = Theme(
    page="#0e141b",
    surface="#172029",
    ink="#e7edf4",
    muted="#96a4b4",
    grid="#2a3542",
    accent="#7ab0ff",
    good="#4fd19a",
    bad="#ff8a80",
    alert="#3a1f22",
    series=("#6ea6ff", "#f59f5f", "#4fcfa6", "#cb8cec", "#e3bd4a", "#f2808e", "#6fc1e2", "#a3afbe"),
    scale=("#1b2a3d", "#204a7d", "#2f6cb5", "#5592de", "#8dbaf0", "#d3e5fc"),
    diverging=("#6ea6ff", "#345f99", "#232e3a", "#9c5a34", "#f59f5f"),
)
