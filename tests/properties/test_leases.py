"""A worker that has lost its leases changes nothing, whichever of its writes it comes back to.

Each run is interrupted before its first, second, third … transaction: its leases end, another
worker takes over all that it held. Whatever it does then, the rows stay as that worker has them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.timing import after
from tests.properties.world import DEADLINE, LEASE, World, letter

TABLES = ("document_requests", "batches", "outbox", "status_history", "request_outputs")
THIEF = UUID(int=9)
MANY = 100


def waiting(*kinds: str) -> Callable[[World], Any]:
    def prepare(world: World) -> Any:
        world.submit(*(letter(str(n), kind=kind) for n, kind in enumerate(kinds)))
        return world.system.processing.run

    return prepare


def sending(*answers: str) -> Callable[[World], Any]:
    """New requests, and what Thunderhead says to their batches."""

    def prepare(world: World) -> Any:
        world.thunderhead.answers = list(answers)
        return waiting("good", "good", "good")(world)

    return prepare


def without_answer(world: World) -> Any:
    """Requests whose configuration nobody can tell."""
    run = waiting("good")(world)
    world.codes.answers = "out"
    return run


def in_doubt(*answers: str) -> Callable[[World], Any]:
    """Intents whose send had no clear answer."""

    def prepare(world: World) -> Any:
        sending("silent before", "silent after")(world)()
        world.clock.advance(15)
        world.thunderhead.answers = list(answers)
        return world.system.processing.run

    return prepare


def on_hold(world: World) -> Any:
    """HELD batches that Thunderhead has."""
    sending("odd after", "odd after")(world)()
    world.clock.advance(15)
    return world.system.processing.run


def submitted(ending: str, *, waits: float = 10, reads: str = "fine") -> Callable[[World], Any]:
    """Batches that are due to be polled."""

    def prepare(world: World) -> Any:
        waiting("good", "good", "good")(world)()
        for batch in world.thunderhead.batches:
            world.thunderhead.go_on(batch, ending)
        world.clock.advance(waits)
        world.thunderhead.reads = reads
        return world.system.monitoring.run

    return prepare


def ended(broker: str) -> Callable[[World], Any]:
    """Events that are due."""

    def prepare(world: World) -> Any:
        waiting("rejected", "rejected")(world)()
        world.broker.answers = broker
        return world.system.monitoring.run

    return prepare


RUNS: dict[str, Callable[[World], Any]] = {
    "submits": sending(),
    "has some rejected": waiting("good", "rejected", "rejected by name", "good"),
    "has some too large": sending("small only"),
    "gets no answer": sending("silent before", "silent after"),
    "gets odd answers": sending("odd before", "odd after"),
    "is throttled": sending("throttled"),
    "cannot enrich": without_answer,
    "adopts and sends again": in_doubt(),
    "sends again in vain": in_doubt("silent after", "odd before"),
    "releases what is held": on_hold,
    "settles": submitted("well"),
    "settles in part": submitted("mixed"),
    "polls what is under way": submitted("in part"),
    "cannot read": submitted("well", reads="failing"),
    "holds what never ends": submitted("lagging", waits=DEADLINE + 1),
    "lets it time out": submitted("oddly", waits=DEADLINE + 1),
    "publishes": ended("fine"),
    "cannot publish": ended("down"),
    "has an event refused": ended("refuses"),
}


def take_over(world: World) -> None:
    """End all leases, and hold everything that somebody may hold."""
    now = world.clock.now = after(world.clock(), LEASE + 1)
    until = after(now, 10 * DEADLINE)

    def work(tx: Any) -> None:
        for status in (RequestStatus.PROCESSING, RequestStatus.RECEIVED):
            tx.claimed.take(status, THIEF, now, until, MANY)
        for state in (BatchState.SUBMITTING, BatchState.SUBMITTED, BatchState.HELD):
            tx.batches.claim(state, THIEF, now, until, MANY)
        tx.outbox.claim(THIEF, now, until, MANY)

    world.rival.store.write(work)


def dump(world: World) -> list[list[tuple[Any, ...]]]:
    return [[tuple(row) for row in world.rows(f"SELECT * FROM {table}")] for table in TABLES]


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_written_after_the_lease_is_lost(name: str) -> None:
    for number in count(1):
        world = World(max_documents_per_batch=2)
        try:
            run = RUNS[name](world)
            taken: list[Any] = []

            def lose(world: World = world, taken: list[Any] = taken) -> None:
                take_over(world)
                taken += [dump(world), world.thunderhead.calls.count("submit")]

            world.before_write(number, lose)
            run()
            if not taken:
                assert number > 3, "a run that writes so little tests nothing"
                return
            rows, sends = taken
            assert dump(world) == rows, f"written after the loss before transaction {number}"
            assert world.thunderhead.calls.count("submit") == sends, "sent without a lease"
        finally:
            world.close()
