"""One request with everything about it; its content for whom it is recorded."""

from __future__ import annotations

import json

import pytest
from lxml import etree

from shared.domain import batching
from shared.domain.batching import Envelope, RenderedDocument
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.errors import ActionRefused, RequestNotFound
from shared.jobs.console_models import ActionFilter, ActionName, EventState
from shared.jobs.queries import Caller
from tests.integration.jobs.world import TOPIC, World

OPERATOR = Caller("operator")
NOVA = Caller("nova", frozenset({"NOVA"}))
WHY = "the customer called"


def test_a_request_comes_with_its_history_batches_events_and_outputs(world: World) -> None:
    system = world.system()
    one, _ = world.submit_invoices(system, 2)
    world.drain(system)

    page = system.request_pages.get(one, OPERATOR)
    assert page.request == world.get(system, one)
    assert page.request.outputs
    assert [entry.to_status for entry in page.history] == [
        RequestStatus.RECEIVED,
        RequestStatus.PROCESSING,
        RequestStatus.SUBMITTED,
        RequestStatus.COMPLETED,
    ]
    (carried,) = page.batches
    assert carried.record.batch.batch_id == page.request.batch_id
    assert carried.record.batch.batch_config_id
    assert carried.record.counts.completed == 2
    assert carried.record.settled_at
    (event,) = page.events
    assert (event.state, event.topic, event.attempts) == (EventState.PUBLISHED, TOPIC, 0)
    assert event.published_at
    assert json.loads(event.payload)["data"]["requestId"] == str(one)


def test_every_generation_keeps_its_batch_its_failure_and_its_event(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    system.operations.cancel(one, OPERATOR, WHY)
    system.monitoring.run()
    system.operations.reprocess(one, OPERATOR, WHY)
    world.drain(system)

    page = system.request_pages.get(one, OPERATOR)
    assert [event.generation for event in page.events] == [1, 2]
    (failed,) = [entry for entry in page.history if entry.to_status is RequestStatus.FAILED]
    assert failed.reason == WHY
    assert failed.failure_category is FailureCategory.CANCELLED
    assert failed.failure_code == "CANCELLED"
    assert page.request.failure is None
    (carried,) = page.batches
    assert {entry.batch_id for entry in page.history if entry.batch_id} == {
        carried.record.batch.batch_id
    }


def test_who_is_not_entitled_to_it_finds_nothing(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    for read in (
        system.request_pages.get,
        system.request_pages.content,
        system.request_pages.transaction_data,
    ):
        with pytest.raises(RequestNotFound):
            read(one, NOVA)


def test_the_content_is_as_it_was_sent_and_who_read_it_is_recorded(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    text = system.request_pages.content(one, OPERATOR, WHY)
    assert json.loads(text) == {"Document": {"InvoiceNumber": "490634", "TotalAmount": 10.5}}
    system.request_pages.transaction_data(one, Caller("another"))
    with pytest.raises(RequestNotFound):
        system.request_pages.content(one, NOVA)
    found = system.audit.page(ActionFilter(), 9, None, OPERATOR).actions
    assert [(a.actor, a.action, a.reason, a.outcome) for a in reversed(found)] == [
        ("operator", ActionName.READ_CONTENT, WHY, "DONE"),
        ("another", ActionName.READ_TRANSACTION_DATA, None, "DONE"),
        ("nova", ActionName.READ_CONTENT, None, "NO_SUCH_REQUEST"),
    ]
    assert {action.target_id for action in found} == {str(one)}


def test_the_transaction_data_is_what_the_batch_carries_byte_for_byte(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    before = system.request_pages.transaction_data(one, OPERATOR)
    world.drain(system)
    shown = system.request_pages.transaction_data(one, OPERATOR)
    assert shown == before
    assert shown.data_type == "application/xml"
    assert etree.fromstring(shown.data).findtext("requestId") == str(one)
    batch = system.request_pages.get(one, OPERATOR).batches[0].record.batch
    envelope = Envelope(
        client_reference=batch.client_reference,
        batch_name=batch.batch_name,
        batch_config_id=batch.batch_config_id,
        project_id=batch.project_id,
        transaction_data_type=batch.transaction_data_type,
        properties=batch.properties,
    )
    payload = batching.payload(envelope, [RenderedDocument.of(one, shown.data)])
    assert batching.digest(payload) == batch.payload_digest


def test_it_has_the_type_of_its_batch(world: World) -> None:
    """A later setting changes nothing in what was sent."""
    json_system = world.system(thunderhead_transaction_data_type="application/json")
    (one,) = world.submit_invoices(json_system, 1)
    world.drain(json_system)
    shown = world.system().request_pages.transaction_data(one, OPERATOR)
    assert shown.data_type == "application/json"
    assert json.loads(shown.data)["requestId"] == str(one)


def test_after_its_retention_there_is_nothing_to_read(world: World) -> None:
    system = world.system(content_retention_days=1)
    (one,) = world.submit_invoices(system, 1)
    world.drain(system)
    world.clock.advance(2 * 86_400)
    system.monitoring.run()
    for read in (system.request_pages.content, system.request_pages.transaction_data):
        with pytest.raises(ActionRefused) as refused:
            read(one, OPERATOR)
        assert refused.value.code == "CONTENT_REMOVED"
    page = system.request_pages.get(one, OPERATOR)
    assert page.events[0].payload == b""
    codes = [a.outcome for a in system.audit.page(ActionFilter(), 9, None, OPERATOR).actions]
    assert codes == ["CONTENT_REMOVED"] * 2
