"""The judge is judged: from what a real run left, one thing is falsified after the other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, Update, delete, update

from shared.composition import System
from shared.store.tables import document_requests, outbox, status_history
from tests.crash.judge import judge, requests_of
from tests.crash.test_matrix import OPERATOR, later, prepare
from tests.integration.commands.stack import StackStarter
from tests.integration.jobs.world import POLICY_TOPIC, TOPIC
from tests.integration.reading import read_all_events
from tests.integration.waiting import wait_for

o, h, r = outbox.c, status_history.c, document_requests.c


@dataclass
class Evidence:
    """Everything that the judge is shown."""

    engine: Engine
    accepted: list[UUID]
    ledger: dict[str, Any]
    events: list[dict[str, Any]]

    def judge(self) -> None:
        judge(self.engine, self.accepted, self.ledger, self.events)

    def copied(self) -> Evidence:
        falsifiable = copy.deepcopy((self.accepted, self.ledger, self.events))
        return Evidence(self.engine, *falsifiable)


@pytest.fixture
def evidence(start: StackStarter) -> Iterator[Evidence]:
    """Four documents, generated and published."""
    scene = prepare(start, "submitted")
    with scene.system(later) as system:
        assert system.monitoring.run()["published"] == 4
        events = read_all_events(scene.stack.broker.bootstrap_servers, [TOPIC, POLICY_TOPIC])
        yield Evidence(system.store._engine, scene.accepted, scene.stack.ledger(), events)


def lose_a_request(one: Evidence) -> None:
    one.accepted.append(uuid4())


def generate_twice(one: Evidence) -> None:
    one.ledger["batches"][0]["generatedReferences"] *= 2


def accept_twice(one: Evidence) -> None:
    """Before the second one is generated."""
    one.ledger["batches"].append(one.ledger["batches"][0] | {"generatedReferences": []})


def generate_nothing(one: Evidence) -> None:
    one.ledger["batches"][0]["generatedReferences"] = []


def lose_an_event(one: Evidence) -> None:
    one.events.pop()


def publish_under_another_id(one: Evidence) -> None:
    again = copy.deepcopy(one.events[0])
    again["value"]["id"] = str(uuid4())
    one.events.append(again)


def publish_what_is_not_committed(one: Evidence) -> None:
    """In place of what is: as many events as there should be."""
    value = one.events[0]["value"]
    value["type"] = "oms.documentrequest.failed.v1"
    value["data"]["status"] = "FAILED"


def publish_under_another_key(one: Evidence) -> None:
    one.events[0]["key"] = str(uuid4())


@pytest.mark.parametrize(
    "falsify",
    [
        lose_a_request,
        generate_twice,
        accept_twice,
        generate_nothing,
        lose_an_event,
        publish_under_another_id,
        publish_what_is_not_committed,
        publish_under_another_key,
    ],
)
def test_what_others_hold_is_held_against_the_database(
    evidence: Evidence, falsify: Callable[[Evidence], None]
) -> None:
    evidence.judge()
    false = evidence.copied()
    falsify(false)
    with pytest.raises(AssertionError):
        false.judge()


FALSE_ROWS: dict[str, Callable[[UUID], Sequence[Update]]] = {
    "a status that is not in the history": lambda one: [
        update(document_requests).where(r.request_id == one).values(status="FAILED")
    ],
    "a gap in a history": lambda one: [
        update(status_history)
        .where(h.request_id == one, h.to_status == "SUBMITTED")
        .values(from_status="HELD")
    ],
    "a second claim of one generation": lambda one: [
        update(status_history)
        .where(h.request_id == one, h.to_status == "SUBMITTED")
        .values(from_status="RECEIVED", to_status="PROCESSING")
    ],
    "an event that nobody has published": lambda one: [
        update(outbox).where(o.request_id == one).values(published_at=None)
    ],
}


@pytest.mark.parametrize("name", FALSE_ROWS)
def test_what_the_database_holds_is_consistent(evidence: Evidence, name: str) -> None:
    evidence.judge()
    with evidence.engine.begin() as connection:
        for statement in FALSE_ROWS[name](evidence.accepted[0]):
            assert connection.execute(statement).rowcount == 1
    with pytest.raises(AssertionError):
        evidence.judge()


def test_a_request_that_waits_is_not_over_however_consistent(evidence: Evidence) -> None:
    one = evidence.accepted[0]
    with evidence.engine.begin() as connection:
        for statement in (
            update(document_requests).where(r.request_id == one).values(status="SUBMITTED"),
            delete(status_history).where(h.request_id == one, h.to_status == "COMPLETED"),
            delete(outbox).where(o.request_id == one),
        ):
            assert connection.execute(statement).rowcount == 1
    evidence.events = [event for event in evidence.events if event["key"] != str(one)]
    for batch in evidence.ledger["batches"]:
        batch["generatedReferences"] = [
            name for name in batch["generatedReferences"] if name != str(one)
        ]
    with pytest.raises(AssertionError):
        evidence.judge()


def test_the_generations_of_a_request_are_told_in_order(start: StackStarter) -> None:
    scene = prepare(start, "reprocess")
    with scene.system() as system:
        system.operations.reprocess(UUID(scene.arguments[1]), OPERATOR, "again")

    def all_published(system: System) -> bool:
        system.processing.run()
        system.monitoring.run()
        rows = requests_of(system.store._engine).values()
        return {row.status for row in rows} == {"COMPLETED"}

    with scene.system(later) as system:
        wait_for(lambda: all_published(system), "the second generation")
        events = read_all_events(scene.stack.broker.bootstrap_servers, [TOPIC, POLICY_TOPIC])
        one = Evidence(system.store._engine, scene.accepted, scene.stack.ledger(), events)
        one.judge()
        one.events.sort(key=lambda event: -event["value"]["data"]["generation"])
        with pytest.raises(AssertionError):
            one.judge()


def test_an_event_may_come_again(evidence: Evidence) -> None:
    evidence.events += evidence.events
    evidence.judge()
