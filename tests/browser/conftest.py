"""A real browser on the console: samples show what a page is, the local stack what it does.

Without Chromium these tests are skipped and say so; `make test` installs Debian's where it may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from shared.web.console.app import create_console
from tests.browser.chromium import WIDTHS, find_chromium, running_chromium
from tests.serving import served
from tests.unit.web.console.fakes import FakeUseCases

LIMIT_MILLISECONDS = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.integration)


# Not for the session: Playwright's loop must be over before this worker goes on to other tests.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if find_chromium() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with running_chromium() as browser:
        yield browser


class Trouble(list[str]):
    """What a browser complained about: errors, dialogs, violations of the policy."""

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.append(f"error: {error}"))
        page.on("console", self._note)
        page.on("dialog", self._dismiss)

    def _note(self, message: ConsoleMessage) -> None:
        # The browser itself reports what the policy has stopped, and refused calls.
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.append(f"console: {message.text}")

    def _dismiss(self, dialog: Any) -> None:
        self.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
def open_context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    contexts: list[BrowserContext] = []

    def make(width: str = "wide", scheme: str = "light", **options: Any) -> BrowserContext:
        wide, high = WIDTHS[width]
        context = chromium.new_context(
            viewport={"width": wide, "height": high},
            color_scheme=scheme,
            locale="en-GB",
            timezone_id="Europe/Zurich",
            **options,
        )
        context.set_default_timeout(LIMIT_MILLISECONDS)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_context: Callable[..., BrowserContext], trouble: Trouble) -> Page:
    page = open_context().new_page()
    trouble.watch(page)
    return page


@pytest.fixture(scope="package")
def samples() -> Iterator[Callable[[str], str]]:
    """Serves the console on samples with some words in every field; gives its address."""
    from contextlib import ExitStack

    with ExitStack() as servers:
        urls: dict[str, str] = {}

        def serve(text: str = "Mandatory element TotalAmount is missing") -> str:
            if text not in urls:
                cases = FakeUseCases(text=text)
                urls[text] = servers.enter_context(served(create_console(cases.console())))
            return urls[text]

        yield serve
