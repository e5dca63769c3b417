"""What a thousand documents cost (design, "Cost"), exactly: fails on any rise.

Where something was made cheaper, its new number belongs here, so that it stays so.
"""

from __future__ import annotations

import pytest

from tests.integration.jobs.counting import DOCUMENTS, Cost, Recording, costs_of_a_thousand, total
from tests.integration.jobs.world import World

COSTS = {
    Recording.TOGETHER: {
        "intake": Cost(commits=2, statements=14, calls=5),
        "processing": Cost(commits=6, statements=52, calls=21),
        "monitoring": Cost(commits=7, statements=200, calls=40, flushes=2),
    },
    Recording.ALONE: {
        "intake": Cost(commits=2, statements=14, calls=5),
        "processing": Cost(commits=39, statements=134, calls=21),
        "monitoring": Cost(commits=34, statements=236, calls=40, flushes=2),
    },
}


@pytest.mark.sqlite_only("what statements with OUTPUT change is not seen there")
@pytest.mark.parametrize("recording", COSTS)
def test_a_thousand_documents_cost_what_they_did(world: World, recording: Recording) -> None:
    costs = costs_of_a_thousand(world, recording)
    assert costs == COSTS[recording]
    assert total(costs["processing"], costs["monitoring"]).commits <= 0.1 * DOCUMENTS
