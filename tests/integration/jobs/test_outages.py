"""A dependency is out for a while: nothing is lost, nothing is counted against a request."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest

from local.broker import MockBroker
from shared.domain.models import Batch
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.thunderhead import Submission
from tests.integration.jobs.world import (
    POLICY_TOPIC,
    STEP_SECONDS,
    TOPIC,
    World,
    WorldStarter,
    invoice,
    read_events,
    rows,
)
from tests.integration.waiting import wait_for

_OWNER = UUID(int=1)


def test_without_reference_data_claims_are_given_back(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 3)
    newcomer = world.system()  # its cache is empty
    world.reference_data.pause()

    summary = newcomer.processing.run()

    assert (summary["claimed"], summary["retried"], summary["failed"]) == (3, 3, 0)
    assert world.statuses(system) == {RequestStatus.RECEIVED: 3}
    assert {row["due_at"] is None for row in rows(system, "SELECT * FROM document_requests")} == {
        False
    }
    assert newcomer.processing.run()["claimed"] == 0, "the next run keeps the pause"

    world.reference_data.resume()
    world.drain(newcomer)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 3}
    world.assert_each_once(system)


def test_stale_reference_data_serves_while_it_is_young_enough(world: World) -> None:
    system = world.system(reference_data_max_stale_seconds=3600)
    world.submit(system, [invoice("REQ-1"), invoice("REQ-2")])
    system.processing.run()
    world.submit(system, [invoice("REQ-3")])
    world.reference_data.pause()
    world.clock.advance(600)

    assert system.processing.run()["submitted"] == 1

    world.submit(system, [invoice("REQ-4")])
    world.clock.advance(3600)
    summary = system.processing.run()
    assert (summary["submitted"], summary["retried"]) == (0, 1)


def test_with_thunderhead_down_nothing_is_lost_and_no_attempt_is_consumed(world: World) -> None:
    system = world.system(max_attempts=1, max_documents_per_batch=2)
    world.submit_invoices(system, 6)
    world.thunderhead.pause()

    for _ in range(8):
        system.processing.run()
        system.monitoring.run()
        world.clock.advance(STEP_SECONDS)

    assert world.statuses(system).keys() <= {RequestStatus.RECEIVED, RequestStatus.PROCESSING}
    assert {row["attempts"] for row in rows(system, "SELECT attempts FROM batches")} <= {0}

    world.thunderhead.resume()
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 6}
    world.assert_each_once(system)
    world.assert_one_event_each(system)


def test_an_outage_while_batches_are_polled_is_no_verdict(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 3)
    system.processing.run()
    world.thunderhead.pause()
    for _ in range(5):
        world.clock.advance(STEP_SECONDS)
        system.monitoring.run()
    assert world.statuses(system) == {RequestStatus.SUBMITTED: 3}

    world.thunderhead.resume()
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 3}


@pytest.mark.parametrize("lookup", [True, False])
@pytest.mark.parametrize("status", [503, 500])
def test_an_outage_behind_a_gateway_uses_up_no_attempt(
    start: WorldStarter, status: int, lookup: bool
) -> None:
    """Without look-up every round sends again; with it, nothing is sent before an answer."""
    world = start(lookup_supported=lookup)
    system = world.system(
        max_attempts=2, max_documents_per_batch=1, thunderhead_lookup_supported=lookup
    )
    world.submit_invoices(system, 6)
    everything = ("submit", "lookup", "poll", "documents")
    world.arm(*({"operation": name, "kind": "status", "status": status} for name in everything))
    for _ in range(8):
        system.processing.run()
        world.clock.advance(STEP_SECONDS)
    assert world.statuses(system).keys() <= {RequestStatus.RECEIVED, RequestStatus.PROCESSING}

    world.disarm()
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 6}
    world.assert_each_once(system)


def test_a_pause_is_kept_by_the_next_run_without_a_call(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 1)
    world.arm({"operation": "submit", "kind": "status", "status": 429, "retryAfter": 100})
    system.processing.run()
    before = world.calls()["submit"]
    world.submit(system, [invoice("LATER")])

    for _ in range(3):
        world.clock.advance(30)
        assert world.system().processing.run()["claimed"] == 0
    assert world.calls()["submit"] == before

    world.disarm()
    world.clock.advance(11)
    assert world.system().processing.run()["submitted"] == 2


def test_a_success_elsewhere_does_not_end_what_a_retry_after_asked_for(world: World) -> None:
    system = world.system(max_documents_per_batch=1, http_concurrency=2)
    world.submit_invoices(system, 2)
    world.arm(
        {"operation": "submit", "kind": "status", "status": 429, "retryAfter": 100, "times": 1}
    )
    send, order = system.clients.thunderhead.submit, iter((False, True))
    both_under_way = threading.Barrier(2)

    def paused() -> bool:
        return "thunderhead" in system.store.read(lambda tx: tx.pauses.all())

    def submit(payload: bytes, traceparent: str) -> Submission:
        both_under_way.wait(10)
        if next(order):
            wait_for(paused, "the pause of the other call")
        return send(payload, traceparent)

    system.clients.thunderhead.submit = submit  # type: ignore[method-assign]
    assert system.processing.run()["submitted"] == 1

    assert paused()


def test_403_stops_submitting_for_this_run(world: World) -> None:
    system = world.system(max_documents_per_batch=1, http_concurrency=1)
    world.submit_invoices(system, 8)
    world.arm({"operation": "submit", "kind": "status", "status": 403})

    system.processing.run()

    assert world.calls()["submit"] == 1
    world.disarm()
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 8}


def test_events_wait_for_the_broker_and_keep_their_order(world: World) -> None:
    system = world.system(events_timeout_seconds=1)
    ids = world.submit_invoices(system, 3)
    world.submit(system, [invoice("POL", documentName="POMOTNEW", documentType="POLICY")])
    world.broker.stop()

    world.drain(system)
    outbox = rows(system, "SELECT state, attempts FROM outbox")
    assert {(row["state"], row["attempts"]) for row in outbox} == {("PENDING", 1)}
    assert world.statuses(system)[RequestStatus.COMPLETED] == len(ids)
    assert system.monitoring.run()["published"] == 0

    with MockBroker([TOPIC, POLICY_TOPIC]) as broker:
        recovered = world.system(kafka_bootstrap_servers=broker.bootstrap_servers)
        world.clock.advance(600)
        assert recovered.monitoring.run()["published"] == 4
        world.clock.advance(600)
        assert recovered.monitoring.run()["published"] == 0
        events = read_events(broker.bootstrap_servers, [TOPIC, POLICY_TOPIC], 4)
        assert len({event["value"]["id"] for event in events}) == 4
        assert {event["value"]["data"]["requestId"] for event in events} >= set(map(str, ids))
        recovered.close()


def test_a_send_that_never_left_is_not_in_doubt(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 1)
    world.thunderhead.pause()
    system.processing.run()

    now = world.clock.advance(600)

    def work(tx: object) -> list[Batch]:
        return list(tx.batches.claim(BatchState.SUBMITTING, _OWNER, now, now, 9))  # type: ignore

    (batch,) = system.store.write(work)
    assert (batch.in_flight, batch.unknown_since, batch.attempts) == (False, None, 0)
