"""Debian's Chromium, driven by playwright (Debian: chromium)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.peers.debian import program

_PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"

_FLAGS = [
    "--headless",
    "--no-sandbox",  # which root cannot have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_TIMEOUT_MILLISECONDS = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Lend a browser; without the package the test is skipped, and fails where CI=true."""
    executable = program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, address: str) -> Page:
    """Give a page on which paths below `address` can be opened."""
    expect.set_options(timeout=_TIMEOUT_MILLISECONDS)
    page = browser.new_page(base_url=address, viewport={"width": 1500, "height": 1200})
    page.set_default_timeout(_TIMEOUT_MILLISECONDS)
    return page


def take_picture(page: Page, name: str) -> None:
    """Write a picture of the page for the documentation, where REWRITE_SCREENSHOTS is set; otherwise nothing."""
    if os.environ.get("REWRITE_SCREENSHOTS"):
        page.wait_for_timeout(1000)  # what moves has come to rest
        _PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=_PICTURES / f"{name}.png")


def take_screenshot(page: Page, name: str, folder: Path) -> None:
    """Write a picture of the page, below SCREENSHOTS where that is set."""
    chosen = Path(os.environ.get("SCREENSHOTS", folder))
    page.screenshot(path=chosen / f"{name}.png")
