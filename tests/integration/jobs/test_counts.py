"""What a thousand documents cost (design, "Cost"), exactly: fails on any rise.

Where something was made cheaper, its new number belongs here, so that it stays so.
"""

from __future__ import annotations

import pytest

from tests.integration.jobs.counting import DOCUMENTS, Cost, costs_of_a_thousand, total
from tests.integration.jobs.world import World

COSTS = {
    16: {
        "intake": Cost(commits=2, statements=14, calls=5),
        "processing": Cost(commits=7, statements=55, calls=21),
        "monitoring": Cost(commits=10, statements=201, calls=40, flushes=3),
    },
    1: {
        "intake": Cost(commits=2, statements=14, calls=5),
        "processing": Cost(commits=41, statements=139, calls=21),
        "monitoring": Cost(commits=35, statements=238, calls=40, flushes=2),
    },
}
"""By how many outcomes of calls are recorded together. One by one is the worst case."""


@pytest.mark.sqlite_only("what statements with OUTPUT change is not seen there")
@pytest.mark.parametrize("at_a_time", COSTS)
def test_a_thousand_documents_cost_what_they_did(world: World, at_a_time: int) -> None:
    costs = costs_of_a_thousand(world, at_a_time)
    assert costs == COSTS[at_a_time]
    assert total(costs["processing"], costs["monitoring"]).commits <= 0.1 * DOCUMENTS
