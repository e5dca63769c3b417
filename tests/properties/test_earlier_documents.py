"""What may still be generated is not sent again under another reference."""

from __future__ import annotations

from uuid import UUID

import pytest

from shared.domain.statuses import RequestStatus
from shared.errors import ActionRefused
from tests.properties.world import OPERATOR, VISIBILITY, World, letter


def test_an_abandoned_batch_may_be_invisible_only() -> None:
    world = World()
    try:
        [stored] = world.submit(letter("a"))
        request_id = stored.request.request_id
        world.thunderhead.answers, world.thunderhead.delay_seconds = ["odd after"], VISIBILITY
        world.system.processing.run()
        [row] = world.rows("SELECT batch_id FROM batches WHERE state = 'HELD'")
        world.system.held.abandon(UUID(row["batch_id"]), OPERATOR, "gone")
        world.system.monitoring.run()

        world.clock.advance(VISIBILITY - 1)
        with pytest.raises(ActionRefused) as refused:
            world.system.operations.reprocess(request_id, OPERATOR, "again")
        assert refused.value.code == "NOT_VISIBLE_YET"

        world.thunderhead.lose(world.thunderhead.batches[0])
        world.clock.advance(1)
        again = world.system.operations.reprocess(request_id, OPERATOR, "again")
        assert again.status is RequestStatus.RECEIVED
    finally:
        world.close()
