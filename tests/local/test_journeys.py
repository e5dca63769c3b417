from typing import Any

import pytest

from local.journeys import Journey, SeenEvent, differences
from local.samples import Sample

COMPLETED = {"outcome": "COMPLETED"}
FAILED = {"outcome": "FAILED", "category": "GENERATION", "topic": "oms-policy-status"}
REFUSED = {"outcome": "REFUSED", "httpStatus": 422, "field": "content"}


def event(
    status: str = "COMPLETED", topic: str = "oms-document-status", event_id: str = "1"
) -> SeenEvent:
    return SeenEvent({"topic": topic, "value": {"id": event_id, "data": {"status": status}}}, 12.5)


def journey(
    expected: dict[str, Any], status: int, answer: dict[str, Any], *events: SeenEvent
) -> Journey:
    return Journey(Sample("07-sample", "A sample", expected, b"{}"), status, answer, 10, [*events])


def failed(category: str) -> dict[str, Any]:
    return {"status": "FAILED", "failure": {"category": category, "message": "Why"}}


def refused(field: str) -> dict[str, Any]:
    return {"status": 422, "errors": [{"field": field, "message": "is wrong"}]}


@pytest.mark.parametrize(
    "good",
    [
        journey(COMPLETED, 202, {"status": "COMPLETED"}, event()),
        journey(FAILED, 202, failed("GENERATION"), event("FAILED", "oms-policy-status")),
        journey(REFUSED, 422, refused("content.a.b")),
    ],
)
def test_what_is_expected_makes_no_difference(good: Journey) -> None:
    assert differences([good]) == []
    assert good.has_ended


@pytest.mark.parametrize(
    ("wrong", "difference"),
    [
        (
            journey(COMPLETED, 202, failed("SUBMISSION"), event("FAILED")),
            "expected COMPLETED, it is FAILED (Why)",
        ),
        (
            journey(COMPLETED, 422, refused("language")),
            "expected COMPLETED, it is REFUSED (language: is wrong)",
        ),
        (
            journey(COMPLETED, 202, {"status": "COMPLETED"}),
            "expected one event, the consumer saw 0 with 0 ids",
        ),
        (
            journey(COMPLETED, 202, {"status": "COMPLETED"}, event(), event()),
            "expected one event, the consumer saw 2 with 1 ids",
        ),
        (
            journey(COMPLETED, 202, {"status": "COMPLETED"}, event(topic="other")),
            "expected its event on oms-document-status, it is on other",
        ),
        (
            journey(COMPLETED, 202, {"status": "COMPLETED"}, event("FAILED")),
            "its event tells FAILED, the API COMPLETED",
        ),
        (
            journey(FAILED, 202, failed("ENRICHMENT"), event("FAILED", "oms-policy-status")),
            "expected a failure of category GENERATION, it is ENRICHMENT",
        ),
        (
            journey(REFUSED, 400, {"status": 400, "errors": []}),
            "expected HTTP 422, it is 400",
        ),
        (
            journey(REFUSED, 422, refused("language")),
            "expected content to be refused, it is ['language']",
        ),
        (
            journey(REFUSED, 202, {"status": "COMPLETED"}, event()),
            "expected REFUSED, it is COMPLETED",
        ),
    ],
)
def test_every_difference_is_named(wrong: Journey, difference: str) -> None:
    assert f"07 A sample: {difference}" in differences([wrong])


def test_a_journey_ends_with_its_event() -> None:
    under_way = journey(COMPLETED, 202, {"status": "SUBMITTED"})
    settled = journey(COMPLETED, 202, {"status": "COMPLETED"})
    assert not under_way.has_ended
    assert not settled.has_ended
    assert settled.seconds is None
    settled.events.append(event())
    assert settled.has_ended
    assert settled.seconds == 2.5


def test_a_held_request_is_the_end_too_but_not_a_good_one() -> None:
    held = journey(COMPLETED, 202, {"status": "HELD"})
    assert held.has_ended
    assert differences([held]) == ["07 A sample: expected COMPLETED, it is HELD"]
