"""The terminal status event: what the code makes of a request, against the schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from jsonschema import Draft202012Validator

from shared.domain.events import CONTENT_TYPE, TYPES, event_id, terminal_event
from shared.domain.models import DocumentRequest, Failure, OutboxEvent, Output
from shared.domain.statuses import TERMINAL, FailureCategory, Priority, RequestStatus
from tests.contracts.documents import ASYNCAPI, DOCUMENT_REQUEST_API, EVENT_SCHEMA, load
from tests.contracts.openapi import Contract
from tests.contracts.validation import assert_valid_event, event_faults

ENDED = datetime(2026, 3, 2, 12, 0, 10, 120_000, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

COMPLETED = DocumentRequest(
    request_id=UUID("6f1ed002-ab5c-4d2b-9d3a-1c2f0e4b7a10"),
    source_system="ARCADE",
    request_correlation_id="REQ-0001-9749",
    document_type="INVOICE",
    document_name="IVZRECPA",
    language="EN",
    priority=Priority.NORMAL,
    status=RequestStatus.COMPLETED,
    generation=1,
    version=5,
    received_at=ENDED - timedelta(seconds=12),
    updated_at=ENDED,
    submitted_at=ENDED - timedelta(seconds=9),
    completed_at=ENDED,
    body_digest="0" * 64,
    traceparent=TRACEPARENT,
    thunderhead_batch_id="76647",
    metadata={"POLICY_ID": "14545", "FOOTER_ID": "2"},
    outputs=(
        Output("PRINT", "application/pdf", 2, "Customer invoice", "/output/76647/1/print"),
        Output("ARCHIVE"),
    ),
)
FAILED = replace(
    COMPLETED,
    status=RequestStatus.FAILED,
    outputs=(),
    failure=Failure(FailureCategory.GENERATION, "TMH-4012", "Mandatory element is missing"),
)

VARIATIONS: dict[str, DocumentRequest] = {
    "completed": COMPLETED,
    "completed without outputs": replace(COMPLETED, outputs=()),
    "completed as the third generation": replace(COMPLETED, generation=3),
    "completed without metadata": replace(COMPLETED, metadata={}),
    "completed in many scripts": replace(
        COMPLETED,
        request_correlation_id="Ä/日本 😀",
        metadata={"NAME": "Ünal \u2028 😀"},
        outputs=(Output("E-MAIL", document_name="請求書"),),
    ),
    "completed as urgent": replace(COMPLETED, priority=Priority.HIGH),
    "cancelled before it was submitted": replace(
        FAILED,
        submitted_at=None,
        thunderhead_batch_id=None,
        failure=Failure(FailureCategory.CANCELLED, "CANCELLED", "Cancelled."),
    ),
    **{
        f"failed: {category}": replace(FAILED, failure=Failure(category, "CODE", "Words."))
        for category in FailureCategory
    },
}


def published(request: DocumentRequest) -> OutboxEvent:
    return terminal_event(request, environment="test", default_topic="oms-document-status")


@pytest.mark.parametrize("request_", VARIATIONS.values(), ids=VARIATIONS)
def test_every_event_is_valid(request_: DocumentRequest) -> None:
    assert_valid_event(json.loads(published(request_).payload))


@pytest.mark.parametrize("request_", VARIATIONS.values(), ids=VARIATIONS)
def test_every_event_is_read_by_the_sdk_of_cloudevents(request_: DocumentRequest) -> None:
    outbox = published(request_)
    message = KafkaMessage(
        headers={"content-type": CONTENT_TYPE.encode(), "traceparent": TRACEPARENT.encode()},
        key=str(outbox.request_id).encode(),
        value=outbox.payload,
    )
    event = from_kafka_event(message)
    assert event.get_specversion() == "1.0"
    assert event.get_id() == str(outbox.event_id)
    assert event.get_source() == "/oms/test"
    assert event.get_type() == TYPES[request_.status]
    assert event.get_subject() == str(request_.request_id)
    assert event.get_time() == request_.updated_at
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("traceparent") == TRACEPARENT
    assert event.get_data() == json.loads(outbox.payload)["data"]


def test_every_documented_member_occurs() -> None:
    events = [json.loads(published(request).payload) for request in VARIATIONS.values()]
    schema = load(EVENT_SCHEMA)
    resources = [event["data"] for event in events]
    assert {name for event in events for name in event} == set(schema["properties"])
    for definition, values in (
        ("DocumentRequest", resources),
        ("Failure", [one["failure"] for one in resources if "failure" in one]),
        ("Output", [output for one in resources for output in one.get("outputs", [])]),
    ):
        documented = set(schema["$defs"][definition]["properties"])
        assert {name for value in values for name in value} == documented


def test_the_documented_values_are_those_of_the_code() -> None:
    schema = load(EVENT_SCHEMA)
    request = schema["$defs"]["DocumentRequest"]["properties"]
    assert set(schema["properties"]["type"]["enum"]) == set(TYPES.values())
    assert set(request["status"]["enum"]) == TERMINAL == TYPES.keys()
    assert set(request["priority"]["enum"]) == set(Priority)
    category = schema["$defs"]["Failure"]["properties"]["category"]
    assert set(category["enum"]) == set(FailureCategory)


def test_data_has_the_members_of_the_resource_of_the_api() -> None:
    api = load(DOCUMENT_REQUEST_API)["components"]["schemas"]
    event = load(EVENT_SCHEMA)["$defs"]
    for ours, theirs in (
        ("DocumentRequest", "DocumentRequestAnswer"),
        ("Failure", "FailureAnswer"),
        ("Output", "OutputAnswer"),
    ):
        assert event[ours]["properties"].keys() == api[theirs]["properties"].keys()
        assert set(api[theirs]["required"]) <= set(event[ours]["required"])


@pytest.mark.parametrize("request_", VARIATIONS.values(), ids=VARIATIONS)
def test_data_is_a_resource_of_the_api(request_: DocumentRequest) -> None:
    contract = Contract(DOCUMENT_REQUEST_API)
    data = json.loads(published(request_).payload)["data"]
    schema = {"$ref": "#/components/schemas/DocumentRequestAnswer"}
    assert contract.schema_faults(data, schema) == []


@pytest.mark.parametrize(
    "example",
    [
        *load(EVENT_SCHEMA)["examples"],
        *(
            one["payload"]
            for one in load(ASYNCAPI)["components"]["messages"]["terminalStatusEvent"]["examples"]
        ),
    ],
    ids=lambda example: example["subject"],
)
def test_every_example_is_an_event_that_the_code_could_publish(example: dict[str, Any]) -> None:
    assert_valid_event(example)
    data = example["data"]
    status = RequestStatus(data["status"])
    assert example["id"] == str(event_id(UUID(data["requestId"]), data["generation"], status))
    assert example["type"] == TYPES[status]


def _without(*path: str) -> Callable[[dict[str, Any]], None]:
    def spoil(event: dict[str, Any]) -> None:
        node = event
        for name in path[:-1]:
            node = node[name]
        del node[path[-1]]

    return spoil


def _with(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda event: event.update(values)


def _with_data(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda event: event["data"].update(values)


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (_without("time"), "$: 'time'"),
        (_without("data", "completedAt"), "$.data: 'completedAt'"),
        (_without("data", "failure"), "$.data: 'failure'"),
        (_with(colour="blue"), "$: Additional properties"),
        (_with_data(colour="blue"), "$.data: Additional properties"),
        (_with(type=TYPES[RequestStatus.COMPLETED]), "$.data.status"),
        (_with(subject=str(UUID(int=1))), "$.subject: is not"),
        (_with(time="2026-03-02T12:00:10.121Z"), "$.time: is not"),
        (_with_data(receivedAt="2026-03-02T12:00:10Z"), "$.data.receivedAt"),
        (_with_data(receivedAt="2026-02-30T12:00:10.000Z"), "$.data.receivedAt"),
        (_with_data(submittedAt=None), "$.data.submittedAt"),
        (_with_data(generation=0), "$.data.generation"),
        (_with_data(status="HELD"), "$.data.status"),
        (_with_data(metadata={"A": ""}), "$.data.metadata.A"),
        (_with_data(outputs=[{"channelName": "PRINT"}]), "$.data.outputs[0]"),
        (
            _with_data(failure={"category": "OTHER", "code": "C", "message": "M"}),
            "$.data.failure.category",
        ),
    ],
)
def test_a_wrong_event_is_found(spoil: Callable[[dict[str, Any]], None], place: str) -> None:
    event = json.loads(published(FAILED).payload)
    assert event_faults(event) == []
    spoil(event)
    assert [fault for fault in event_faults(event) if fault.startswith(place)]


def test_a_consumer_is_not_held_to_members_that_we_do_not_send_yet() -> None:
    event = json.loads(published(COMPLETED).payload)
    event["data"]["colour"] = event["colour"] = "blue"
    Draft202012Validator(load(EVENT_SCHEMA)).validate(event)
