"""A FAILED request goes on its way again, unless its document exists or may."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from shared.composition import System
from shared.domain.models import DocumentRequest
from shared.domain.resource import to_resource
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.domain.thunderhead import DocumentReport, DocumentStatus
from shared.errors import ActionRefused
from shared.jobs.queries import Caller
from tests.integration.jobs.world import World, WorldStarter, rows

OPERATOR = Caller("operator")
WHY = "the template was mended"


def failed_once(world: World, system: System) -> DocumentRequest:
    """A request whose document Thunderhead did not generate: its batch was stopped."""
    world.arm({"operation": "submit", "kind": "stopped", "times": 1})
    (request_id,) = world.submit_invoices(system, 1)
    world.drain(system)
    request = world.get(system, request_id)
    assert request.failure
    assert request.failure.code == "STOPPED"
    return request


def refusal(system: System, request_id: UUID, **guard: Any) -> str:
    with pytest.raises(ActionRefused) as refused:
        system.operations.reprocess(request_id, OPERATOR, WHY, **guard)
    return refused.value.code


def test_it_is_generated_in_its_next_generation(world: World) -> None:
    system = world.system()
    failed = failed_once(world, system)

    again = system.operations.reprocess(failed.request_id, OPERATOR, WHY, version=failed.version)
    assert (again.status, again.generation) == (RequestStatus.RECEIVED, 2)
    assert (again.failure, again.completed_at, again.batch_id) == (None, None, None)
    world.drain(system)

    request = world.get(system, failed.request_id)
    assert (request.status, request.generation) == (RequestStatus.COMPLETED, 2)
    assert len(request.outputs) > 0
    world.assert_each_once(system)
    history = system.store.read(lambda tx: tx.history.of(failed.request_id))
    assert [entry.from_status for entry in history] == [
        None,
        *(entry.to_status for entry in history[:-1]),
    ]
    (ordered,) = [entry for entry in history if entry.actor == "operator"]
    assert (ordered.from_status, ordered.reason) == (RequestStatus.FAILED, WHY)
    assert [entry.generation for entry in history] == [1] * 4 + [2] * 4
    assert history[3].batch_id == failed.batch_id != request.batch_id == history[-1].batch_id
    events = [event["value"] for event in world.events(2)]
    assert [event["type"].split(".")[2] for event in events] == ["failed", "completed"]
    assert [event["data"]["generation"] for event in events] == [1, 2]
    assert events[0]["id"] != events[1]["id"]


def test_it_takes_its_place_by_priority_among_what_waits(world: World) -> None:
    system = world.system()
    failed = failed_once(world, system)
    system.operations.reprocess(failed.request_id, OPERATOR, WHY)
    assert system.processing.run()["submitted"] == 1


def test_only_what_failed_is_reprocessed(world: World) -> None:
    system = world.system()
    (request_id,) = world.submit_invoices(system, 1)
    assert refusal(system, request_id) == "NOT_REPROCESSABLE"
    world.drain(system)
    assert refusal(system, request_id) == "NOT_REPROCESSABLE"
    assert world.get(system, request_id).generation == 1


def test_it_must_be_as_the_operator_saw_it(world: World) -> None:
    system = world.system()
    failed = failed_once(world, system)
    assert refusal(system, failed.request_id, version=failed.version - 1) == "CHANGED_MEANWHILE"
    system.operations.reprocess(failed.request_id, OPERATOR, WHY, version=failed.version)
    assert refusal(system, failed.request_id, version=failed.version) == "CHANGED_MEANWHILE"


def test_its_event_must_have_gone_out_first(world: World) -> None:
    """Else the event of the next generation could overtake it."""
    cut_off = world.system(kafka_bootstrap_servers="127.0.0.1:9", events_timeout_seconds=0.1)
    failed = failed_once(world, cut_off)
    assert refusal(cut_off, failed.request_id) == "EVENT_UNPUBLISHED"
    assert world.get(cut_off, failed.request_id) == failed

    system = world.system()
    world.clock.advance(100)
    assert system.monitoring.run()["published"] == 1
    system.operations.reprocess(failed.request_id, OPERATOR, WHY)


def test_an_event_that_was_set_aside_can_be_sent_on(world: World) -> None:
    system = world.system()
    failed = failed_once(world, system)
    with pytest.raises(ActionRefused, match="set aside"):
        system.operations.publish_again(failed.request_id, OPERATOR, WHY)
    with system.store._engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE outbox SET state = 'SET_ASIDE', published_at = NULL, due_at = NULL"
        )
    assert system.monitoring.run()["published"] == 0
    assert refusal(system, failed.request_id) == "EVENT_UNPUBLISHED"

    system.operations.publish_again(failed.request_id, OPERATOR, WHY)

    assert system.monitoring.run()["published"] == 1
    system.operations.reprocess(failed.request_id, OPERATOR, WHY)


# --- after a time-out -----------------------------------------------------------------------

SLOW: dict[str, Any] = {"generation_seconds": (100.0, 100.0)}


def timed_out(world: World, system: System) -> DocumentRequest:
    (request_id,) = world.submit_invoices(system, 1)
    world.drain(system, step=61)
    request = world.get(system, request_id)
    assert request.failure
    assert request.failure.category is FailureCategory.TIMEOUT
    return request


def test_after_a_time_out_that_thunderhead_confirms_it_is_generated_again(
    start: WorldStarter,
) -> None:
    world = start(**SLOW)
    failed = timed_out(world, world.system(batch_deadline_seconds=60))
    patient = world.system(batch_deadline_seconds=600)
    patient.operations.reprocess(failed.request_id, OPERATOR, WHY)
    world.drain(patient)
    assert world.get(patient, failed.request_id).status is RequestStatus.COMPLETED
    world.assert_each_once(patient)


def test_what_thunderhead_is_still_stopping_is_not_sent_again(start: WorldStarter) -> None:
    world = start(**SLOW, stopping_seconds=1000.0)
    system = world.system(batch_deadline_seconds=60)
    failed = timed_out(world, system)
    assert refusal(system, failed.request_id) == "STILL_GENERATING"


def test_a_late_success_is_noted_shown_and_stands_against_reprocessing(
    start: WorldStarter,
) -> None:
    world = start(**SLOW, cancellation_works=False)
    system = world.system(batch_deadline_seconds=60)
    failed = timed_out(world, system)
    assert rows(system, "SELECT state FROM batches")[0]["state"] == "SUBMITTED"

    world.clock.advance(60)
    system.monitoring.run()

    late = world.get(system, failed.request_id)
    assert late.generated_late_at == world.clock()
    assert (late.status, late.failure) == (RequestStatus.FAILED, failed.failure)
    assert to_resource(late)["outputs"]
    assert rows(system, "SELECT state FROM batches")[0]["state"] == "SETTLED"
    assert refusal(system, failed.request_id) == "ALREADY_GENERATED"
    assert len(world.events(1)) == 1, "a terminal status is published once"
    world.assert_each_once(system)


def test_reprocessing_reads_the_old_document_itself(start: WorldStarter) -> None:
    world = start(**SLOW, cancellation_works=False)
    system = world.system(batch_deadline_seconds=60)
    failed = timed_out(world, system)
    assert refusal(system, failed.request_id) == "STILL_GENERATING"
    world.clock.advance(60)  # and no monitoring run has seen the end

    assert refusal(system, failed.request_id) == "ALREADY_GENERATED"

    assert world.get(system, failed.request_id).generated_late_at == world.clock()
    assert world.get(system, failed.request_id).outputs
    system.monitoring.run()
    world.assert_each_once(system)


@pytest.mark.parametrize("operation", ["documents", "poll"])
def test_while_thunderhead_gives_no_answer_nothing_is_sent_again(
    start: WorldStarter, operation: str
) -> None:
    world = start(**SLOW)
    system = world.system(batch_deadline_seconds=60)
    failed = timed_out(world, system)
    world.arm(
        {"operation": "documents", "kind": "status", "status": 404},
        {"operation": operation, "kind": "status", "status": 503},
    )
    assert refusal(system, failed.request_id) == "THUNDERHEAD_UNAVAILABLE"
    assert world.get(system, failed.request_id) == failed


def test_what_thunderhead_has_purged_will_not_be_generated(start: WorldStarter) -> None:
    world = start(**SLOW)
    system = world.system(batch_deadline_seconds=60)
    failed = timed_out(world, system)
    world.arm(
        {"operation": "documents", "kind": "status", "status": 404},
        {"operation": "poll", "kind": "status", "status": 404},
    )
    assert system.operations.reprocess(failed.request_id, OPERATOR, WHY).generation == 2


def test_nobody_waits_for_ever_for_a_batch_that_never_ends(start: WorldStarter) -> None:
    world = start(generation_seconds=(1e6, 1e6), cancellation_works=False)
    system = world.system(batch_deadline_seconds=60)
    timed_out(world, system)
    world.clock.advance(61)
    system.monitoring.run()
    assert rows(system, "SELECT state FROM batches")[0]["state"] == "SETTLED"
    world.clock.advance(1000)
    assert system.monitoring.run()["claimed"] == 0


def test_a_batch_that_is_gone_after_its_time_out_is_closed(start: WorldStarter) -> None:
    world = start(**SLOW, cancellation_works=False)
    system = world.system(batch_deadline_seconds=60)
    failed = timed_out(world, system)
    world.arm({"operation": "poll", "kind": "status", "status": 404})
    world.clock.advance(20)
    system.monitoring.run()
    assert rows(system, "SELECT state FROM batches")[0]["state"] == "SETTLED"
    assert world.get(system, failed.request_id) == failed


def test_a_document_that_is_not_listed_yet_may_still_come(start: WorldStarter) -> None:
    world = start(generation_seconds=(2000.0, 2000.0), cancellation_works=False)
    system = world.system(batch_deadline_seconds=60)
    read = system.clients.thunderhead.documents
    system.clients.thunderhead.documents = lambda *_: {}  # type: ignore[method-assign]
    failed = timed_out(world, system)

    assert refusal(system, failed.request_id) == "STILL_GENERATING"

    system.clients.thunderhead.documents = read  # type: ignore[method-assign]
    world.clock.advance(5000)
    assert refusal(system, failed.request_id) == "ALREADY_GENERATED"
    world.assert_each_once(system)


def test_a_document_that_stays_pending_in_a_batch_that_ended_comes_no_more(
    start: WorldStarter,
) -> None:
    world = start(**SLOW)
    system = world.system(batch_deadline_seconds=60, pending_grace_seconds=30)

    def pending(*_: str) -> Any:
        ids = [str(request.request_id) for request in world.all_requests(system)]
        return {one: DocumentReport(one, DocumentStatus.PENDING) for one in ids}

    system.clients.thunderhead.documents = pending  # type: ignore[method-assign]
    failed = timed_out(world, system)
    assert refusal(system, failed.request_id) == "STILL_GENERATING"
    world.clock.advance(30)
    assert system.operations.reprocess(failed.request_id, OPERATOR, WHY).generation == 2


def test_what_may_not_be_visible_yet_is_not_sent_again(start: WorldStarter) -> None:
    """Abandoned within the time that Thunderhead may take to show what it has."""
    world = start(references_unique=False, visibility_seconds=30.0)
    system = world.system(thunderhead_reference_unique=False)
    (request_id,) = world.submit_invoices(system, 1)
    world.arm({"operation": "submit", "kind": "status-after", "status": 408, "times": 1})
    system.processing.run()
    (held,) = system.held.waiting(9)
    system.held.abandon(held.batch.batch_id, OPERATOR, WHY)
    system.monitoring.run()

    assert refusal(system, request_id) == "NOT_VISIBLE_YET"

    world.clock.advance(31)
    assert refusal(system, request_id) == "ALREADY_GENERATED"
    world.assert_each_once(system)
