from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.events import CONTENT_TYPE, event_id, terminal_event
from shared.domain.models import DocumentRequest, Failure, Output
from shared.domain.resource import to_resource
from shared.domain.statuses import FailureCategory, RequestStatus
from tests.unit.domain.builders import NOON, TRACEPARENT, a_request, words

COMPLETED = a_request(
    status=RequestStatus.COMPLETED,
    updated_at=NOON + timedelta(seconds=61, milliseconds=7),
    completed_at=NOON + timedelta(seconds=61, milliseconds=7),
    outputs=(Output("PRINT", "application/pdf", 2),),
    event_topic="oms-letters",
)
FAILED = a_request(
    status=RequestStatus.FAILED,
    failure=Failure(FailureCategory.ENRICHMENT, "CONFIGURATION_MISSING", "Für niemanden"),
)


def event_of(request: DocumentRequest) -> Any:
    return terminal_event(request, environment="test", default_topic="oms-document-status")


def read(payload: bytes) -> CloudEvent:
    event = JSONFormat().read(CloudEvent, payload)
    assert isinstance(event, CloudEvent)
    return event


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (COMPLETED, "oms.documentrequest.completed.v1"),
        (FAILED, "oms.documentrequest.failed.v1"),
    ],
)
def test_a_reader_of_cloudevents_finds_what_the_contract_promises(
    request_: DocumentRequest, kind: str
) -> None:
    event = event_of(request_)
    found = read(event.payload)
    assert found.get_specversion() == "1.0"
    assert found.get_id() == str(event.event_id)
    assert found.get_source() == "/oms/test"
    assert found.get_type() == kind
    assert found.get_subject() == str(request_.request_id)
    assert found.get_time() == request_.updated_at
    assert found.get_datacontenttype() == "application/json"
    assert found.get_extension("traceparent") == TRACEPARENT
    assert found.get_data() == to_resource(request_)


def test_the_content_type_is_that_of_a_structured_event() -> None:
    assert CONTENT_TYPE == JSONFormat.CONTENT_TYPE


def test_times_have_milliseconds_and_a_z() -> None:
    event = json.loads(event_of(COMPLETED).payload)
    assert event["time"] == event["data"]["completedAt"] == "2026-03-02T12:01:01.007Z"


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_every_time_is_written_in_the_same_way(moment: datetime) -> None:
    updated_at = moment.replace(tzinfo=NOON.tzinfo)
    event = event_of(a_request(status=RequestStatus.FAILED, updated_at=updated_at))
    time = json.loads(event.payload)["time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)


def test_the_topic_is_the_requests_else_the_default_one() -> None:
    assert event_of(COMPLETED).topic == "oms-letters"
    assert event_of(FAILED).topic == "oms-document-status"


def test_the_event_goes_with_its_request_generation_and_trace() -> None:
    event = event_of(COMPLETED)
    assert (event.request_id, event.generation) == (COMPLETED.request_id, COMPLETED.generation)
    assert event.traceparent == TRACEPARENT
    assert event.attempts == 0


# --- the id ---------------------------------------------------------------------------------


def test_the_id_of_a_transition_is_the_same_for_ever() -> None:
    """Consumers know events by it: a new version of this code must give the same."""
    known = event_id(UUID(int=1), 1, RequestStatus.COMPLETED)
    assert known == UUID("6f93c0e3-2fe4-5627-86bd-82b5a942c717")
    assert known == event_of(COMPLETED).event_id == event_of(COMPLETED).event_id


def test_another_transition_has_another_id() -> None:
    found = {
        event_id(request_id, generation, status)
        for request_id in (UUID(int=1), UUID(int=2))
        for generation in (1, 2, 11)
        for status in (RequestStatus.COMPLETED, RequestStatus.FAILED)
    }
    assert len(found) == 12


@given(st.uuids(), st.integers(1, 10_000))
def test_the_id_depends_on_nothing_but_the_transition(request_id: UUID, generation: int) -> None:
    first = a_request(request_id=request_id, generation=generation, status=RequestStatus.FAILED)
    later = a_request(
        request_id=request_id,
        generation=generation,
        status=RequestStatus.FAILED,
        metadata={},
        updated_at=NOON + timedelta(days=1),
        event_topic="elsewhere",
    )
    assert event_of(first).event_id == event_of(later).event_id


@pytest.mark.parametrize("status", [status for status in RequestStatus if not status.is_terminal])
def test_only_a_terminal_status_has_an_event(status: RequestStatus) -> None:
    with pytest.raises(KeyError):
        event_of(a_request(status=status))


@given(words, words)
def test_any_text_survives(code: str, message: str) -> None:
    failure = Failure(FailureCategory.GENERATION, code, message)
    request = a_request(status=RequestStatus.FAILED, failure=failure, metadata={"NOTE": message})
    assert read(event_of(request).payload).get_data() == to_resource(request)
