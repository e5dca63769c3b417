"""What operators do, in a browser, on the running local stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from local.scenes import Scenes, setting
from local.stack import Stack, running_stack
from local.stopping import StopSignals
from tests.browser.chromium import find_chromium
from tests.browser.conftest import LIMIT_MILLISECONDS, Trouble
from tests.unit.web.console.hostile import CORPUS

Open = Callable[..., BrowserContext]

expect.set_options(timeout=LIMIT_MILLISECONDS)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if find_chromium() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with StopSignals() as stop, running_stack(stop, lambda _: None) as running:
        yield running


@pytest.fixture(scope="module")
def scenes(stack: Stack) -> Iterator[Scenes]:
    with setting(stack) as scenes:
        yield scenes


@pytest.fixture(autouse=True)
def no_trouble(trouble: Trouble) -> Iterator[None]:
    yield
    assert not trouble


def open_failed_request(page: Page, stack: Stack, request_id: str) -> None:
    """Find it as an operator does."""
    page.goto(stack.console_url)
    page.get_by_role("navigation").get_by_role("link", name="Requests").click()
    page.get_by_label("Status", exact=True).select_option("FAILED")
    page.get_by_label("Failed in").select_option("SUBMISSION")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"requests\?status=FAILED&failureCategory=SUBMISSION$"))
    page.locator(f"#results a[href$='{request_id}']").click()
    expect(page.locator(".head .badge")).to_contain_text("FAILED")


def order(page: Page, button: str, reason: str = "INC-42") -> None:
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name=button, exact=True).click()


def becomes(page: Page, status: str) -> None:
    """Look again until the request, or the batch, has a status."""
    deadline = LIMIT_MILLISECONDS
    while status not in page.locator(".head .badge").inner_text():
        assert deadline > 0, page.locator(".head").inner_text()
        page.wait_for_timeout(200)
        deadline -= 200
        page.reload()


def test_a_request_is_found_reprocessed_and_completed(
    page: Page, stack: Stack, scenes: Scenes
) -> None:
    open_failed_request(page, stack, scenes.submission_refused())
    page.get_by_role("link", name="Reprocess …").click()
    order(page, "Reprocess it", "Thunderhead was mended")
    expect(page.get_by_role("status").filter(has_text="Reprocessed:")).to_be_visible()
    becomes(page, "COMPLETED")
    line = page.locator(".timeline")
    expect(line).to_contain_text("Thunderhead was mended")
    expect(line).to_contain_text("local operator")
    expect(line).to_contain_text("generation 2")
    page.get_by_role("link", name="Audit").click()
    first = page.locator("#results tbody tr").first
    expect(first).to_contain_text("REPROCESS")
    expect(first).to_contain_text("Thunderhead was mended")


def test_what_has_changed_meanwhile_is_refused(
    page: Page, open_context: Open, stack: Stack, scenes: Scenes
) -> None:
    open_failed_request(page, stack, scenes.submission_refused())
    page.get_by_role("link", name="Reprocess …").click()
    colleague = open_context().new_page()
    colleague.goto(page.url)
    order(colleague, "Reprocess it", "first")
    expect(colleague.locator(".flash")).to_contain_text("Reprocessed")
    order(page, "Reprocess it", "second")
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Refused: nothing was changed.")
    expect(refusal).to_contain_text("The request has changed since")
    page.get_by_role("link", name="Look at the request").click()
    becomes(page, "COMPLETED")
    expect(page.locator(".timeline")).not_to_contain_text("second")
    expect(page.locator(".facts").first).to_contain_text("2 (version")


def test_many_are_selected_and_reprocessed(page: Page, stack: Stack, scenes: Scenes) -> None:
    refused = [scenes.submission_refused() for _ in range(3)]
    page.goto(f"{stack.console_url}requests?requestId={','.join(refused)}")
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-selected-count]")).to_have_text("3")
    page.get_by_role("button", name="Reprocess …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reprocess 3 requests?")
    order(page, "Reprocess 3 requests")
    expect(page.get_by_text("Finished: 3 done, 0 refused.")).to_be_visible()
    expect(page.locator("tbody .badge")).to_have_text(["done"] * 3)


@pytest.fixture
def paused(stack: Stack, scenes: Scenes) -> Iterator[None]:
    """What was on its way has ended; nothing more is submitted."""
    scenes.all_done()
    stack.operate("pause", "--actor", "a colleague", "--reason", "INC-41")
    yield
    stack.operate("resume", "--actor", "a colleague", "--reason", "INC-41")


@pytest.mark.usefixtures("paused")
def test_all_that_match_go_on_by_themselves(page: Page, stack: Stack, scenes: Scenes) -> None:
    scenes.send(*["10"] * 45)
    page.goto(f"{stack.console_url}requests?status=RECEIVED&documentName=RMDRPAY1")
    page.get_by_role("link", name="Cancel …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 45 requests?")
    order(page, "Cancel 45 requests")
    expect(page.get_by_text(re.compile("Finished: .* done"))).to_be_visible()
    expect(page.get_by_text("Results up to 20 of 45")).to_be_visible()
    expect(page.get_by_text("Results up to 40 of 45")).to_be_visible()
    expect(page.locator("tbody .badge")).to_have_count(45)


@pytest.mark.parametrize(
    ("way", "button", "outcome"),
    [
        ("Send it once more …", "Send it once more", "SETTLED"),
        ("Record as delivered …", "Record as delivered", "SETTLED"),
    ],
)
def test_a_batch_that_is_held_is_resolved(
    page: Page, stack: Stack, scenes: Scenes, way: str, button: str, outcome: str
) -> None:
    scenes.held("10")
    page.goto(stack.console_url)
    page.get_by_role("link", name="Decide").click()
    page.locator("#results tbody th a").first.click()
    expect(page.locator(".head .badge")).to_contain_text("HELD")
    page.get_by_role("link", name=way).click()
    understood = page.get_by_label("I have made sure of it.")
    if understood.count():
        expect(page.get_by_text("every document goes out twice")).to_be_visible()
        understood.check()
    order(page, button)
    becomes(page, outcome)
    expect(page.locator("tbody .badge").last).to_contain_text("COMPLETED")


def test_the_wrong_batch_is_not_adopted(page: Page, stack: Stack, scenes: Scenes) -> None:
    scenes.held("10")
    page.goto(f"{stack.console_url}batches?state=HELD")
    page.locator("#results tbody th a").first.click()
    page.get_by_role("link", name="Adopt a batch of Thunderhead …").click()
    page.locator("#thunderheadBatch").fill("999")
    order(page, "Adopt it")
    expect(page.get_by_role("alert")).to_contain_text("Thunderhead knows no batch 999.")
    page.get_by_role("link", name="Look at the batch").click()
    expect(page.locator(".head .badge")).to_contain_text("HELD")


def test_submissions_are_paused_and_resumed_without_a_script(
    open_context: Open, stack: Stack, scenes: Scenes
) -> None:
    page = open_context(java_script_enabled=False).new_page()
    page.goto(f"{stack.console_url}pauses")
    page.get_by_role("link", name="Pause submissions …").click()
    order(page, "Pause", "wrong letterhead")
    expect(page.locator(".flash")).to_contain_text("Paused")
    waiting = scenes.send("10")
    page.goto(stack.console_url)
    expect(page.locator(".concerns")).to_contain_text("Submissions are paused by local operator")
    page.get_by_role("link", name="Resume").first.click()
    page.get_by_role("link", name="Resume …").click()
    order(page, "Resume")
    expect(page.locator(".flash")).to_contain_text("Resumed")
    expect(page.get_by_text("Nothing is paused by hand")).to_be_visible()
    page.goto(f"{stack.console_url}requests/{waiting}")
    becomes(page, "COMPLETED")


def test_a_form_of_another_browser_is_refused(page: Page, stack: Stack, scenes: Scenes) -> None:
    open_failed_request(page, stack, scenes.submission_refused())
    page.get_by_role("link", name="Reprocess …").click()
    page.locator("input[name=csrf]").evaluate("field => { field.value = 'x'.repeat(43) }")
    order(page, "Reprocess it")
    expect(page.get_by_role("heading", level=1)).to_have_text("The form was not accepted")
    page.go_back()
    page.get_by_role("link", name="Back").click()
    expect(page.locator(".head .badge")).to_contain_text("FAILED")


def test_a_page_of_another_origin_orders_nothing(
    page: Page, stack: Stack, scenes: Scenes, trouble: Trouble
) -> None:
    open_failed_request(page, stack, scenes.submission_refused())
    token = page.context.cookies()[0]
    assert (token["sameSite"], token["httpOnly"]) == ("Strict", True)
    target = f"{page.url}/reprocess"
    attack = f"<form method=post action='{target}'><input name=csrf value='{token['value']}'>"
    fields = "<input name=reason value=x><input name=version value=4></form>"
    # The token itself has been stolen; the browser still says where the order comes from.
    foreign = stack.reference_data_url + "/evil"
    page.route(foreign, lambda route: route.fulfill(body=attack + fields, content_type="text/html"))
    page.goto(foreign)
    page.evaluate("document.forms[0].submit()")
    expect(page.get_by_role("heading", level=1)).to_have_text("The form was not accepted")
    page.goto(target.removesuffix("/reprocess"))
    expect(page.locator(".head .badge")).to_contain_text("FAILED")


def test_hostile_requests_and_reasons_are_only_words(
    page: Page, stack: Stack, scenes: Scenes
) -> None:
    words = [text[:90].strip() for text in CORPUS if text.isprintable()]
    with requests.Session() as session:
        session.trust_env = False
        for text in words:
            body = {
                "sourceSystem": "ARCADE",
                "requestCorrelationId": text,
                "documentType": "REMINDER",
                "documentName": "NTCGENRL",
                "language": "EN",
                "metadata": {"POLICY_ID": text},
                "content": {"Reminder": {"AmountDue": text}},
            }
            answer = session.post(stack.requests_url, json=body, timeout=10)
            assert answer.status_code == 202, answer.text
    page.goto(f"{stack.console_url}requests?documentName=NTCGENRL")
    expect(page.locator("#results tbody th a")).to_have_count(len(words))
    for index, text in enumerate(words):
        page.goto(f"{stack.console_url}requests?documentName=NTCGENRL")
        page.locator("#results tbody th a").nth(index).click()
        becomes(page, "FAILED")
        address = page.url
        page.get_by_label("Why do you look at it?").fill(text)
        page.get_by_role("button", name="Show").click()
        expect(page.locator("pre")).to_contain_text("AmountDue")
        page.goto(f"{address}/reprocess")
        order(page, "Reprocess it", text)
        page.wait_for_load_state()
    page.goto(f"{stack.console_url}audit?limit=100")
    expect(page.locator("#results tbody")).to_contain_text(words[0])


def test_an_export_is_a_file_that_no_spreadsheet_calculates(
    page: Page, stack: Stack, scenes: Scenes
) -> None:
    page.goto(f"{stack.console_url}requests?documentName=NTCGENRL")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert re.fullmatch(r"requests-\d{8}T\d{6}Z\.csv", download.value.suggested_filename)
    assert text.startswith("requestId,sourceSystem,")
    assert not re.search(r"(^|,)\"?[=+@\-]", text, re.MULTILINE)
