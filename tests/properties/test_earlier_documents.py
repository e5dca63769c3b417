"""What may still be generated is not sent again under another reference."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from shared.domain.statuses import RequestStatus
from shared.errors import ActionRefused
from tests.properties.world import OPERATOR, VISIBILITY, World, letter


def process(world: World, answer: str) -> UUID:
    """Send, with an answer after which a person has to decide; returns what is HELD."""
    world.thunderhead.answers, world.thunderhead.delay_seconds = [answer], VISIBILITY
    world.system.processing.run()
    [row] = world.rows("SELECT batch_id FROM batches WHERE state = 'HELD'")
    return UUID(row["batch_id"])


def sent_once(world: World) -> UUID:
    return process(world, "odd after")


def sent_again(world: World) -> UUID:
    batch_id = process(world, "odd before")
    world.system.held.resend(batch_id, OPERATOR, "not there")
    world.clock.advance(VISIBILITY)
    return process(world, "odd after")


@pytest.mark.parametrize("sent", [sent_once, sent_again])
def test_an_abandoned_batch_may_be_invisible_only(sent: Callable[[World], UUID]) -> None:
    world = World()
    try:
        [stored] = world.submit(letter("a"))
        request_id = stored.request.request_id
        world.system.held.abandon(sent(world), OPERATOR, "gone")
        world.system.monitoring.run()

        world.clock.advance(VISIBILITY - 1)
        with pytest.raises(ActionRefused) as refused:
            world.system.operations.reprocess(request_id, OPERATOR, "again")
        assert refused.value.code == "NOT_VISIBLE_YET"

        [batch] = world.thunderhead.batches
        world.thunderhead.lose(batch)
        world.clock.advance(1)
        again = world.system.operations.reprocess(request_id, OPERATOR, "again")
        assert again.status is RequestStatus.RECEIVED
    finally:
        world.close()
