"""Takes the pictures of docs/images: `python -m tests.browser.screenshots`.

From the running local stack, once it has something of everything to show.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from local.scenes import play_scenes
from local.stack import running_stack
from local.stopping import StopSignals
from tests.browser.chromium import WIDTHS, find_chromium, running_chromium

FOLDER = Path(__file__).parents[2] / "docs" / "images"
TALL = 1_400
"""Pixels of height that a picture has at most."""


def main() -> int:
    """Take all pictures."""
    if find_chromium() is None:
        print("Chromium is not here; on Debian: apt-get install chromium", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with StopSignals() as stop, running_stack(stop, print) as stack:
        play_scenes(stack)
        with running_chromium() as browser:
            for width, (wide, high) in WIDTHS.items():
                for scheme in ("light", "dark"):
                    context = browser.new_context(
                        viewport={"width": wide, "height": high},
                        color_scheme=scheme,
                        locale="en-GB",
                        timezone_id="Europe/London",
                    )
                    page = context.new_page()
                    for name in _pictures(page, stack.console_url, f"{width}-{scheme}"):
                        path = FOLDER / f"console-{name}.png"
                        height = page.evaluate("document.documentElement.scrollHeight")
                        limit = TALL if width == "wide" else high
                        clip = {"x": 0, "y": 0, "width": wide, "height": min(height, limit)}
                        page.screenshot(path=path, full_page=True, clip=clip)
                        print(f"{path.name}  {path.stat().st_size // 1000} kB")
                    context.close()
    return 0


def _pictures(page: Page, url: str, look: str) -> Iterator[str]:
    """Open one page after the other; yields the name of its picture."""
    page.goto(url)
    page.get_by_text("Counted until").wait_for()
    match look:
        case "wide-light":
            yield "overview"
            page.goto(f"{url}requests")
            yield "requests"
            page.goto(f"{url}requests?status=FAILED&failureCategory=GENERATION")
            page.locator("tbody th a").first.click()
            yield "request"
            page.goto(f"{url}batches?state=HELD")
            page.locator("tbody th a").first.click()
            yield "held"
            page.get_by_role("link", name="Send it once more").click()
            yield "resend"
            page.goto(f"{url}bulk/reprocess?failureCategory=GENERATION")
            page.get_by_label("Reason").fill("TotalAmount is filled again, INC-2040")
            page.locator("form button.main").click()
            page.get_by_text("Finished").wait_for()
            yield "bulk"
            page.goto(f"{url}audit")
            yield "audit"
        case "wide-dark":
            yield "overview-dark"
        case "narrow-light":
            yield "overview-narrow"
            page.goto(f"{url}requests?status=FAILED")
            page.locator("#results").scroll_into_view_if_needed()
            yield "requests-narrow"
        case "narrow-dark":
            page.goto(f"{url}batches?state=HELD")
            page.locator("tbody th a").first.click()
            yield "held-narrow-dark"


if __name__ == "__main__":
    sys.exit(main())
