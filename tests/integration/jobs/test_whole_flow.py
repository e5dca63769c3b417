from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest

from local.samples import load_samples
from shared.domain import strict_json
from shared.domain.resource import to_resource
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.web.bodies import read_document_request
from tests.integration.jobs.world import TOPIC, TRACEPARENT, World, WorldStarter, invoice, rows

SAMPLES = [sample for sample in load_samples() if sample.expected["outcome"] != "REFUSED"]


def test_every_sample_ends_as_it_says(world: World) -> None:
    system = world.system()
    bodies = [read_document_request(strict_json.loads(sample.body)) for sample in SAMPLES]
    ids = world.submit(system, bodies)

    total = world.drain(system)

    for sample, request_id in zip(SAMPLES, ids, strict=True):
        request = world.get(system, request_id)
        assert request.status.value == sample.expected["outcome"], sample.name
        category = request.failure and request.failure.category.value
        assert category == sample.expected.get("category"), sample.name
        assert bool(request.outputs) == (request.status is RequestStatus.COMPLETED)
    assert total["completed"] + total["failed"] == total["published"] == len(SAMPLES)
    world.assert_each_once(system)

    topics = {event["key"]: event["topic"] for event in world.assert_one_event_each(system)}
    for sample, request_id in zip(SAMPLES, ids, strict=True):
        assert topics[str(request_id)] == sample.expected.get("topic", TOPIC), sample.name
    calls = world.calls()
    assert calls["withoutCorrelationId"] == calls["withoutTraceparent"] == 0


def test_an_event_is_a_cloud_event_with_the_resource_of_its_moment(world: World) -> None:
    system = world.system()
    (request_id,) = world.submit_invoices(system, 1)
    world.drain(system)

    (event,) = world.events(1)

    request = world.get(system, request_id)
    resource = to_resource(request)
    assert event["key"] == str(request_id)
    assert event["headers"]["content-type"].startswith("application/cloudevents+json")
    assert event["headers"]["traceparent"].split("-")[1] == TRACEPARENT.split("-")[1]
    value = event["value"]
    UUID(value.pop("id"))
    assert value == {
        "specversion": "1.0",
        "source": "/oms/local",
        "type": "oms.documentrequest.completed.v1",
        "subject": str(request_id),
        "time": resource["completedAt"],
        "datacontenttype": "application/json",
        "traceparent": request.traceparent,
        "data": resource,
    }
    assert resource["outputs"][0] == {
        "channelName": "PRINT",
        "mimeType": "application/pdf",
        "pageCount": 1,
        "documentName": f"Customer invoice {request_id}",
        "location": f"/output/{request.thunderhead_batch_id}/1/print",
    }


def test_a_request_that_cannot_be_enriched_fails_alone(world: World) -> None:
    system = world.system()
    unknown = invoice("NTC-1", documentType="NOTICE", documentName="NTCGENRL")
    notice, *others = world.submit(system, [unknown, invoice("REQ-1"), invoice("REQ-2")])

    summary = system.processing.run()

    failed = world.get(system, notice)
    assert (failed.status, summary["failed"], summary["submitted"]) == (RequestStatus.FAILED, 1, 2)
    assert failed.failure
    assert failed.failure.category is FailureCategory.ENRICHMENT
    assert "Reference Data" in failed.failure.message
    assert failed.event_topic == "oms-policy-status"
    assert {world.get(system, other).status for other in others} == {RequestStatus.SUBMITTED}


def test_documents_are_grouped_by_configuration_up_to_the_batch_limit(world: World) -> None:
    system = world.system(max_documents_per_batch=3)
    world.submit_invoices(system, 7)
    world.submit(
        system, [invoice(f"F3-{number}", metadata={"FOOTER_ID": "3"}) for number in range(4)]
    )

    summary = system.processing.run()

    sizes = sorted(len(batch["documentReferences"]) for batch in world.ledger()["batches"])
    assert sizes == [1, 1, 3, 3, 3]
    assert summary["submitted"] == 11
    assert set(world.accepted().values()) == {1}


