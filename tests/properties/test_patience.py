"""Whichever call Thunderhead answers with a Retry-After: no job calls it again before that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.properties.thunderhead import RETRY_AFTER
from tests.properties.world import DEADLINE, World, letter


def process(world: World, *answers: str, reads: str = "fine", key: str = "a") -> None:
    world.submit(letter(key))
    world.thunderhead.answers, world.thunderhead.reads = list(answers), reads
    world.system.processing.run()


def monitor(world: World, seconds: float, reads: str = "fine") -> None:
    world.clock.advance(seconds)
    world.thunderhead.reads = reads
    world.system.monitoring.run()


def a_submission(world: World) -> None:
    process(world, "throttled")


def a_submission_in_doubt(world: World) -> None:
    process(world, "unavailable")


def a_look_up(world: World) -> None:
    process(world, "silent after")
    world.clock.advance(15)
    process(world, reads="throttled")


def a_look_up_of_what_is_held(world: World) -> None:
    process(world, "odd after")
    world.clock.advance(15)
    process(world, reads="throttled")


def a_comparison(world: World) -> None:
    process(world, "silent after")
    world.clock.advance(15)
    process(world, reads="documents throttled")


def a_comparison_of_what_is_held(world: World) -> None:
    process(world, "odd after")
    world.clock.advance(15)
    process(world, reads="documents throttled")


def a_poll(world: World) -> None:
    process(world)
    monitor(world, 10, "throttled")


def the_documents_of_an_ended_batch(world: World) -> None:
    process(world)
    world.thunderhead.go_on(world.thunderhead.batches[0], "well")
    monitor(world, 10, "documents throttled")


def the_documents_of_a_batch_that_ended_too_late(world: World) -> None:
    process(world)
    world.thunderhead.go_on(world.thunderhead.batches[0], "well")
    monitor(world, DEADLINE + 1, "documents throttled")


def the_last_read_of_an_overdue_batch(world: World) -> None:
    process(world)
    monitor(world, DEADLINE + 1, "documents throttled")


def the_documents_of_a_batch_that_timed_out(world: World) -> None:
    process(world)
    world.thunderhead.cancels = "stops slowly"
    monitor(world, DEADLINE + 1)
    world.thunderhead.go_on(world.thunderhead.batches[0], "well")
    monitor(world, 10, "documents throttled")


@pytest.mark.parametrize(
    "call",
    [
        a_submission,
        a_submission_in_doubt,
        a_look_up,
        a_look_up_of_what_is_held,
        a_comparison,
        a_comparison_of_what_is_held,
        a_poll,
        the_documents_of_an_ended_batch,
        the_documents_of_a_batch_that_ended_too_late,
        the_last_read_of_an_overdue_batch,
        the_documents_of_a_batch_that_timed_out,
    ],
)
def test_nobody_calls_before_a_retry_after_is_over(call: Callable[[World], None]) -> None:
    world = World()
    try:
        call(world)
        assert world.thunderhead.asked_for_quiet, "nothing was asked for"
        calls = len(world.thunderhead.calls)
        for number in range(3):
            process(world, key=f"new {number}")
            monitor(world, RETRY_AFTER / 4)
        assert len(world.thunderhead.calls) == calls
        world.clock.advance(RETRY_AFTER / 4)
        process(world, key="later")
        assert len(world.thunderhead.calls) > calls, "the wait has an end"
    finally:
        world.close()
