"""One bad document stops nobody: any pattern of them, through the whole processing job."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.world import World, letter

GOOD, UNNAMED, NAMED = "good", "rejected", "rejected by name"


@given(
    kinds=st.lists(st.sampled_from([GOOD, UNNAMED, NAMED]), min_size=1, max_size=12),
    size=st.integers(1, 6),
    too_large=st.integers(0, 2),
)
def test_bad_documents_fail_alone_and_the_others_are_accepted_once_in_one_run(
    kinds: list[str], size: int, too_large: int
) -> None:
    world = World(max_documents_per_batch=size)
    try:
        world.submit(*(letter(str(n), kind=kind) for n, kind in enumerate(kinds)))
        world.thunderhead.answers = ["small only"] * too_large

        world.system.processing.run()

        rows = world.rows("SELECT * FROM document_requests")
        kind_of = {row["request_id"]: kinds[int(row["request_correlation_id"])] for row in rows}
        for row in rows:
            is_good = kind_of[row["request_id"]] == GOOD
            assert row["status"] == ("SUBMITTED" if is_good else "FAILED")
            assert row["failure_category"] == (None if is_good else "SUBMISSION")
        accepted = Counter(
            reference for batch in world.thunderhead.batches for reference in batch.documents
        )
        assert sorted(accepted.values()) == [1] * kinds.count(GOOD)

        batches = math.ceil(len(kinds) / size)
        levels = math.ceil(math.log2(size)) if size > 1 else 0
        # Each bad one is alone after so many halvings; those named leave together.
        most = batches + 2 * levels * (kinds.count(UNNAMED) + too_large) + kinds.count(NAMED)
        assert world.thunderhead.calls.count("submit") <= most
        assert set(world.thunderhead.calls) == {"submit"}, "nothing is in doubt"
    finally:
        world.close()
