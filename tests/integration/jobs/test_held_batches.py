"""The ways out of HELD: four for a person, one by itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.composition import System
from shared.domain.models import Batch
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.errors import ActionRefused
from shared.jobs.queries import Caller
from tests.integration.jobs.world import World, WorldStarter, invoice, rows

OPERATOR = Caller("operator")
WHY = "asked Thunderhead's support"
BLIND = {"references_unique": False, "lookup_supported": False}
"""A tenant where nobody can find out by machine."""


@pytest.fixture
def blind(start: WorldStarter) -> World:
    return start(**BLIND)


def system_of(world: World, **changes: Any) -> System:
    return world.system(
        thunderhead_reference_unique=False, thunderhead_lookup_supported=False, **changes
    )


def held(world: World, system: System, fault: str) -> tuple[Batch, list[UUID]]:
    """Hold a batch of two; `reset-after` means that Thunderhead has it."""
    ids = world.submit_invoices(system, 2)
    world.arm({"operation": "submit", "kind": fault, "times": 1})
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.HELD: 2}
    (waiting,) = system.held.waiting(9)
    assert sorted(request.request_id for request in waiting.requests) == sorted(ids)
    return waiting.batch, ids


def refusal(decide: Any, *arguments: Any, **guard: Any) -> str:
    with pytest.raises(ActionRefused) as refused:
        decide(*arguments, OPERATOR, WHY, **guard)
    return refused.value.code


def vendor_id(world: World) -> str:
    (batch,) = world.ledger()["batches"]
    return str(batch["batchId"])


def assert_ordered_by_operator(system: System, ids: list[UUID], to: RequestStatus) -> None:
    for request_id in ids:
        history = system.store.read(lambda tx: tx.history.of(request_id))  # noqa: B023
        (ordered,) = [entry for entry in history if entry.actor == "operator"]
        assert (ordered.from_status, ordered.to_status) == (RequestStatus.HELD, to)
        assert ordered.reason == WHY


def test_it_is_adopted_as_the_batch_that_it_is(blind: World) -> None:
    system = system_of(blind)
    batch, ids = held(blind, system, "reset-after")

    system.held.adopt(batch.batch_id, vendor_id(blind), OPERATOR, WHY, version=batch.version)
    blind.drain(system)

    assert blind.statuses(system) == {RequestStatus.COMPLETED: 2}
    assert blind.get(system, ids[0]).thunderhead_batch_id == vendor_id(blind)
    assert_ordered_by_operator(system, ids, RequestStatus.SUBMITTED)
    blind.assert_each_once(system)
    blind.assert_one_event_each(system)


@pytest.mark.parametrize("members", [{"clientReference": "another"}, {"documents": []}])
def test_nothing_else_is_adopted(blind: World, members: dict[str, Any]) -> None:
    """A batch with another reference; one with our reference and other documents."""
    system = system_of(blind)
    batch, _ = held(blind, system, "reset-before")
    document = {"documentReference": str(uuid4()), "transactionData": "PHRyYW5zYWN0aW9uLz4="}
    body = {
        "clientReference": batch.client_reference,
        "batchName": "x",
        "batchConfigResId": batch.batch_config_id,
        "transactionDataType": "application/xml",
        **members,
        "documents": [document],
    }
    url = f"{blind.thunderhead.url}/thunderhead/v1/batches"
    other = blind.session.post(url, json=body, timeout=5)
    assert other.status_code == 202, other.text

    for candidate in (other.json()["batchId"], "4711"):
        assert refusal(system.held.adopt, batch.batch_id, candidate) == "NOT_OURS"
    assert blind.statuses(system) == {RequestStatus.HELD: 2}


def test_nothing_is_adopted_unread(blind: World) -> None:
    system = system_of(blind)
    batch, _ = held(blind, system, "reset-after")
    for operation in ("documents", "poll"):
        blind.arm({"operation": operation, "kind": "status", "status": 503})
        code = refusal(system.held.adopt, batch.batch_id, vendor_id(blind))
        assert code == "THUNDERHEAD_UNAVAILABLE"


@pytest.mark.parametrize("impatient", [None, 429, 403])
def test_it_is_sent_again_on_a_persons_word(blind: World, impatient: int | None) -> None:
    """Also where Thunderhead asks for patience first: the word stands until it is carried out."""
    system = system_of(blind)
    batch, ids = held(blind, system, "reset-before")
    if impatient:
        blind.arm({"operation": "submit", "kind": "status", "status": impatient, "times": 2})

    system.held.resend(batch.batch_id, OPERATOR, WHY)
    blind.drain(system)

    assert blind.statuses(system) == {RequestStatus.COMPLETED: 2}
    assert_ordered_by_operator(system, ids, RequestStatus.PROCESSING)
    sent = blind.ledger()["submissions"]
    assert {one["clientReference"] for one in sent} == {batch.client_reference}
    assert {one["payloadSha256"] for one in sent} == {batch.payload_digest}
    blind.assert_each_once(system)


def test_a_persons_word_is_for_one_send(blind: World) -> None:
    system = system_of(blind)
    batch, _ = held(blind, system, "reset-before")
    blind.arm({"operation": "submit", "kind": "reset-after", "times": 1})

    system.held.resend(batch.batch_id, OPERATOR, WHY)
    blind.drain(system)

    assert blind.statuses(system) == {RequestStatus.HELD: 2}
    assert len(blind.ledger()["submissions"]) == 1
    blind.assert_each_once(system)


def test_a_resend_that_is_rejected_proves_nothing_of_the_first(blind: World) -> None:
    system = system_of(blind)
    batch, _ = held(blind, system, "reset-after")
    blind.arm({"operation": "submit", "kind": "status", "status": 422, "times": 1})

    system.held.resend(batch.batch_id, OPERATOR, WHY)
    blind.drain(system)

    assert blind.statuses(system) == {RequestStatus.HELD: 2}
    assert len(blind.ledger()["batches"]) == 1


def test_an_order_to_send_again_is_spent_by_a_rejection(start: WorldStarter) -> None:
    """With look-up: the batch is found out about, and not sent again and again."""
    world = start(references_unique=False)
    system = world.system(thunderhead_reference_unique=False)
    world.submit_invoices(system, 1)
    world.arm({"operation": "submit", "kind": "status", "status": 404, "times": 1})
    world.drain(system)
    (waiting,) = system.held.waiting(9)
    world.arm({"operation": "submit", "kind": "status", "status": 422})
    before = world.calls()["submit"]

    system.held.resend(waiting.batch.batch_id, OPERATOR, WHY)
    world.drain(system)

    assert world.statuses(system) == {RequestStatus.HELD: 1}
    assert world.calls()["submit"] == before + 1


def test_what_is_sent_again_has_all_its_time(start: WorldStarter) -> None:
    world = start()
    system = world.system()
    world.submit_invoices(system, 1)
    system.processing.run()
    read = system.clients.thunderhead.documents
    system.clients.thunderhead.documents = lambda *_: {}  # type: ignore[method-assign]
    world.drain(system)
    (waiting,) = system.held.waiting(9)
    assert waiting.batch.terminal_since
    system.clients.thunderhead.documents = read  # type: ignore[method-assign]
    system.held.resend(waiting.batch.batch_id, OPERATOR, WHY)
    system.processing.run()

    batch = system.store.read(lambda tx: tx.batches.get(waiting.batch.batch_id))

    assert batch
    assert (batch.state.value, batch.terminal_since, batch.polls) == ("SUBMITTED", None, 0)


def test_delivered_ends_as_completed(blind: World) -> None:
    system = system_of(blind)
    batch, ids = held(blind, system, "reset-after")

    system.held.delivered(batch.batch_id, OPERATOR, WHY, version=batch.version)

    assert blind.statuses(system) == {RequestStatus.COMPLETED: 2}
    assert_ordered_by_operator(system, ids, RequestStatus.COMPLETED)
    system.monitoring.run()
    blind.assert_one_event_each(system)
    assert system.held.waiting(9) == []


def test_abandoned_ends_as_failed_and_may_be_reprocessed(blind: World) -> None:
    system = system_of(blind)
    batch, ids = held(blind, system, "reset-before")

    system.held.abandon(batch.batch_id, OPERATOR, WHY)

    failures = [request.failure for request in blind.all_requests(system)]
    assert {f.category for f in failures if f} == {FailureCategory.ABANDONED}
    assert_ordered_by_operator(system, ids, RequestStatus.FAILED)
    system.monitoring.run()
    blind.assert_one_event_each(system)
    for request_id in ids:
        system.operations.reprocess(request_id, OPERATOR, WHY)
    blind.drain(system)
    assert blind.statuses(system) == {RequestStatus.COMPLETED: 2}
    blind.assert_each_once(system)


def test_abandoned_by_mistake_is_not_generated_twice(start: WorldStarter) -> None:
    """Where Thunderhead can be asked, it is asked before the document is made again."""
    world = start(references_unique=False)
    system = system_of(world)
    batch, (first, _) = held(world, system, "reset-after")
    system.held.abandon(batch.batch_id, OPERATOR, WHY)
    system.monitoring.run()

    seeing = world.system(thunderhead_reference_unique=False)
    with pytest.raises(ActionRefused) as refused:
        seeing.operations.reprocess(first, OPERATOR, WHY)

    assert refused.value.code == "ALREADY_GENERATED"
    assert world.get(seeing, first).generated_late_at
    world.assert_each_once(system)


def test_only_what_is_held_and_as_it_was_seen(blind: World) -> None:
    system = system_of(blind)
    batch, _ = held(blind, system, "reset-before")
    decisions = (system.held.delivered, system.held.abandon, system.held.resend)
    for decide in decisions:
        assert refusal(decide, uuid4()) == "NO_SUCH_BATCH"
        assert refusal(decide, batch.batch_id, version=batch.version + 1) == "CHANGED_MEANWHILE"
    system.held.abandon(batch.batch_id, OPERATOR, WHY, version=batch.version)
    for decide in decisions:
        assert refusal(decide, batch.batch_id) == "NOT_HELD"
    assert refusal(system.held.adopt, batch.batch_id, "1") == "NOT_HELD"
    assert len(rows(system, "SELECT * FROM outbox")) == 2


def test_what_is_partly_settled_is_not_sent_again(start: WorldStarter) -> None:
    """Thunderhead says COMPLETED, and shows one of two documents: it has received them."""
    world = start()
    system = world.system()
    ids = world.submit_invoices(system, 2)
    system.processing.run()
    read = system.clients.thunderhead.documents

    def without_one(vendor: str, traceparent: str) -> Any:
        found = read(vendor, traceparent)
        assert isinstance(found, dict)
        return {key: value for key, value in found.items() if key != str(ids[0])}

    system.clients.thunderhead.documents = without_one  # type: ignore[method-assign]
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 1, RequestStatus.HELD: 1}
    (waiting,) = system.held.waiting(9)
    assert refusal(system.held.resend, waiting.batch.batch_id) == "PARTLY_SETTLED"

    system.clients.thunderhead.documents = read  # type: ignore[method-assign]
    system.held.adopt(waiting.batch.batch_id, vendor_id(world), OPERATOR, WHY)
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 2}
    world.assert_each_once(system)


def test_a_batch_that_shows_later_is_released_by_itself(start: WorldStarter) -> None:
    """It took longer than the tenant promises to be found."""
    world = start(references_unique=False, visibility_seconds=120.0)
    system = world.system(thunderhead_reference_unique=False)
    world.submit_invoices(system, 2)
    world.arm({"operation": "submit", "kind": "reset-after", "times": 1})
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.HELD: 2}
    seen = system.held.waiting(9)
    assert system.processing.run()["submitted"] == 0
    assert [one.batch.version for one in system.held.waiting(9)] == [seen[0].batch.version]

    world.clock.advance(120)
    assert system.processing.run()["submitted"] == 2
    world.drain(system)

    assert world.statuses(system) == {RequestStatus.COMPLETED: 2}
    world.assert_each_once(system)
    world.assert_one_event_each(system)


def test_where_nothing_can_be_looked_up_nobody_asks(blind: World) -> None:
    system = system_of(blind)
    held(blind, system, "reset-after")
    blind.clock.advance(100_000)
    system.processing.run()
    assert blind.calls()["lookup"] == 0
    assert blind.statuses(system) == {RequestStatus.HELD: 2}


def test_a_person_is_faster_than_a_look_up_under_way(start: WorldStarter) -> None:
    world = start(references_unique=False, visibility_seconds=120.0)
    system = world.system(thunderhead_reference_unique=False)
    world.submit_invoices(system, 1)
    world.arm({"operation": "submit", "kind": "reset-after", "times": 1})
    world.drain(system)
    (waiting,) = system.held.waiting(9)
    find = system.clients.thunderhead.find

    def delivered_meanwhile(reference: str, traceparent: str) -> Any:
        system.held.delivered(waiting.batch.batch_id, OPERATOR, WHY)
        return find(reference, traceparent)

    system.clients.thunderhead.find = delivered_meanwhile  # type: ignore[method-assign]
    world.clock.advance(200)

    summary = system.processing.run()

    assert (summary["lost"], summary["submitted"]) == (1, 0)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 1}


def test_a_person_is_faster_than_the_reading_of_what_was_claimed(start: WorldStarter) -> None:
    world = start(references_unique=False)
    system = many_held(world, 1)
    store, claim_and_more = system.store, system.store.write
    (waiting,) = system.held.waiting(9)

    def claimed(work: Any) -> Any:
        result = claim_and_more(work)
        if isinstance(result, list) and result and isinstance(result[0], Batch):
            store.write = claim_and_more  # type: ignore[method-assign]
            system.held.delivered(waiting.batch.batch_id, OPERATOR, WHY)
        return result

    store.write = claimed  # type: ignore[method-assign]

    summary = system.processing.run()

    assert (summary["lost"], summary["submitted"]) == (1, 0)
    assert world.calls()["lookup"] == 0
    assert world.statuses(system) == {RequestStatus.COMPLETED: 1}


def many_held(world: World, count: int, **changes: Any) -> System:
    system = world.system(thunderhead_reference_unique=False, max_documents_per_batch=1, **changes)
    world.submit_invoices(system, count)
    world.arm({"operation": "submit", "kind": "status", "status": 404, "times": count})
    system.processing.run()
    assert world.statuses(system) == {RequestStatus.HELD: count}
    world.clock.advance(60)
    return system


def test_look_ups_of_what_is_held_hold_up_nothing_new(start: WorldStarter) -> None:
    world = start(references_unique=False)
    system = many_held(world, 12, run_budget_seconds=20, retry_max_seconds=10)
    world.submit(system, [invoice("NEW")])
    find = system.clients.thunderhead.find

    def slow(reference: str, traceparent: str) -> Any:
        world.clock.advance(10)
        return find(reference, traceparent)

    system.clients.thunderhead.find = slow  # type: ignore[method-assign]

    assert system.processing.run()["submitted"] == 1


@pytest.mark.parametrize("status", [429, 403])
def test_look_ups_of_what_is_held_are_patient(start: WorldStarter, status: int) -> None:
    world = start(references_unique=False)
    system = many_held(world, 3)
    world.arm({"operation": "lookup", "kind": "status", "status": status, "retryAfter": "3000"})
    before = world.calls()["lookup"]

    for _ in range(10):
        system.processing.run()
        world.clock.advance(60)

    assert world.calls()["lookup"] - before <= 3
