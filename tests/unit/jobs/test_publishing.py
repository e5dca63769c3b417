from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from shared.domain.events import event_id, terminal_event
from shared.domain.models import DocumentRequest
from shared.domain.retrying import Backoff
from shared.domain.statuses import RequestStatus
from shared.errors import DatabaseUnavailable
from shared.jobs import pausing
from shared.jobs.leasing import Leases
from shared.jobs.pausing import Pauses
from shared.jobs.ports import PublishFailure
from shared.jobs.publishing import EVENTS_PER_FLUSH, Publishing
from shared.jobs.runs import MONITORING, Run, Runs
from shared.store.database import SqlStore
from shared.store.tables import outbox
from tests.unit.domain.builders import NOON, a_request, ids
from tests.unit.jobs.fakes import CountingIds, FakePublisher, InterruptedStore, StandingClock

PASSING = PublishFailure("the broker did not answer", is_final=False)
FINAL = PublishFailure("message too large", is_final=True)
FIRST, SECOND, THIRD = (event_id(number, 1, RequestStatus.FAILED) for number in ids(3))


class Stage:
    """An outbox with events of failed requests, and somebody to publish them."""

    def __init__(self, engine: Engine, store: SqlStore, clock: StandingClock) -> None:
        self.engine = engine
        self.store = InterruptedStore(store)
        self.clock = clock
        self.publisher = FakePublisher()
        self.new_id = CountingIds()
        self.runs = Runs(store, clock, self.new_id, 480)
        self.leases = Leases(self.store, clock, self.new_id, 60, 30)
        self.run = self.runs.start(MONITORING)
        self.pauses = Pauses(store, Backoff(5, 600, lambda: 1.0), clock, MONITORING)

    def add(self, count: int) -> None:
        requests = [
            a_request(
                request_id=request_id,
                request_correlation_id=f"REQ-{request_id}",
                status=RequestStatus.FAILED,
            )
            for request_id in ids(count)
        ]
        events = [
            terminal_event(request, environment="test", default_topic="oms-document-status")
            for request in requests
        ]

        def work(tx: Any) -> None:
            tx.requests.insert(requests, ["{}"] * count)
            tx.outbox.add(events, NOON)

        self.store.write(work)
        self.store.writes = 0

    def publish(self) -> Run:
        """Publish what is due in a run of its own."""
        self.run = self.runs.start(MONITORING)
        backoff = Backoff(5, 600, lambda: 1.0)
        publishing = Publishing(self.store, self.publisher, self.leases, self.runs, backoff)
        publishing.publish_due(self.run, self.pauses)
        return self.run

    def states(self) -> dict[UUID, str]:
        with self.engine.begin() as connection:
            rows = connection.execute(select(outbox.c.event_id, outbox.c.state))
            return {row.event_id: row.state for row in rows}

    @property
    def published(self) -> list[UUID]:
        return [event.event_id for event in self.publisher.published]


@pytest.fixture
def stage(engine: Engine, store: SqlStore, clock: StandingClock) -> Callable[[int], Stage]:
    def make(count: int) -> Stage:
        stage = Stage(engine, store, clock)
        if count:
            stage.add(count)
        return stage

    return make


MakeStage = Callable[[int], Stage]


def test_every_due_event_is_published_once_and_marked(stage: MakeStage) -> None:
    some = stage(3)
    run = some.publish()
    assert sorted(some.published) == sorted([FIRST, SECOND, THIRD])
    assert set(some.states().values()) == {"PUBLISHED"}
    assert run.counts["published"] == 3
    assert some.publish().counts["published"] == 0
    assert some.publisher.calls == 1


def test_what_is_published_is_what_was_frozen(stage: MakeStage) -> None:
    some = stage(1)
    some.publish()
    [event] = some.publisher.published
    request: DocumentRequest = a_request(
        request_id=event.request_id,
        request_correlation_id=f"REQ-{event.request_id}",
        status=RequestStatus.FAILED,
    )
    assert event == terminal_event(request, environment="test", default_topic="oms-document-status")


def test_an_empty_outbox_costs_one_statement_and_no_call(stage: MakeStage) -> None:
    some = stage(0)
    some.publish()
    assert some.store.writes == 1
    assert some.publisher.calls == 0


def test_more_than_one_flush_is_drained(stage: MakeStage) -> None:
    some = stage(EVENTS_PER_FLUSH + 1)
    assert some.publish().counts["published"] == EVENTS_PER_FLUSH + 1
    assert some.publisher.calls == 2


def test_the_next_are_claimed_while_the_broker_has_the_ones_before(stage: MakeStage) -> None:
    some = stage(EVENTS_PER_FLUSH + 1)
    are_claimed = threading.Event()
    some.store.before_writes = [lambda: None, are_claimed.set]  # the first claim, then the next
    waited: list[bool] = []
    some.publisher.meanwhile = lambda: waited.append(are_claimed.wait(10))
    some.publish()
    assert waited == [True, True]
    assert some.store.writes == 4  # two claims, two marks: no claim is needed to find nothing


