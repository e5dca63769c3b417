from __future__ import annotations

import pytest

from shared.domain.statuses import (
    TERMINAL,
    TRANSITIONS,
    FailureCategory,
    Priority,
    RequestStatus,
    can_become,
)

R = RequestStatus


def test_the_words_are_those_of_the_contract() -> None:
    assert {status.value for status in R} == {
        "RECEIVED",
        "PROCESSING",
        "SUBMITTED",
        "COMPLETED",
        "FAILED",
        "HELD",
    }
    assert {category.value for category in FailureCategory} == {
        "ENRICHMENT",
        "SUBMISSION",
        "GENERATION",
        "TIMEOUT",
        "CANCELLED",
        "ABANDONED",
    }
    assert {priority.value for priority in Priority} == {"LOW", "NORMAL", "HIGH"}


def test_completed_and_failed_are_terminal_and_nothing_else() -> None:
    assert {status for status in R if status.is_terminal} == {R.COMPLETED, R.FAILED} == TERMINAL


@pytest.mark.parametrize("status", R)
def test_every_status_has_an_exit_or_is_terminal(status: RequestStatus) -> None:
    assert TRANSITIONS[status] or status.is_terminal


def test_every_status_is_reachable_from_nothing() -> None:
    reached: set[RequestStatus] = set()
    pending = set(TRANSITIONS[None])
    while pending:
        reached |= pending
        pending = {after for status in pending for after in TRANSITIONS[status]} - reached
    assert reached == set(R)


@pytest.mark.parametrize("status", R)
def test_a_terminal_status_is_reachable_from_every_status(status: RequestStatus) -> None:
    reached = {status}
    for _ in R:
        reached |= {after for before in reached for after in TRANSITIONS[before]}
    assert reached & TERMINAL


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, R.RECEIVED),
        (R.RECEIVED, R.PROCESSING),
        (R.RECEIVED, R.FAILED),  # cancelled
        (R.PROCESSING, R.RECEIVED),  # an outage before there was an intent
        (R.PROCESSING, R.SUBMITTED),
        (R.PROCESSING, R.FAILED),
        (R.PROCESSING, R.HELD),
        (R.SUBMITTED, R.COMPLETED),
        (R.SUBMITTED, R.FAILED),
        (R.SUBMITTED, R.HELD),
        (R.HELD, R.SUBMITTED),  # adopted
        (R.HELD, R.PROCESSING),  # sent again
        (R.HELD, R.COMPLETED),  # delivered
        (R.HELD, R.FAILED),  # abandoned
        (R.FAILED, R.RECEIVED),  # reprocessed
    ],
)
def test_what_the_design_knows_may_happen(
    before: RequestStatus | None, after: RequestStatus
) -> None:
    assert can_become(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        *((None, status) for status in R if status is not R.RECEIVED),
        *((R.COMPLETED, status) for status in R),
        *((R.FAILED, status) for status in R if status is not R.RECEIVED),
        (R.RECEIVED, R.SUBMITTED),
        (R.RECEIVED, R.COMPLETED),
        (R.RECEIVED, R.HELD),
        (R.PROCESSING, R.COMPLETED),
        # Thunderhead has it: taken up again, it would be generated twice.
        (R.SUBMITTED, R.RECEIVED),
        (R.SUBMITTED, R.PROCESSING),
        (R.HELD, R.RECEIVED),
        *((status, status) for status in R),
    ],
)
def test_nothing_else_may_happen(before: RequestStatus | None, after: RequestStatus) -> None:
    assert not can_become(before, after)
