"""How things stand: dependencies, jobs, what waits and since when, the outbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.composition import System
from shared.domain.models import Pause
from shared.domain.statuses import RequestStatus
from shared.domain.timing import after
from shared.jobs import overview
from shared.jobs.console_models import Count
from shared.jobs.overview import DependencyState, Overview, WaitingState
from shared.jobs.queries import Caller
from tests.integration.clocks import START
from tests.integration.jobs.world import World, WorldStarter, invoice

OPERATOR = Caller("operator")
WHY = "why"
RECEIVED, PROCESSING = RequestStatus.RECEIVED, RequestStatus.PROCESSING
SUBMITTED, HELD = RequestStatus.SUBMITTED, RequestStatus.HELD


def now(system: System, caller: Caller = OPERATOR) -> Overview:
    return system.overviews.now(caller)


def waiting(system: System, status: RequestStatus, caller: Caller = OPERATOR) -> WaitingState:
    (found,) = [one for one in now(system, caller).waiting if one.waiting.status is status]
    return found


def test_on_an_empty_database_nothing_waits_and_the_jobs_have_never_run(world: World) -> None:
    found = now(world.system())
    assert [job.is_overdue for job in found.jobs] == [True, True]
    assert {one.state for one in found.dependencies} == {DependencyState.UP}
    assert [one.waiting.count for one in found.waiting] == [Count(0)] * 4
    assert not any(one.is_late for one in found.waiting)
    assert (found.failed, found.outbox.pending, found.outbox.set_aside) == (Count(0),) * 3


def test_a_job_that_has_not_run_for_long_may_be_dead(world: World) -> None:
    system = world.system(alert_job_seconds=900)
    system.processing.run()
    world.clock.advance(900)
    system.monitoring.run()
    assert [job.is_overdue for job in now(system).jobs] == [False, False]
    world.clock.advance(1)
    processing, monitoring = now(system).jobs
    assert (processing.is_overdue, monitoring.is_overdue) == (True, False)
    assert processing.last_run
    assert processing.last_run.finished_at == START


def test_dependencies_are_as_the_last_runs_saw_them(world: World) -> None:
    system = world.system()
    until = after(START, 60)
    pause = Pause("thunderhead", START, until, 1, "HTTP 429", "monitoring")
    system.store.write(lambda tx: tx.pauses.extend(pause))
    system.submissions.pause(OPERATOR, WHY, "1709524441")
    found = {one.name: one for one in now(system).dependencies}
    assert found["thunderhead"].state is DependencyState.PAUSED
    assert found["thunderhead"].pause == pause
    assert found["events"].state is DependencyState.UP
    (by_hand,) = now(system).paused_submissions
    assert (by_hand.name, by_hand.actor) == ("submissions:1709524441", "operator")
    world.clock.advance(60)
    found = {one.name: one for one in now(system).dependencies}
    assert found["thunderhead"].state is DependencyState.RETRYING


def test_a_refusal_by_thunderhead_is_no_pause_by_hand(world: World) -> None:
    system = world.system()
    refused = Pause("submissions", START, after(START, 60), 1, "HTTP 403", "processing")
    system.store.write(lambda tx: tx.pauses.extend(refused))
    assert now(system).paused_submissions == []
    found = now(system).refused_submissions
    assert (found.state, found.pause) == (DependencyState.PAUSED, refused)
    world.clock.advance(60)
    assert now(system).refused_submissions.state is DependencyState.RETRYING
    system.submissions.pause(OPERATOR, WHY)
    assert [one.name for one in now(system).paused_submissions] == ["submissions"]
    assert now(system).refused_submissions.pause is None


def test_what_is_received_waits_since_it_was_accepted(world: World) -> None:
    system = world.system(alert_waiting_seconds=1800)
    (oldest,) = world.submit(system, [invoice("A")])
    world.clock.advance(1800)
    world.submit(system, [invoice("B")])
    found = waiting(system, RECEIVED)
    assert found.waiting.count == Count(2)
    assert (found.waiting.oldest_request_id, found.waiting.since) == (oldest, START)
    assert (found.age, found.limit, found.is_late) == (
        timedelta(seconds=1800),
        timedelta(seconds=1800),
        False,
    )
    world.clock.advance(1)
    assert waiting(system, RECEIVED).is_late


def test_a_claim_that_is_given_back_does_not_make_it_younger(world: World) -> None:
    system = world.system(reference_data_base_url="http://127.0.0.1:1")
    (one,) = world.submit_invoices(world.system(), 1)
    world.clock.advance(600)
    system.processing.run()
    assert world.get(system, one).updated_at > START
    assert waiting(system, RECEIVED).waiting.since == START


def test_what_is_submitted_waits_since_then_and_what_has_ended_no_more(
    start: WorldStarter,
) -> None:
    world = start(generation_seconds=(3600.0, 3600.0))
    system = world.system(batch_deadline_seconds=86_400)
    (one,) = world.submit_invoices(system, 1)
    world.clock.advance(60)
    system.processing.run()
    found = waiting(system, SUBMITTED)
    assert (found.waiting.count, found.waiting.oldest_request_id) == (Count(1), one)
    assert found.waiting.since == after(START, 60)
    assert found.limit == timedelta(days=1)
    assert waiting(system, RECEIVED).waiting.oldest_request_id is None
    world.drain(system, step=3600)
    assert waiting(system, SUBMITTED).waiting.count == Count(0)


def test_what_is_reprocessed_waits_anew(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    system.operations.cancel(one, OPERATOR, WHY)
    assert now(system).failed == Count(1)
    system.monitoring.run()
    world.clock.advance(86_400)
    system.operations.reprocess(one, OPERATOR, WHY)
    assert waiting(system, RECEIVED).waiting.since == world.clock()
    assert now(system).failed == Count(0)


def test_what_is_held_waits_since_it_is_held(start: WorldStarter) -> None:
    blind: dict[str, Any] = {"references_unique": False, "lookup_supported": False}
    world = start(**blind)
    system = world.system(
        thunderhead_reference_unique=False,
        thunderhead_lookup_supported=False,
        alert_held_seconds=3600,
    )
    world.submit_invoices(system, 2)
    world.arm({"operation": "submit", "kind": "reset-before", "times": 1})
    world.drain(system)
    found = waiting(system, HELD)
    assert found.waiting.count == Count(2)
    assert found.waiting.since
    assert found.waiting.since > START
    assert found.limit == timedelta(hours=1)
    (held,) = system.held.waiting(1)
    system.held.resend(held.batch.batch_id, OPERATOR, WHY)
    assert waiting(system, PROCESSING).waiting.since == world.clock()


def test_the_outbox_says_how_much_it_holds_and_since_when(world: World) -> None:
    system = world.system()
    one, two = world.submit_invoices(system, 2)
    system.operations.cancel(one, OPERATOR, WHY)
    world.clock.advance(60)
    system.operations.cancel(two, OPERATOR, WHY)
    depth = now(system).outbox
    assert (depth.pending, depth.oldest_pending_since) == (Count(2), START)

    def set_aside(tx: Any) -> None:
        owner = held[0].event_id
        (event,) = tx.outbox.claim(owner, world.clock(), world.clock(), 1)
        tx.outbox.set_aside(owner, [event.event_id], "too large")

    held = system.store.read(lambda tx: tx.outbox.of(one))
    system.store.write(set_aside)
    depth = now(system).outbox
    assert (depth.pending, depth.set_aside) == (Count(1), Count(1))
    assert depth.oldest_set_aside_since == START
    system.monitoring.run()
    assert now(system).outbox.pending == Count(0)


def test_counts_end_at_their_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_COUNTED", 2)
    system = world.system()
    world.submit(system, [invoice("A"), invoice("B")])
    assert waiting(system, RECEIVED).waiting.count == Count(2)
    world.submit(system, [invoice("C")])
    assert waiting(system, RECEIVED).waiting.count == Count(2, is_more=True)


def test_counts_are_those_of_the_callers_source_systems(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 1)
    world.clock.advance(60)
    (polaris,) = world.submit(system, [invoice("P", sourceSystem="POLARIS")])
    caller = Caller("polaris", frozenset({"POLARIS"}))
    found = waiting(system, RECEIVED, caller).waiting
    assert (found.count, found.oldest_request_id) == (Count(1), polaris)


def test_the_monitoring_job_brings_the_statistics_up_to_date(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 2)
    world.drain(system)
    world.clock.advance(600)
    system.monitoring.run()
    found = system.overviews.activity(START, after(START, 3600), overview.Step.HOUR, OPERATOR)
    assert (found.total.accepted, found.total.completed) == (2, 2)
