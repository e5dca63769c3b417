from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.polling import GenerationTime, PollingBounds, generation_seconds
from shared.domain.thunderhead import BatchReport
from tests.unit.domain.builders import NOON, a_batch

BOUNDS = PollingBounds(5, 300)
MINUTE = GenerationTime(math.log(60), 0.25, 100)
"""A median of a minute; 2 % of all batches end within 22 seconds."""

waits = st.none() | st.floats(0, 1e9)
known = st.none() | st.builds(
    GenerationTime, st.floats(-7, 12), st.floats(0, 4), st.integers(1, 1000)
)


@given(st.integers(0, 10_000), waits, known)
def test_the_time_between_polls_is_within_its_bounds(
    polls: int, retry_after: float | None, expected: GenerationTime | None
) -> None:
    assert 5 <= BOUNDS.next_poll(polls, retry_after, expected) <= 300
    assert 5 <= BOUNDS.first_poll(expected, retry_after) <= 300


@given(st.integers(0, 10_000), known)
def test_polls_become_rarer(polls: int, expected: GenerationTime | None) -> None:
    next_one = BOUNDS.next_poll(polls, expected=expected)
    assert next_one <= BOUNDS.next_poll(polls + 1, expected=expected)


def test_without_experience_the_steps_are_geometric() -> None:
    assert [BOUNDS.next_poll(polls) for polls in (0, 1, 2, 10_000)] == [5, 7.5, 11.25, 300]
    assert BOUNDS.first_poll() == 5


@pytest.mark.parametrize(("retry_after", "wait"), [(0, 5), (60, 60), (300, 300), (9999, 300)])
def test_retry_after_is_respected_within_the_bounds(retry_after: float, wait: float) -> None:
    assert BOUNDS.next_poll(0, retry_after) == wait
    assert BOUNDS.first_poll(None, retry_after) == wait


def test_the_first_poll_comes_when_batches_of_this_kind_usually_begin_to_end() -> None:
    assert BOUNDS.first_poll(MINUTE) == pytest.approx(22 + 15, abs=0.1)
    assert BOUNDS.first_poll(MINUTE, retry_after=100) == 100


def test_polls_are_even_while_batches_of_this_kind_usually_end_and_become_rarer_then() -> None:
    steps = [BOUNDS.next_poll(polls, expected=MINUTE) for polls in (1, 8, 9, 10, 10_000)]
    assert steps == pytest.approx([15, 15, 22.5, 33.75, 300])


def test_a_few_batches_are_no_experience() -> None:
    few = GenerationTime(math.log(60), 0.25, 4)
    assert BOUNDS.first_poll(few) == 5
    assert BOUNDS.next_poll(0, expected=few) == 5


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("started", "finished", "seconds"),
    [
        (10, 60, 60),
        (None, 60, 60),
        (10, None, None),
        # The vendor's clock is ahead or behind: its own duration is all there is.
        (150, 200, 50),
        (-80, -10, 70),
        (None, 200, None),
        (60, 10, 10),
        (-10, -80, None),
    ],
)
def test_how_long_a_batch_took_is_what_thunderhead_says(
    started: float | None, finished: float | None, seconds: float | None
) -> None:
    report = BatchReport(
        "COMPLETED",
        started_at=None if started is None else at(started),
        finished_at=None if finished is None else at(finished),
    )
    assert generation_seconds(a_batch(submitted_at=NOON), report, at(100)) == seconds
