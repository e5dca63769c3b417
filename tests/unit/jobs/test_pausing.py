from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.models import Pause
from shared.domain.retrying import Backoff
from shared.jobs import pausing
from shared.jobs.pausing import BREAKS_AFTER, Pauses
from shared.store.database import SqlStore
from tests.unit.domain.builders import NOON
from tests.unit.jobs.fakes import InterruptedStore, StandingClock

NAME = pausing.THUNDERHEAD


@pytest.fixture
def counted(store: SqlStore) -> InterruptedStore:
    return InterruptedStore(store)


@pytest.fixture
def pauses(counted: InterruptedStore, clock: StandingClock) -> Pauses:
    return Pauses(counted, Backoff(5, 600, lambda: 1.0), clock, "processing")


def next_run(store: SqlStore, clock: StandingClock) -> Pauses:
    found = Pauses(store, Backoff(5, 600, lambda: 1.0), clock, "monitoring")
    found.load()
    return found


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def test_nothing_is_paused_at_first(pauses: Pauses) -> None:
    assert pauses.load() == {}
    assert not pauses.in_force(NAME)


def test_a_pause_lasts_for_its_backoff(pauses: Pauses, clock: StandingClock) -> None:
    assert pauses.begin(NAME, "429") == NOON + seconds(5)
    assert pauses.in_force(NAME)
    assert pauses.in_force(pausing.EVENTS, NAME)
    assert not pauses.in_force(pausing.EVENTS)
    clock.advance(5)
    assert not pauses.in_force(NAME)


def test_a_pause_lasts_at_least_as_long_as_the_other_side_asked_for(pauses: Pauses) -> None:
    assert pauses.begin(NAME, "429", 90.0) == NOON + seconds(90)


def test_the_next_run_keeps_it(pauses: Pauses, store: SqlStore, clock: StandingClock) -> None:
    pauses.begin(NAME, "429", 90.0)
    later = next_run(store, clock)
    assert later.in_force(NAME)
    clock.advance(90)
    assert not later.in_force(NAME)


def test_it_is_stored_with_its_reason(pauses: Pauses, store: SqlStore) -> None:
    until = pauses.begin(NAME, "Thunderhead answered 503")
    assert store.read(lambda tx: tx.pauses.all()) == {
        NAME: Pause(NAME, NOON, until, 1, "Thunderhead answered 503", "processing")
    }


def test_each_failure_after_a_pause_makes_the_next_one_longer(
    pauses: Pauses, store: SqlStore, clock: StandingClock
) -> None:
    for expected in (5, 10, 20, 40):
        until = pauses.begin(NAME, "refused")
        assert until - clock() == seconds(expected)
        clock.now = until
        pauses = next_run(store, clock)
    [pause] = store.read(lambda tx: tx.pauses.all()).values()
    assert (pause.since, pause.failures) == (NOON, 4)


def test_answers_that_come_during_a_pause_do_not_prolong_it(
    pauses: Pauses, counted: InterruptedStore
) -> None:
    until = pauses.begin(NAME, "refused")
    assert {pauses.begin(NAME, "refused") for _ in range(16)} == {until}
    assert counted.writes == 1


def test_a_later_answer_may_ask_for_more(pauses: Pauses) -> None:
    pauses.begin(NAME, "429", 10.0)
    assert pauses.begin(NAME, "429", 90.0) >= NOON + seconds(90)


def test_a_later_answer_never_ends_a_pause_sooner(pauses: Pauses) -> None:
    pauses.begin(NAME, "503", 900.0)
    assert pauses.begin(NAME, "429", 1.0) >= NOON + seconds(900)


def test_many_answers_at_once_are_one_outage(pauses: Pauses) -> None:
    until = {pauses.begin(NAME, "429", 1.0) for _ in range(16)}
    assert max(until) <= NOON + seconds(5)


def test_a_pause_without_an_end_is_kept(store: SqlStore, clock: StandingClock) -> None:
    store.write(lambda tx: tx.pauses.extend(Pause(NAME, NOON, None, 0, "maintenance", "somebody")))
    pauses = next_run(store, clock)
    assert pauses.in_force(NAME)
    pauses.begin(NAME, "the answer to a call that was under way")
    clock.advance(86_400)
    assert pauses.in_force(NAME)


def test_a_pause_without_an_end_is_in_force_for_ever(store: SqlStore, clock: StandingClock) -> None:
    pause = Pause(pausing.SUBMISSIONS, NOON, None, 0, "maintenance", "somebody")
    store.write(lambda tx: tx.pauses.extend(pause))
    clock.advance(1e8)
    assert next_run(store, clock).in_force(pausing.SUBMISSIONS)


# --- the circuit ----------------------------------------------------------------------------


def test_so_many_failures_in_a_row_begin_a_pause(pauses: Pauses) -> None:
    for _ in range(BREAKS_AFTER - 1):
        pauses.note_failure(NAME, "500")
        assert not pauses.in_force(NAME)
    pauses.note_failure(NAME, "500")
    assert pauses.in_force(NAME)


def test_the_failure_that_breaks_it_may_ask_for_patience(
    pauses: Pauses, clock: StandingClock
) -> None:
    for _ in range(BREAKS_AFTER):
        pauses.note_failure(NAME, "503", 90.0)
    clock.advance(89)
    assert pauses.in_force(NAME)


def test_a_single_retry_after_is_kept_for_the_next_run(
    pauses: Pauses, store: SqlStore, clock: StandingClock
) -> None:
    """No next run hammers: what asks for patience gets it at once."""
    pauses.note_failure(NAME, "503", 90.0)
    assert next_run(store, clock).in_force(NAME)


def test_a_success_between_starts_the_count_again(pauses: Pauses) -> None:
    for _ in range(3):
        for _ in range(BREAKS_AFTER - 1):
            pauses.note_failure(NAME, "500")
        pauses.end(NAME)
    assert not pauses.in_force(NAME)


def test_a_success_elsewhere_does_not(pauses: Pauses) -> None:
    for _ in range(BREAKS_AFTER):
        pauses.note_failure(NAME, "500")
        pauses.end(pausing.REFERENCE_DATA)
    assert pauses.in_force(NAME)


def test_failures_elsewhere_do_not_count(pauses: Pauses) -> None:
    for _ in range(BREAKS_AFTER - 1):
        pauses.note_failure(NAME, "500")
    pauses.note_failure(pausing.REFERENCE_DATA, "500")
    assert not pauses.in_force(pausing.REFERENCE_DATA)


def test_a_good_answer_ends_the_pause_for_the_next_run_too(
    pauses: Pauses, store: SqlStore, clock: StandingClock
) -> None:
    pauses.begin(NAME, "429", 90.0)
    clock.advance(91)
    pauses.end(NAME)
    assert not next_run(store, clock).in_force(NAME)
    # Counted from the start again.
    assert pauses.begin(NAME, "refused") == clock() + seconds(5)


def test_a_good_answer_does_not_end_a_pause_in_force(pauses: Pauses) -> None:
    """It belongs to a call that was under way when somebody was asked to wait."""
    pauses.begin(NAME, "429", 90.0)
    pauses.end(NAME)
    assert pauses.in_force(NAME)


def test_a_good_answer_costs_nothing_where_nothing_was_paused(
    pauses: Pauses, counted: InterruptedStore
) -> None:
    pauses.end(NAME)
    assert counted.writes == 0


def test_loading_is_one_statement(pauses: Pauses, counted: InterruptedStore) -> None:
    pauses.load()
    pauses.in_force(NAME)
    assert (counted.reads, counted.writes) == (1, 0)
