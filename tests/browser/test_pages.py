"""What holds for every page, in both widths and both colour schemes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.chromium import WIDTHS
from tests.browser.conftest import Trouble
from tests.unit.web.console.fakes import COMPLETED, FAILED, HELD, HELD_BATCH, SUBMITTED_BATCH
from tests.unit.web.console.hostile import CORPUS

PAGES = {
    "overview": "/console/",
    "overview of a week": "/console/?period=7d",
    "overview of a period": "/console/?period=custom&from=2026-02-01&to=2026-01-05",
    "requests": "/console/requests",
    "requests with mistakes": "/console/requests?requestId=x&metadataKey=K&limit=7",
    "a request that failed": f"/console/requests/{FAILED}",
    "a request that is held": f"/console/requests/{HELD}",
    "a request that is done": f"/console/requests/{COMPLETED}",
    "reprocess": f"/console/requests/{FAILED}/reprocess",
    "batches": "/console/batches",
    "a batch that is held": f"/console/batches/{HELD_BATCH}",
    "a batch that is submitted": f"/console/batches/{SUBMITTED_BATCH}",
    "adopt": f"/console/batches/{HELD_BATCH}/adopt",
    "send once more": f"/console/batches/{HELD_BATCH}/resend",
    "bulk": "/console/bulk/reprocess",
    "pauses": "/console/pauses",
    "pause": "/console/pauses/pause",
    "events": "/console/events",
    "audit": "/console/audit",
    "nothing": "/console/nothing",
    "signed out": "/console/signed-out",
}
_NO_SIDEWAYS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"

Open = Callable[..., BrowserContext]
Serve = Callable[..., str]


def findings(page: Page) -> list[str]:
    """What axe finds that keeps somebody from using the page."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in violations
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_use_every_page(
    open_context: Open, samples: Serve, trouble: Trouble, width: str, scheme: str
) -> None:
    # Axe is put into the page by the debugger, which the pages' policy would stop.
    context = open_context(width, scheme, bypass_csp=True)
    page = context.new_page()
    found = {}
    for name, path in PAGES.items():
        page.goto(samples() + path)
        for details in page.locator("details").all():
            details.evaluate("element => { element.open = true }")
        if some := findings(page):
            found[name] = some
    assert not found


@pytest.mark.parametrize("text", ["Mandatory element TotalAmount is missing", "W" * 120])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(
    open_context: Open, samples: Serve, trouble: Trouble, width: str, text: str
) -> None:
    page = open_context(width).new_page()
    trouble.watch(page)
    for path in PAGES.values():
        page.goto(samples(text) + path)
        assert page.evaluate(_NO_SIDEWAYS), path
    assert not trouble


# Each begins with one that may do harm at the begin of a value only. The unit tests have them one
# by one.
MIXED = [" ".join(CORPUS[n:] + CORPUS[:n]) for n in (0, 3, 6, 11)]


@pytest.mark.parametrize("text", MIXED, ids=range(len(MIXED)))
def test_no_word_in_any_field_runs_a_script(
    page: Page, samples: Serve, trouble: Trouble, text: str
) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    url = samples(text)
    for path in PAGES.values():
        page.goto(url + path)
    page.goto(f"{url}/console/requests/{FAILED}")
    for kind in ("content", "transaction"):
        page.goto(f"{url}/console/requests/{FAILED}")
        page.get_by_label("Why do you look at it?").fill("INC-42")
        page.locator(f"input[value={kind}]").check()
        page.get_by_role("button", name="Show").click()
        page.wait_for_load_state()
    assert not trouble
    assert {address for address in requested if not address.startswith(url)} == set()


def test_the_policy_stops_what_would_get_in(page: Page, samples: Serve, trouble: Trouble) -> None:
    page.goto(f"{samples()}/console/")
    page.evaluate(
        """() => {
            const image = document.createElement("img");
            image.setAttribute("onerror", "alert(1)");
            image.src = "/console/none";
            document.body.append(image);
            const script = document.createElement("script");
            script.textContent = "alert(1)";
            document.body.append(script);
        }"""
    )
    page.wait_for_timeout(0)
    assert not [one for one in trouble if one.startswith("dialog")]
    assert any("Content Security Policy" in one for one in trouble)


def test_times_are_in_the_readers_zone_and_utc_in_their_title(page: Page, samples: Serve) -> None:
    page.goto(f"{samples()}/console/requests/{FAILED}")
    received = page.locator("#summary + dl time").first
    assert received.inner_text() == "2 Mar 2026, 03:30:40"
    assert received.get_attribute("title") == "2 Mar 2026, 02:30:40 UTC"


def test_without_a_script_times_are_in_utc(open_context: Open, samples: Serve) -> None:
    page = open_context(java_script_enabled=False).new_page()
    page.goto(f"{samples()}/console/requests/{FAILED}")
    assert page.locator("#summary + dl time").first.inner_text() == "2 Mar 2026, 02:30:40 UTC"


def test_the_keyboard_reaches_the_content_first(page: Page, samples: Serve) -> None:
    page.goto(f"{samples()}/console/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_search_with_mistakes_says_so_in_place(page: Page, samples: Serve) -> None:
    page.goto(f"{samples()}/console/requests")
    page.get_by_label("Request ids").fill("not an id")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#results")).to_contain_text("Nothing was searched.")
    expect(page.get_by_label("Request ids")).to_have_value("not an id")


def test_a_console_that_does_not_answer_is_not_taken_for_the_truth(
    page: Page, samples: Serve
) -> None:
    page.clock.install()
    page.goto(f"{samples()}/console/")
    page.route("**/console/", lambda route: route.abort())
    page.clock.run_for(31_000)
    expect(page.get_by_text("The console does not answer.")).to_be_visible()
    page.unroute("**/console/")
    page.clock.run_for(31_000)
    expect(page.get_by_text("The console does not answer.")).to_be_hidden()


def stop_the_clock(page: Page) -> None:
    """Let time pass in the page only where the test says so, however slow the machine is."""
    page.clock.install(time=0)
    # It has run since: only a time that is still to come can be the one to stop at.
    page.clock.pause_at(86_400)


def test_a_click_does_not_keep_the_overview_from_refreshing_itself(
    page: Page, samples: Serve
) -> None:
    stop_the_clock(page)
    page.goto(f"{samples()}/console/")
    page.get_by_text("Numbers", exact=True).click()
    with page.expect_response("**/console/"):
        page.clock.run_for(31_000)
    expect(page.locator("details#numbers table")).to_be_visible()
    page.keyboard.press("Tab")
    page.get_by_role("link", name="7 days").focus()
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url))
    page.clock.run_for(60_000)
    assert not calls, "the keyboard is in it"


def test_the_overview_refreshes_itself_while_somebody_looks(page: Page, samples: Serve) -> None:
    stop_the_clock(page)
    page.goto(f"{samples()}/console/?period=7d")
    page.evaluate(
        """() => {
            window.hidden = false;
            Object.defineProperty(document, "hidden", { get: () => window.hidden });
        }"""
    )
    calls: list[str] = []
    page.on("request", lambda request: "/static/" in request.url or calls.append(request.url))
    page.evaluate("window.hidden = true")
    page.clock.run_for(120_000)
    assert not calls
    page.evaluate("window.hidden = false")
    with page.expect_response("**/console/?period=7d") as answer:
        page.clock.run_for(1_000)
    assert answer.value.ok
    assert "<html" not in answer.value.text()
    page.clock.run_for(20_000)
    assert len(calls) == 1
