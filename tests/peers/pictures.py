"""Pictures of pages that are kept with the project: taken by a browser, compared with those that are there."""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser

MODES = {
    "light": (1240, 1240, "light", "screen"),
    "dark": (1240, 1240, "dark", "screen"),
    "phone": (390, 1240, "light", "screen"),
    "print": (1040, 1400, "light", "print"),
}
"""Width and most height in pixels, scheme and medium."""

_COLOURS = 256


def take(browser: Browser, page: Path, mode: str) -> Image.Image:
    """Take a picture of the beginning of a page in one of `MODES`."""
    width, most, scheme, media = MODES[mode]
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    try:
        tab.emulate_media(media=media, color_scheme=scheme)  # type: ignore[arg-type]
        tab.goto(page.as_uri())
        height = int(tab.evaluate("document.documentElement.scrollHeight"))
        overflow = int(tab.evaluate("document.documentElement.scrollWidth")) - width
        assert overflow <= 0, f"{page.name} is {overflow} pixels wider than {mode}"
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, most)}
        return Image.open(io.BytesIO(tab.screenshot(full_page=True, clip=clip))).convert("RGB")  # type: ignore[arg-type]
    finally:
        tab.close()


def difference(taken: Image.Image, kept: Path) -> float:
    """Give how much a picture differs from the one that is kept, from 0 to 1; WRITE_PICTURES=1 keeps it anew."""
    if os.environ.get("WRITE_PICTURES"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        taken.quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(kept, optimize=True)
    before = Image.open(kept).convert("RGB")
    if abs(before.height - taken.height) > 0.1 * before.height or before.width != taken.width:
        return 1.0
    size = (before.width // 4, before.height // 4)  # letters may be drawn otherwise, blocks may not
    apart = ImageChops.difference(before.resize(size), taken.resize(size))
    return sum(ImageStat.Stat(apart).mean) / (3 * 255)
