"""Several runs at once, and runs that lost what they held."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.domain.statuses import RequestStatus
from tests.integration.jobs.world import World, WorldStarter, invoice, rows
from tests.telemetry import recorded


def test_two_runs_of_each_job_at_once_do_nothing_twice(start: WorldStarter) -> None:
    world = start(latency_seconds=0.01)
    systems = [world.system(max_documents_per_batch=5) for _ in range(4)]
    for number in range(4):
        world.submit(systems[0], [_numbered(f"{number}-{index}") for index in range(50)])
    total: Counter[str] = Counter()
    for _ in range(3):
        total += _at_once(
            systems[0].processing.run,
            systems[1].processing.run,
            systems[2].monitoring.run,
            systems[3].monitoring.run,
        )
        world.clock.advance(15)

    assert world.statuses(systems[0]) == {RequestStatus.COMPLETED: 200}
    assert set(world.accepted().values()) == {1}
    assert len(world.accepted()) == 200
    # Not always the fewest possible: a claim on SQL Server steps over rows that others lock.
    assert world.calls()["submit"] == len(world.ledger()["batches"]) >= 40
    assert (total["submitted"], total["completed"], total["published"]) == (200, 200, 200)
    assert total["lost"] == 0
    claims = rows(
        systems[0],
        "SELECT request_id FROM status_history WHERE to_status = 'PROCESSING'",
    )
    assert len(claims) == len({row["request_id"] for row in claims}) == 200
    world.assert_one_event_each(systems[0])


def test_a_run_that_lost_its_claim_during_enrichment_changes_nothing(world: World) -> None:
    late, heir = world.system(), world.system()
    world.submit_invoices(late, 3)
    _interrupt(late.clients.reference_data, "configurations", lambda: _take_over(world, heir))

    summary = late.processing.run()

    assert (summary["claimed"], summary["lost"], summary["submitted"]) == (3, 3, 0)
    assert world.calls()["submit"] == 1
    assert world.statuses(heir) == {RequestStatus.SUBMITTED: 3}
    world.drain(heir)
    world.assert_each_once(heir)
    world.assert_one_event_each(heir)


def test_a_run_that_lost_its_batch_during_the_submission_changes_nothing(world: World) -> None:
    late, heir = world.system(), world.system()
    world.submit_invoices(late, 3)
    _interrupt(late.clients.thunderhead, "submit", lambda: _take_over(world, heir), after=True)

    summary = late.processing.run()

    assert (summary["claimed"], summary["lost"], summary["submitted"]) == (3, 3, 0)
    assert world.statuses(heir) == {RequestStatus.SUBMITTED: 3}
    assert world.calls()["submit"] == 1, "the heir adopted what was sent"
    world.drain(heir)
    world.assert_each_once(heir)
    world.assert_one_event_each(heir)


def test_nothing_is_sent_under_a_lease_that_is_lost(world: World) -> None:
    """The run is suspended between its intent and its send; another takes the batch over."""
    late, heir = world.system(), world.system()
    (request_id,) = world.submit_invoices(late, 1)
    is_paused = _before_the_send(late, lambda: _take_over(world, heir))

    summary = late.processing.run()

    assert is_paused.is_set()
    assert summary["lost"] == 1
    assert world.calls()["submit"] == 1
    assert world.get(heir, request_id).status is RequestStatus.SUBMITTED


def test_a_late_poll_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = recorded(monkeypatch)
    late, heir = world.system(), world.system()
    world.submit_invoices(late, 2)
    late.processing.run()
    world.clock.advance(10)

    def take_over() -> None:
        world.clock.advance(61)
        assert heir.monitoring.run()["completed"] == 2

    _interrupt(late.clients.thunderhead, "documents", take_over, after=True)
    summary = late.monitoring.run()

    assert (summary["completed"], summary["failed"]) == (0, 0)
    assert summary["lost"] >= 1
    assert len(rows(heir, "SELECT * FROM status_history WHERE to_status = 'COMPLETED'")) == 2
    assert [point.count for point in telemetry.points("oms.batch.polls")] == [1]
    world.assert_one_event_each(heir)


def test_a_late_acknowledgement_marks_nothing_but_the_event_keeps_its_id(world: World) -> None:
    late, heir = world.system(), world.system()
    world.submit_invoices(late, 1)
    late.processing.run()
    world.clock.advance(10)

    def take_over() -> None:
        world.clock.advance(61)
        assert heir.monitoring.run()["published"] == 1

    _interrupt(late.clients.publisher, "publish", take_over, after=True)
    summary = late.monitoring.run()

    assert summary["published"] == 0
    events = world.events(2)  # at least once: both had the lease when they published
    assert len({event["value"]["id"] for event in events}) == 1


def test_an_event_that_another_run_published_counts_as_lost(world: World) -> None:
    late, heir = world.system(), world.system()
    world.submit_invoices(late, 1)
    late.processing.run()
    world.clock.advance(10)

    def take_over() -> None:
        world.clock.advance(61)
        heir.monitoring.run()

    _interrupt(late.clients.publisher, "publish", take_over, after=True)

    assert late.monitoring.run()["lost"] == 1


def test_a_run_that_was_late_but_not_replaced_goes_on(world: World) -> None:
    """The lease ran out, nobody took over: the owner is still the owner."""
    system = world.system()
    world.submit_invoices(system, 2)
    _interrupt(system.clients.thunderhead, "submit", lambda: world.clock.advance(61), after=True)

    assert system.processing.run()["submitted"] == 2
    world.drain(system)
    world.assert_each_once(system)


def test_what_a_dead_run_had_claimed_is_taken_up_when_its_lease_ends(world: World) -> None:
    system = world.system()
    ids = world.submit_invoices(system, 2)
    now = world.clock()
    owner = ids[0]
    system.store.write(
        lambda tx: tx.claimed.take(RequestStatus.RECEIVED, owner, now, world.clock.advance(0.5), 10)
    )
    world.clock.advance(-0.2)
    assert system.processing.run()["claimed"] == 0
    world.clock.advance(1)
    assert system.processing.run()["submitted"] == 2


@pytest.mark.parametrize("is_accepted", [True, False])
def test_a_run_that_died_during_a_send_leaves_it_in_doubt(
    start: WorldStarter, is_accepted: bool
) -> None:
    """Where a second batch with the same reference would be generated too."""
    world = start(references_unique=False)
    system = world.system(thunderhead_reference_unique=False)
    world.submit_invoices(system, 2)
    submit = system.clients.thunderhead.submit

    def die(payload: bytes, traceparent: str) -> Any:
        if is_accepted:
            submit(payload, traceparent)
        raise SystemExit

    system.clients.thunderhead.submit = die  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        system.processing.run()
    system.clients.thunderhead.submit = submit  # type: ignore[method-assign]
    world.clock.advance(61)  # the lease

    world.drain(system)

    expected = RequestStatus.COMPLETED if is_accepted else RequestStatus.HELD
    assert world.statuses(system) == {expected: 2}
    world.assert_each_once(system)


def _numbered(name: str) -> Any:
    return invoice(f"REQ-{name}")


def _at_once(*runs: Callable[[], dict[str, Any]]) -> Counter[str]:
    barrier = threading.Barrier(len(runs))

    def started(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        barrier.wait(10)
        return run()

    with ThreadPoolExecutor(len(runs)) as pool:
        summaries = list(pool.map(started, runs))
    total: Counter[str] = Counter()
    for summary in summaries:
        total.update({name: value for name, value in summary.items() if isinstance(value, int)})
    return total


def _interrupt(
    client: Any, method: str, meanwhile: Callable[[], object], *, after: bool = False
) -> None:
    """Let something happen during the first call of a method: before or after its effect."""
    original, once = getattr(client, method), iter([True])

    def interrupted(*arguments: Any) -> Any:
        first = next(once, False)
        if first and not after:
            meanwhile()
        result = original(*arguments)
        if first and after:
            meanwhile()
        return result

    setattr(client, method, interrupted)


def _before_the_send(system: Any, meanwhile: Callable[[], object]) -> threading.Event:
    """Suspend the run after its intent is committed, before it looks at its lease."""
    done = threading.Event()
    store = system.store
    write = store.write

    def suspended(work: Callable[[Any], Any]) -> Any:
        result = write(work)
        intents = rows(system, "SELECT 1 FROM batches WHERE state = 'SUBMITTING'")
        if intents and not done.is_set():
            done.set()
            meanwhile()
        return result

    store.write = suspended
    return done


def _take_over(world: World, heir: Any) -> None:
    """Let the lease end and another run do the work."""
    world.clock.advance(61)
    heir.processing.run()
