"""Orders: what they need, what they carry out, and how a refusal looks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from shared.domain.models import Pause
from shared.errors import ActionRefused, ReferenceDataUnavailable
from shared.jobs.bulk import BulkResult
from shared.jobs.queries import Caller
from shared.web.console.flashes import MESSAGES
from shared.web.console.forms import MAX_FORM_BYTES
from tests.unit.web.console.conftest import browser
from tests.unit.web.console.fakes import FAILED, HELD_BATCH, RECEIVED, SUBMITTED_BATCH, FakeUseCases

Order = Callable[..., Any]
ME = Caller("local operator")
OF_REQUESTS = {
    "reprocess": ("reprocess", FAILED, ME, "INC-42", 4),
    "cancel": ("cancel", FAILED, ME, "INC-42", 4),
    "publish-again": ("publish_again", FAILED, ME, "INC-42"),
}
OF_BATCHES = {
    "adopt": ("adopt", HELD_BATCH, "76647", ME, "INC-42", 4),
    "delivered": ("delivered", HELD_BATCH, ME, "INC-42", 4),
    "resend": ("resend", HELD_BATCH, ME, "INC-42", 4),
    "abandon": ("abandon", HELD_BATCH, ME, "INC-42", 4),
    "poll": ("poll_now", HELD_BATCH, ME, "INC-42", 4),
}
ALL = [
    *((f"/console/requests/{FAILED}/{name}", done) for name, done in OF_REQUESTS.items()),
    *((f"/console/batches/{HELD_BATCH}/{name}", done) for name, done in OF_BATCHES.items()),
]
each_order = pytest.mark.parametrize(("path", "expected"), ALL, ids=lambda v: str(v)[-13:])
COMPLETE = {"version": "4", "thunderheadBatch": "76647", "understood": "yes"}


@each_order
def test_an_order_is_carried_out_as_it_was_seen(
    order: Order, cases: FakeUseCases, path: str, expected: tuple[Any, ...]
) -> None:
    answer = order(path, **COMPLETE, reason="  INC-42\r\n ")
    assert answer.status_code == 303
    assert answer.headers["location"] == path.rpartition("/")[0]
    assert cases.orders == [expected]


@each_order
def test_what_was_done_is_said_once(
    order: Order, client: TestClient, path: str, expected: tuple[Any, ...]
) -> None:
    to = order(path, **COMPLETE).headers["location"]
    page = client.get(to).text
    said = [message for message in MESSAGES.values() if message in page]
    assert len(said) == 1
    assert said[0] not in client.get(to).text


@each_order
@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (ActionRefused("CHANGED_MEANWHILE", "It has changed since."), "It has changed since."),
        (ReferenceDataUnavailable("http://inner"), "Reference Data cannot be read"),
    ],
    ids=["changed", "reference data"],
)
def test_a_refusal_says_why(
    order: Order,
    cases: FakeUseCases,
    path: str,
    expected: tuple[Any, ...],
    refusal: Exception,
    said: str,
) -> None:
    cases.refusal = refusal
    answer = order(path, **COMPLETE)
    assert answer.status_code == 409
    assert said in answer.text
    assert "Refused: nothing was changed." in answer.text
    assert "http://inner" not in answer.text
    assert 'name="version" value="4"' in answer.text
    assert not cases.orders


@each_order
@pytest.mark.parametrize("reason", ["", "   ", "x" * 1001, "\U0001f600" * 501, "a\u202eb", "a\0b"])
def test_an_order_needs_a_reason(
    order: Order, cases: FakeUseCases, path: str, expected: tuple[Any, ...], reason: str
) -> None:
    answer = order(path, **COMPLETE, reason=reason)
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    assert not cases.orders


@each_order
@pytest.mark.parametrize("version", ["", "x", "-1", "1" * 10, "٣"])
def test_an_order_names_the_version_that_was_seen(
    order: Order, cases: FakeUseCases, path: str, expected: tuple[Any, ...], version: str
) -> None:
    assert order(path, **COMPLETE | {"version": version}).status_code == 422
    assert not cases.orders


@pytest.mark.parametrize("name", ["resend", "abandon"])
def test_what_can_double_a_document_has_to_be_understood(
    order: Order, client: TestClient, cases: FakeUseCases, name: str
) -> None:
    path = f"/console/batches/{HELD_BATCH}/{name}"
    assert "goes out twice" in client.get(path).text
    assert order(path, **COMPLETE | {"understood": ""}).status_code == 422
    assert not cases.orders


def test_an_adoption_names_the_batch_of_thunderhead(order: Order, cases: FakeUseCases) -> None:
    path = f"/console/batches/{HELD_BATCH}/adopt"
    for number in ("", "7" * 101):
        assert order(path, **COMPLETE | {"thunderheadBatch": number}).status_code == 422
    assert not cases.orders


def test_only_what_applies_is_offered(client: TestClient) -> None:
    failed = client.get(f"/console/requests/{FAILED}").text
    received = client.get(f"/console/requests/{RECEIVED}").text
    assert f"{FAILED}/reprocess" in failed
    assert f"{FAILED}/cancel" not in failed
    assert f"{RECEIVED}/cancel" in received
    assert f"{RECEIVED}/reprocess" not in received
    held = client.get(f"/console/batches/{HELD_BATCH}").text
    submitted = client.get(f"/console/batches/{SUBMITTED_BATCH}").text
    assert all(f"{HELD_BATCH}/{name}" in held for name in OF_BATCHES if name != "poll")
    assert f"{HELD_BATCH}/poll" not in held
    assert f"{SUBMITTED_BATCH}/poll" in submitted


@pytest.mark.parametrize(
    ("config", "sent"), [("", None), ("  ", None), ("1709524441", "1709524441")]
)
def test_submissions_are_paused_and_resumed(
    order: Order, cases: FakeUseCases, config: str, sent: str | None
) -> None:
    for what in ("pause", "resume"):
        answer = order(f"/console/pauses/{what}", config=config)
        assert answer.headers["location"] == "/console/pauses"
    assert cases.orders == [("pause", ME, "INC-42", sent), ("resume", ME, "INC-42", sent)]


class Refused(FakeUseCases):
    def pauses(self) -> list[Pause]:
        return [replace(super().pauses()[0], name="submissions")]


def test_what_the_runs_have_paused_by_themselves_is_not_said_to_be_by_hand() -> None:
    page = browser(Refused()).get("/console/pauses").text
    by_hand, by_the_runs = page.split('id="systems"')
    assert "Nothing is paused by hand" in by_hand
    assert "Submissions to Thunderhead" in by_the_runs
    assert 'href="/console/pauses/resume">Try now' in by_the_runs


def test_a_configuration_that_cannot_be_one_is_refused(order: Order, cases: FakeUseCases) -> None:
    for config in ("7" * 101, "a\0b"):
        assert order("/console/pauses/pause", config=config).status_code == 422
    assert not cases.orders


def test_a_payload_is_read_with_a_reason(order: Order, cases: FakeUseCases) -> None:
    path = f"/console/requests/{FAILED}/payload"
    assert order(path, kind="content", form="page", reason="").status_code == 422
    assert not cases.orders
    answer = order(path, kind="content", form="page")
    assert "&#34;total&#34;: 12.50" in answer.text
    order(path, kind="transaction", form="page")
    assert cases.orders == [
        ("content", FAILED, ME, "INC-42"),
        ("transaction_data", FAILED, ME, "INC-42"),
    ]


def test_a_payload_is_saved_and_never_shown_as_a_page(order: Order) -> None:
    path = f"/console/requests/{FAILED}/payload"
    for kind, name in (("content", "json"), ("transaction", "xml")):
        answer = order(path, kind=kind, form="file")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="{FAILED}-{kind}.{name}"'
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", ["", "x.html", 'x"; filename="a.exe', "x\r\nSet-Cookie: a=b", "€"])
def test_no_word_of_a_form_gets_into_a_header(order: Order, kind: str) -> None:
    answer = order(f"/console/requests/{FAILED}/payload", kind=kind, form="file")
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="{FAILED}-transaction.xml"'
    )


def test_a_payload_that_was_removed_is_said_so(order: Order, cases: FakeUseCases) -> None:
    cases.refusal = ActionRefused("CONTENT_REMOVED", "Its content was removed.")
    answer = order(f"/console/requests/{FAILED}/payload", kind="content", form="page")
    assert answer.status_code == 409
    assert "Its content was removed." in answer.text


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"a=" + b"x" * MAX_FORM_BYTES, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=1"] * 1300), "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 400),
        (b"--x--", "multipart/form-data; boundary=x", 400),
    ],
    ids=["large", "many", "no UTF-8", "JSON", "multipart"],
)
def test_a_form_that_is_none_is_refused(
    client: TestClient, cases: FakeUseCases, body: bytes, media_type: str, status: int
) -> None:
    path = f"/console/requests/{FAILED}/reprocess"
    answer = client.post(path, content=body, headers={"Content-Type": media_type})
    assert answer.status_code == status
    assert not cases.orders


# --- many at once ---------------------------------------------------------------------------


def test_a_selection_is_asked_about_first(order: Order, cases: FakeUseCases) -> None:
    chosen = [f"{FAILED}:4", f"{RECEIVED}:1", f"{FAILED}:4"]
    answer = order("/console/bulk", action="reprocess", selected=chosen)
    assert answer.status_code == 200
    assert "Reprocess 2 requests?" in answer.text
    assert not cases.orders


def test_a_selection_goes_step_by_step(order: Order, cases: FakeUseCases) -> None:
    chosen = [f"{UUID(int=n)}:{n}" for n in range(1000, 1045)]
    first = order("/console/bulk/reprocess", selected=chosen, total="45")
    assert "20 of 45: 13 done, 7 refused" in first.text
    assert first.text.count('name="selected"') == 25
    assert "Mandatory element" in first.text
    last = order(
        "/console/bulk/reprocess", selected=chosen[40:], total="45", done="26", refused="14"
    )
    assert "Finished: 29 done, 16 refused." in last.text
    [(name, selected, caller, reason), (_, rest, *_)] = cases.orders
    assert (name, caller, reason) == ("bulk reprocess", ME, "INC-42")
    assert selected == {UUID(int=n): n for n in range(1000, 1020)}
    assert list(rest) == [UUID(int=n) for n in range(1040, 1045)]


class Slow(FakeUseCases):
    """A step of it has its results for three requests only."""

    def _results(self, ids: Sequence[UUID]) -> list[BulkResult]:
        return super()._results(ids[:3])


def test_a_selection_goes_on_where_a_long_step_has_ended() -> None:
    client = browser(Slow())
    client.get("/console/pauses")
    chosen = [f"{UUID(int=n)}:{n}" for n in range(1000, 1010)]
    fields = {"csrf": client.cookies["oms-console"], "reason": "INC-42", "total": "10"}
    page = client.post("/console/bulk/reprocess", data={**fields, "selected": chosen}).text
    assert "3 of 10: 2 done, 1 refused" in page
    assert re.findall(r'name="selected" value="([^"]*)"', page) == chosen[3:]


def test_all_that_match_are_counted_first(client: TestClient, cases: FakeUseCases) -> None:
    page = client.get("/console/bulk/cancel?sourceSystem=ARCADE").text
    assert "Cancel 45 requests?" in page
    assert 'name="filters" value="sourceSystem=ARCADE"' in page
    assert not cases.orders


def test_what_the_action_does_not_apply_to_is_nothing(client: TestClient) -> None:
    page = client.get("/console/bulk/cancel?status=FAILED").text
    assert "Cancel 0 requests?" in page
    assert "<textarea" not in page


def test_all_that_match_go_step_by_step(order: Order, cases: FakeUseCases) -> None:
    fields = {"filters": "sourceSystem=ARCADE", "until": "2026-03-02T03:12:40.000Z", "total": "45"}
    for seen in (20, 40):
        answer = order("/console/bulk/reprocess", **fields)
        assert f"{seen} of 45" in answer.text
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text)
        fields = {name: value for name, value in hidden if name != "csrf"}
    assert "Finished: 29 done, 16 refused." in order("/console/bulk/reprocess", **fields).text
    where = cases.orders[0][1]
    assert (where.source_system, where.statuses) == ("ARCADE", ("FAILED",))
    assert where.updated_to.isoformat() == "2026-03-02T03:12:40+00:00"
    assert cases.orders[0][3] is None
    assert all(position for _, _, _, position, *_ in cases.orders[1:])


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "explode", "selected": f"{FAILED}:4"},
        {"action": "cancel", "selected": "x:4"},
        {"action": "cancel", "selected": f"{FAILED}"},
    ],
    ids=str,
)
def test_a_selection_that_cannot_be_read_is_refused(order: Order, fields: dict[str, str]) -> None:
    assert order("/console/bulk", **fields).status_code == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"filters": "status=NONSENSE", "until": "2026-03-02T03:12:40.000Z"},
        {"filters": "", "until": ""},
        {"filters": "", "until": "yesterday"},
        {"filters": "", "until": "2026-03-02T03:12:40.000Z", "cursor": "forged"},
        {"selected": "x:1"},
    ],
    ids=str,
)
def test_a_step_that_cannot_be_read_is_refused(
    order: Order, cases: FakeUseCases, fields: dict[str, str]
) -> None:
    assert order("/console/bulk/cancel", **fields).status_code == 400
    assert not cases.orders


def test_a_bulk_order_needs_a_reason(order: Order, cases: FakeUseCases) -> None:
    fields = {"selected": [f"{FAILED}:4"], "total": "1", "reason": ""}
    assert order("/console/bulk/reprocess", **fields).status_code == 422
    assert not cases.orders
