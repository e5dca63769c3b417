"""The tables of transitions and what really happens are the same, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from shared.domain.statuses import TRANSITIONS, BatchState, RequestStatus
from tests.properties.world import DEADLINE, OPERATOR, VISIBILITY, World, letter

S = BatchState
BATCH_TRANSITIONS: dict[BatchState | None, set[BatchState]] = {
    None: {S.SUBMITTING},
    S.SUBMITTING: {S.SUBMITTED, S.HELD, S.DISSOLVED},
    S.SUBMITTED: {S.SETTLED, S.HELD},
    # Sent again; adopted or found; delivered or abandoned.
    S.HELD: {S.SUBMITTING, S.SUBMITTED, S.SETTLED},
    S.SETTLED: set(),
    S.DISSOLVED: set(),
}
"""The design's life of a batch."""


def accepted(world: World, **kind: Any) -> UUID:
    [stored] = world.submit(letter(f"{len(world.rows('SELECT 1 FROM document_requests'))}", **kind))
    request_id: UUID = stored.request.request_id
    return request_id


def processed(world: World, *answers: str, **kind: Any) -> UUID:
    request_id = accepted(world, **kind)
    world.thunderhead.answers = list(answers)
    world.system.processing.run()
    return request_id


def generated(world: World, ending: str) -> UUID:
    request_id = processed(world)
    world.thunderhead.go_on(world.thunderhead.batches[-1], ending)
    monitored(world)
    return request_id


def monitored(world: World) -> None:
    world.clock.advance(10)
    world.system.monitoring.run()


def held(world: World) -> UUID:
    processed(world, "odd after")
    [row] = world.rows("SELECT batch_id FROM batches WHERE state = 'HELD'")
    return UUID(row["batch_id"])


def completed(world: World) -> None:
    generated(world, "well")


def failed_in_generation(world: World) -> None:
    generated(world, "stopped")


def cancelled(world: World) -> None:
    world.system.operations.cancel(accepted(world), OPERATOR)


def given_back(world: World) -> None:
    accepted(world)
    world.codes.answers = "out"
    world.system.processing.run()


def without_configuration(world: World) -> None:
    processed(world, document_name="UNKNOWN")


def rejected(world: World) -> None:
    processed(world, kind="rejected")


def lost_by_thunderhead(world: World) -> None:
    processed(world)
    world.thunderhead.lose(world.thunderhead.batches[0])
    world.clock.advance(VISIBILITY)
    monitored(world)


def timed_out(world: World) -> None:
    processed(world)
    world.clock.advance(DEADLINE)
    monitored(world)


def reprocessed(world: World) -> None:
    request_id = generated(world, "stopped")
    world.system.operations.reprocess(request_id, OPERATOR, "again")


def adopted(world: World) -> None:
    batch_id = held(world)
    [theirs] = world.thunderhead.batches
    world.system.held.adopt(batch_id, theirs.vendor_id, OPERATOR, "it is there")


def sent_again(world: World) -> None:
    world.system.held.resend(held(world), OPERATOR, "it is not there")


def delivered(world: World) -> None:
    world.system.held.delivered(held(world), OPERATOR, "seen on paper")


def abandoned(world: World) -> None:
    world.system.held.abandon(held(world), OPERATOR, "gone")


SCENARIOS: list[Callable[[World], None]] = [
    completed,
    failed_in_generation,
    cancelled,
    given_back,
    without_configuration,
    rejected,
    lost_by_thunderhead,
    timed_out,
    reprocessed,
    adopted,
    sent_again,
    delivered,
    abandoned,
]


def happened(kind: str) -> set[tuple[str | None, str]]:
    """What the database saw of a kind of rows in all scenarios."""
    seen: set[tuple[str | None, str]] = set()
    for scenario in SCENARIOS:
        world = World()
        try:
            scenario(world)
            rows = world.rows("SELECT before, after FROM observed WHERE kind = ?", kind)
            seen |= {(row["before"], row["after"]) for row in rows}
            if kind == "request":
                told = world.rows("SELECT from_status, to_status FROM status_history")
                assert sorted(map(str, map(tuple, told))) == sorted(map(str, map(tuple, rows)))
        finally:
            world.close()
    return seen


def pairs(table: Any) -> set[tuple[str | None, str]]:
    return {(before, after) for before, some in table.items() for after in some}


def test_the_transitions_of_requests_are_those_of_the_table() -> None:
    assert happened("request") == pairs(TRANSITIONS)


def test_the_transitions_of_batches_are_those_of_the_design() -> None:
    assert happened("batch") == pairs(BATCH_TRANSITIONS)


def test_every_status_and_every_state_has_a_row_and_is_reached() -> None:
    assert TRANSITIONS.keys() - {None} == set(RequestStatus)
    assert BATCH_TRANSITIONS.keys() - {None} == set(BatchState)
    assert {after for _, after in pairs(TRANSITIONS)} == set(RequestStatus)
    assert {after for _, after in pairs(BATCH_TRANSITIONS)} == set(BatchState)


@pytest.mark.parametrize("state", BatchState)
def test_a_batch_always_gets_to_an_end(state: BatchState) -> None:
    """And an end has no open document: `invariants.py` holds that."""
    reached = {state}
    for _ in BatchState:
        reached |= {after for before in reached for after in BATCH_TRANSITIONS[before]}
    assert reached & {S.SETTLED, S.DISSOLVED}
    assert bool(BATCH_TRANSITIONS[state]) == (state not in {S.SETTLED, S.DISSOLVED})
