"""Debian's Chromium, driven by Playwright: a fresh profile each time, and nothing of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

WIDTHS = {"wide": (1280, 900), "narrow": (390, 844)}

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Return where Chromium is, if it is installed."""
    return shutil.which("chromium")


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start Chromium, headless; it ends with the context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*_FLAGS])
        try:
            yield browser
        finally:
            browser.close()
