"""Every way in which a poll may go wrong, and every way in which a batch may end."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from shared.domain.statuses import RequestStatus
from tests.integration.jobs.world import World, WorldStarter, invoice, rows, start_world

FAULTS: dict[str, dict[str, Any]] = {
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503, "retryAfter": 12},
    "429": {"kind": "status", "status": 429, "retryAfter": 12},
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "exceptions": {"kind": "exceptions"},
    "reset": {"kind": "reset-before"},
    "time-out": {"kind": "timeout-after"},
    "truncated": {"kind": "truncated"},
    "garbage": {"kind": "garbage"},
    "while1": {"kind": "while1"},
    "broken off": {"kind": "broken-off"},
    "slow drip": {"kind": "slow-drip"},
}


@pytest.mark.parametrize("operation", ["poll", "documents"])
@pytest.mark.parametrize("name", FAULTS)
def test_an_unusable_answer_is_no_verdict(start: WorldStarter, name: str, operation: str) -> None:
    world = start(stall_seconds=5.0)
    system = world.system(http_timeout_seconds=1)
    patient = world.system()
    good = world.submit_invoices(patient, 2)
    (bad,) = world.submit(patient, [invoice("BAD", content={"Document": {"InvoiceNumber": "1"}})])
    world.arm({"operation": operation, "times": 2, **FAULTS[name]})

    world.drain(system)

    assert {world.get(system, one).status for one in good} == {RequestStatus.COMPLETED}
    failure = world.get(system, bad).failure
    assert failure
    assert failure.code == "TMH-4012"
    world.assert_one_event_stored_each(system)


def test_a_batch_that_was_stopped_fails_what_was_not_generated(world: World) -> None:
    system = world.system()
    world.arm({"operation": "submit", "kind": "stopped", "times": 1})
    world.submit_invoices(system, 4)

    world.drain(system)

    ended = world.all_requests(system)
    failures = [request.failure for request in ended if request.failure]
    assert [(f.category.value, f.code) for f in failures] == [("GENERATION", "STOPPED")] * 2
    assert world.statuses(system)[RequestStatus.COMPLETED] == 2
    world.assert_each_once(system)


def test_an_unknown_vendor_status_is_polled_on(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 1)
    world.arm({"operation": "poll", "kind": "unknown-status", "times": 3})

    world.drain(system)

    assert world.statuses(system) == {RequestStatus.COMPLETED: 1}
    assert rows(system, "SELECT polls FROM batches")[0]["polls"] == 4


def test_an_unknown_vendor_status_is_warned_about_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    system = world.system()
    world.submit_invoices(system, 1)
    world.arm({"operation": "poll", "kind": "unknown-status", "times": 3})

    with caplog.at_level(logging.WARNING, "shared"):
        world.drain(system)

    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1


def test_an_unknown_vendor_status_falls_under_the_deadline(world: World) -> None:
    system = world.system(batch_deadline_seconds=60)
    world.submit_invoices(system, 1)
    world.arm({"operation": "poll", "kind": "unknown-status"})

    world.drain(system)

    (request,) = world.all_requests(system)
    # Generated in truth: the last look at its documents shows it.
    assert request.status is RequestStatus.COMPLETED
    assert world.calls()["cancel"] == 1


def test_past_the_deadline_a_batch_is_cancelled_and_what_is_not_done_times_out(
    start: WorldStarter,
) -> None:
    world = start(generation_seconds=(100.0, 100.0))
    system = world.system(batch_deadline_seconds=60)
    world.submit_invoices(system, 4)

    world.drain(system)

    categories = [r.failure.category.value for r in world.all_requests(system) if r.failure]
    assert categories
    assert set(categories) == {"TIMEOUT"}
    assert len(categories) + world.statuses(system)[RequestStatus.COMPLETED] == 4
    assert world.calls()["cancel"] == 1
    world.assert_each_once(system)
    assert len(world.generated()) == 4 - len(categories), "what timed out was not generated"
    world.assert_one_event_stored_each(system)


def test_without_a_cancel_nothing_times_out(start: WorldStarter) -> None:
    world = start(generation_seconds=(200.0, 200.0))
    system = world.system(batch_deadline_seconds=60)
    world.submit_invoices(system, 1)
    world.arm({"operation": "cancel", "kind": "status", "status": 503})

    for _ in range(10):
        system.processing.run()
        system.monitoring.run()
        world.clock.advance(15)
    assert world.statuses(system) == {RequestStatus.SUBMITTED: 1}

    world.clock.advance(100)
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 1}


@pytest.mark.parametrize("unreadable", ["status", "garbage", "reset-before"])
def test_without_a_last_read_nothing_times_out(start: WorldStarter, unreadable: str) -> None:
    world = start(generation_seconds=(200.0, 200.0), stopping_seconds=10.0)
    system = world.system(batch_deadline_seconds=60)
    world.submit_invoices(system, 1)
    system.processing.run()
    world.clock.advance(61)
    world.arm({"operation": "documents", "kind": unreadable})

    system.monitoring.run()

    assert world.statuses(system) == {RequestStatus.SUBMITTED: 1}


def test_a_batch_that_is_not_visible_yet_is_polled_again(start: WorldStarter) -> None:
    world = start(visibility_seconds=20.0)
    system = world.system(thunderhead_visibility_seconds=30)
    world.submit_invoices(system, 2)

    world.drain(system, step=6)

    assert world.statuses(system) == {RequestStatus.COMPLETED: 2}


@pytest.mark.parametrize("lookup", [True, False])
def test_a_batch_that_is_gone_is_looked_up_and_then_held(world: World, lookup: bool) -> None:
    system = world.system(thunderhead_lookup_supported=lookup)
    world.submit_invoices(system, 2)
    system.processing.run()
    with world.stack.pop_all() as stack:
        world.thunderhead.stop()
        successor = _another_thunderhead(world, stack)
        other = world.system(
            thunderhead_lookup_supported=lookup,
            thunderhead_base_url=f"{successor.thunderhead.url}/thunderhead/v1",
        )
        world.clock.advance(10)
        other.monitoring.run()
        assert world.statuses(system) == {RequestStatus.SUBMITTED: 2}, "not visible yet"
        world.clock.advance(60)
        assert other.monitoring.run()["held"] == 2
        assert successor.calls()["lookup"] == (1 if lookup else 0)
        assert successor.events(0) == []
    (batch,) = rows(system, "SELECT state, hold_reason FROM batches")
    assert batch["state"] == "HELD"
    assert batch["hold_reason"]


def test_a_batch_that_is_found_and_never_readable_is_held_at_its_deadline(world: World) -> None:
    system = world.system(batch_deadline_seconds=600)
    world.submit_invoices(system, 1)
    system.processing.run()
    world.arm({"operation": "poll", "kind": "status", "status": 404})
    world.clock.advance(599)
    system.monitoring.run()
    assert world.statuses(system) == {RequestStatus.SUBMITTED: 1}
    world.clock.advance(60)
    system.monitoring.run()
    assert world.statuses(system) == {RequestStatus.HELD: 1}


def test_after_a_long_outage_of_ours_one_bad_answer_is_no_verdict(world: World) -> None:
    system = world.system(batch_deadline_seconds=600)
    world.submit_invoices(system, 1)
    system.processing.run()
    world.clock.advance(700)
    world.arm({"operation": "documents", "kind": "status", "status": 503, "times": 1})
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 1}


def test_one_batch_that_thunderhead_will_not_show_stops_nobody(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 1)
    system.processing.run()
    world.clock.advance(10)
    world.arm({"operation": "poll", "kind": "status", "status": 410})
    system.monitoring.run()
    world.submit(system, [invoice("ANOTHER")])

    assert system.processing.run()["submitted"] == 1


@pytest.mark.parametrize("bad", [False, True])
def test_documents_that_stay_pending_are_settled_after_the_grace(world: World, bad: bool) -> None:
    """Held where the batch ended well, failed where it did not."""
    system = world.system(pending_grace_seconds=40)
    if bad:
        world.arm({"operation": "submit", "kind": "stopped", "times": 1})
    world.submit_invoices(system, 2)
    system.processing.run()
    documents = system.clients.thunderhead.documents

    def only_the_first(batch_id: str, traceparent: str) -> Any:
        found: Any = documents(batch_id, traceparent)
        return dict(list(found.items())[:1])

    system.clients.thunderhead.documents = only_the_first  # type: ignore[method-assign]
    world.clock.advance(15)
    system.monitoring.run()
    assert world.statuses(system) == {RequestStatus.COMPLETED: 1, RequestStatus.SUBMITTED: 1}

    world.drain(system)
    other = RequestStatus.FAILED if bad else RequestStatus.HELD
    assert world.statuses(system) == {RequestStatus.COMPLETED: 1, other: 1}
    world.assert_one_event_stored_each(system)


def _another_thunderhead(world: World, stack: Any) -> World:
    return start_world(stack, world.clock, world.database_url)