def test_counts_messages_and_outputs_of_a_partial_failure_are_stored(world: World) -> None:
    system = world.system()
    bad = invoice("BAD", content={"Document": {"InvoiceNumber": "1"}})
    *good, bad_id = world.submit(system, [invoice("REQ-1"), invoice("REQ-2"), bad])

    world.drain(system)

    failed = world.get(system, bad_id)
    assert failed.failure
    assert (failed.failure.category.value, failed.failure.code) == ("GENERATION", "TMH-4012")
    assert failed.failure.message == "Mandatory element TotalAmount is missing"
    for request_id in good:
        request = world.get(system, request_id)
        assert request.status is RequestStatus.COMPLETED
        assert [output.channel_name for output in request.outputs] == ["PRINT", "ARCHIVE"]
    batch = rows(system, "SELECT * FROM batches")[0]
    counts = ("trans_count", "trans_completed", "trans_errored", "trans_stopped")
    assert [batch[name] for name in counts] == [3, 2, 1, 0]
    assert (batch["state"], batch["vendor_status"]) == ("SETTLED", "COMPLETED_WITH_ERRORS")
    messages = rows(system, "SELECT * FROM batch_messages ORDER BY message_id")
    assert [(row["kind"], row["document_reference"]) for row in messages] == [
        ("I", None),
        ("E", str(bad_id)),
    ]
    history = system.store.read(lambda tx: tx.history.of(bad_id))
    assert [entry.to_status.value for entry in history] == [
        "RECEIVED",
        "PROCESSING",
        "SUBMITTED",
        "FAILED",
    ]


@pytest.mark.parametrize("data_type", ["application/xml", "application/json"])
def test_transaction_data_carries_the_request_as_it_was_sent(
    start: WorldStarter, data_type: str
) -> None:
    world = start()
    system = world.system(thunderhead_transaction_data_type=data_type)
    sent = capture_submissions(system)
    content = {
        "Document": {
            "InvoiceNumber": "1",
            "TotalAmount": 10.5,
            "None": None,
            "Yes": True,
            "Items": [{"Name": "Ä & <b>"}, {"Name": "二"}],
        }
    }
    (request_id,) = world.submit(system, [invoice("REQ-1", content=content)])
    system.processing.run()

    (envelope,) = sent
    assert envelope["transactionDataType"] == data_type
    assert envelope["properties"] == [{"name": "SIGNEE_1", "value": "GBIVEN2"}]
    (document,) = envelope["documents"]
    assert document["documentReference"] == str(request_id)
    raw = base64.b64decode(document["transactionData"])
    if data_type == "application/json":
        transaction = json.loads(raw)
        assert transaction["content"] == content
        assert transaction["metadata"] == {"INVOICE_ID": "REQ-1", "FOOTER_ID": "2"}
        assert b'"TotalAmount": 10.5' in raw or b'"TotalAmount":10.5' in raw
        return
    root = ElementTree.fromstring(raw)
    assert root.tag == "transaction"
    assert root.findtext("requestCorrelationId") == "REQ-1"
    assert root.findtext("metadata/FOOTER_ID") == "2"
    assert root.findtext("content/Document/TotalAmount") == "10.5"
    assert root.findtext("content/Document/Yes") == "true"
    empty = root.find("content/Document/None")
    assert empty is not None
    assert empty.attrib == {"{http://www.w3.org/2001/XMLSchema-instance}nil": "true"}
    names = [item.findtext("Name") for item in root.findall("content/Document/Items")]
    assert names == ["Ä & <b>", "二"]
    assert world.ledger()["submissions"][0]["outcome"] == "ACCEPTED"


def capture_submissions(system: Any) -> list[dict[str, Any]]:
    """Keep the bodies of submissions as they leave for the simulator."""
    client = system.clients.thunderhead
    sent: list[dict[str, Any]] = []
    submit = client.submit

    def capturing(payload: bytes, traceparent: str) -> Any:
        sent.append(json.loads(payload))
        return submit(payload, traceparent)

    client.submit = capturing
    return sent
