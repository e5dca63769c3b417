"""Batches as operators see them, and the poll that they may order."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from shared.composition import System
from shared.domain.statuses import BatchState, RequestStatus
from shared.errors import ActionRefused
from shared.jobs.console_models import ActionFilter, ActionName, BatchFilter
from shared.jobs.queries import Caller
from tests.integration.jobs.world import World, WorldStarter, invoice

OPERATOR = Caller("operator")
ARCADE = Caller("arcade", frozenset({"ARCADE"}))
WHY = "the customer called"


def batch_of(world: World, system: System, request_id: UUID) -> UUID:
    batch_id = world.get(system, request_id).batch_id
    assert batch_id
    return batch_id


def refusal(system: System, batch_id: UUID, version: int | None = None) -> str:
    with pytest.raises(ActionRefused) as refused:
        system.batch_pages.poll_now(batch_id, OPERATOR, WHY, version=version)
    return refused.value.code


def test_a_batch_is_shown_with_its_documents_and_what_thunderhead_says(world: World) -> None:
    system = world.system()
    ids = world.submit_invoices(system, 3)
    world.drain(system)
    batch_id = batch_of(world, system, ids[0])

    page = system.batch_pages.get(batch_id, OPERATOR)
    assert page.record.batch.state is BatchState.SETTLED
    assert page.record.batch.vendor_status == "COMPLETED"
    assert (page.record.counts.total, page.record.counts.completed) == (3, 3)
    assert page.record.due_at is None
    assert page.record.updated_at == page.record.settled_at
    assert not page.has_more_messages
    first = system.batch_pages.documents(batch_id, 2, None, OPERATOR)
    second = system.batch_pages.documents(batch_id, 2, first.next_position, OPERATOR)
    shown = [one.request_id for one in (*first.requests, *second.requests)]
    assert sorted(shown) == sorted(ids)
    assert second.next_position is None


def test_batches_are_listed_newest_first_and_narrowed(world: World) -> None:
    system = world.system(max_documents_per_batch=1)
    ids = world.submit_invoices(system, 3)
    world.drain(system)
    batches = {batch_of(world, system, one) for one in ids}
    (late,) = world.submit(system, [invoice("LATE")])
    system.processing.run()
    newest = batch_of(world, system, late)

    def listed(where: BatchFilter) -> list[UUID]:
        found: list[UUID] = []
        position = None
        while True:
            page = system.batch_pages.page(where, 2, position, OPERATOR)
            found += [record.batch.batch_id for record in page.batches]
            position = page.next_position
            if position is None:
                return found

    assert set(listed(BatchFilter())) == {newest, *batches}
    assert listed(BatchFilter())[0] == newest
    assert listed(BatchFilter(state=BatchState.SUBMITTED)) == [newest]
    assert set(listed(BatchFilter(state=BatchState.SETTLED))) == batches
    record = system.batch_pages.get(newest, OPERATOR).record
    config, vendor = record.batch.batch_config_id, record.batch.thunderhead_batch_id
    assert newest in listed(BatchFilter(batch_config_id=config))
    assert listed(BatchFilter(batch_config_id="no")) == []
    assert listed(BatchFilter(thunderhead_batch_id=vendor)) == [newest]


def test_who_is_not_entitled_to_every_source_system_sees_no_batch(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    system.processing.run()
    batch_id = batch_of(world, system, one)
    assert system.batch_pages.page(BatchFilter(), 10, None, ARCADE).batches == ()
    with pytest.raises(ActionRefused) as refused:
        system.batch_pages.get(batch_id, ARCADE)
    assert refused.value.code == "NO_SUCH_BATCH"
    with pytest.raises(ActionRefused):
        system.batch_pages.poll_now(batch_id, ARCADE, WHY)
    assert [
        one.request_id for one in system.batch_pages.documents(batch_id, 9, None, ARCADE).requests
    ] == [one], "its own requests are its own"


def test_a_poll_that_was_ordered_happens_in_the_next_run(start: WorldStarter) -> None:
    world = start(generation_seconds=(20.0, 20.0))
    system = world.system(poll_min_seconds=600, poll_max_seconds=600)
    (one,) = world.submit_invoices(system, 1)
    system.processing.run()
    world.clock.advance(60)
    assert system.monitoring.run()["claimed"] == 0, "its poll is not due yet"

    record = system.batch_pages.get(batch_of(world, system, one), OPERATOR).record
    batch = record.batch
    system.batch_pages.poll_now(batch.batch_id, OPERATOR, WHY, version=batch.version)
    assert system.monitoring.run()["completed"] == 1
    assert world.get(system, one).status is RequestStatus.COMPLETED
    (action,) = system.audit.page(ActionFilter(), 9, None, OPERATOR).actions
    assert (action.action, action.target_id, action.outcome) == (
        ActionName.POLL_NOW,
        str(batch.batch_id),
        "DONE",
    )


def test_a_poll_that_cannot_be_ordered_says_why(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    system.processing.run()
    batch_id = batch_of(world, system, one)
    assert refusal(system, uuid4()) == "NO_SUCH_BATCH"
    assert refusal(system, batch_id, version=99) == "CHANGED_MEANWHILE"

    world.clock.advance(3600)
    now, until = world.clock(), world.clock.advance(60)
    system.store.write(lambda tx: tx.batches.claim(BatchState.SUBMITTED, uuid4(), now, until, 1))
    assert refusal(system, batch_id) == "BEING_POLLED"
    assert system.batch_pages.get(batch_id, OPERATOR).record.due_at == until, "its lease"

    world.clock.advance(60)
    world.drain(system)
    assert refusal(system, batch_id) == "NOT_SUBMITTED"
    codes = [a.outcome for a in system.audit.page(ActionFilter(), 9, None, OPERATOR).actions]
    assert codes == ["NOT_SUBMITTED", "BEING_POLLED", "CHANGED_MEANWHILE", "NO_SUCH_BATCH"]