def test_once_the_broker_is_out_nothing_more_is_claimed(stage: MakeStage) -> None:
    some = stage(3 * EVENTS_PER_FLUSH)
    some.publisher.failures = dict.fromkeys(some.states(), PASSING)
    assert some.publish().counts["retried"] == 2 * EVENTS_PER_FLUSH
    assert some.publisher.calls == 2


def test_nothing_is_marked_before_the_broker_has_it(stage: MakeStage) -> None:
    some = stage(2)
    seen: list[str] = []
    some.publisher.meanwhile = lambda: seen.extend(some.states().values())
    some.publish()
    assert seen == ["PENDING", "PENDING"]


def test_an_event_whose_mark_is_lost_is_published_again(stage: MakeStage) -> None:
    some = stage(1)

    def fail() -> None:
        raise DatabaseUnavailable("gone")

    some.store.before_writes = [lambda: None, fail]  # the claim, then the mark
    with pytest.raises(DatabaseUnavailable):
        some.publish()
    assert some.publish().counts["published"] == 0  # still leased
    some.clock.advance(60)
    assert some.publish().counts["published"] == 1
    assert some.published == [FIRST, FIRST]


def test_nobody_else_publishes_what_is_leased(stage: MakeStage, store: SqlStore) -> None:
    some = stage(1)
    other = Stage(some.engine, store, some.clock)
    some.publisher.meanwhile = other.publish
    some.publish()
    assert other.publisher.calls == 0


def test_a_mark_that_comes_too_late_counts_nothing(stage: MakeStage, store: SqlStore) -> None:
    some = stage(1)
    other = Stage(some.engine, store, some.clock)

    def take_over() -> None:
        some.clock.advance(61)
        other.publish()

    some.publisher.meanwhile = take_over
    assert some.publish().counts["published"] == 0
    assert other.run.counts["published"] == 1


# --- failures -------------------------------------------------------------------------------


def test_an_event_that_the_broker_refuses_is_set_aside(stage: MakeStage) -> None:
    some = stage(3)
    some.publisher.failures[SECOND] = FINAL
    run = some.publish()
    assert some.states() == {FIRST: "PUBLISHED", SECOND: "SET_ASIDE", THIRD: "PUBLISHED"}
    assert run.counts["published"] == 2
    some.clock.advance(86_400)
    some.publisher.failures.clear()
    some.publish()
    assert SECOND not in some.published


def test_a_refused_event_is_no_outage(stage: MakeStage) -> None:
    some = stage(1)
    some.publisher.failures[FIRST] = FINAL
    some.publish()
    assert not some.pauses.in_force(pausing.EVENTS)


def test_a_failure_that_passes_is_tried_again_later(stage: MakeStage) -> None:
    some = stage(2)
    some.publisher.failures[SECOND] = PASSING
    assert some.publish().counts["published"] == 1
    assert some.states()[SECOND] == "PENDING"
    some.publisher.failures.clear()
    some.clock.advance(4.999)
    assert some.publish().counts["published"] == 0
    some.clock.advance(0.001)
    assert some.publish().counts["published"] == 1


def test_each_further_failure_makes_the_wait_longer(stage: MakeStage) -> None:
    some = stage(2)
    some.publisher.failures[FIRST] = PASSING
    waits = []
    for _ in range(4):
        some.publish()
        some.pauses.end(pausing.EVENTS)
        with some.engine.begin() as connection:
            statement = select(outbox.c.due_at).where(outbox.c.event_id == FIRST)
            due_at = connection.execute(statement).scalar_one()
        waits.append((due_at - some.clock()).total_seconds())
        some.clock.now = due_at
    assert waits == [5, 10, 20, 40]


def test_when_nothing_goes_through_the_broker_is_left_alone(stage: MakeStage) -> None:
    some = stage(2)
    some.publisher.failures = {FIRST: PASSING, SECOND: PASSING}
    run = some.publish()
    assert some.pauses.in_force(pausing.EVENTS)
    assert run.counts["published"] == 0
    some.publish()
    assert some.publisher.calls == 1


def test_some_that_go_through_end_the_pause(stage: MakeStage) -> None:
    some = stage(2)
    some.pauses.begin(pausing.EVENTS, "out")
    some.clock.advance(5)
    some.publisher.failures[FIRST] = PASSING
    some.publish()
    assert not some.pauses.in_force(pausing.EVENTS)


# --- when not to begin ----------------------------------------------------------------------


def test_nothing_is_claimed_during_a_pause(stage: MakeStage) -> None:
    some = stage(1)
    some.pauses.begin(pausing.EVENTS, "out")
    some.publish()
    assert some.store.writes == some.publisher.calls == 0


def test_nothing_is_claimed_after_a_stop(stage: MakeStage) -> None:
    some = stage(1)
    some.runs.stop()
    some.publish()
    assert some.store.writes == some.publisher.calls == 0


def test_the_budget_ends_between_flushes(stage: MakeStage) -> None:
    some = stage(EVENTS_PER_FLUSH + 1)
    some.publisher.meanwhile = lambda: some.clock.advance(timedelta(hours=1).total_seconds())
    some.leases = Leases(some.store, some.clock, some.new_id, 7200, 3600)
    assert some.publish().counts["published"] == EVENTS_PER_FLUSH
