"""What happened in each hour: exact for closed hours, whoever counts, and however often."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.composition import open_store
from shared.domain.figures import OPEN
from shared.domain.models import DocumentRequest, HistoryEntry
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.domain.timing import after
from shared.jobs.console_models import (
    AlertLimits,
    FailureTally,
    Outcome,
    StatisticsMark,
    Tally,
)
from shared.jobs.overview import Activity, Overviews, Step
from shared.jobs.queries import Caller
from shared.jobs.runs import MONITORING, Runs
from shared.jobs.statistics import CLOSED_AFTER, HOURS_PER_RUN, StatisticsUpdate, hour_of
from shared.store.database import SqlStore
from tests.integration.clocks import START, TestClock
from tests.integration.store.samples import request, store_requests

EVERY = timedelta(minutes=5)
HOUR = 3600.0


def update(store: SqlStore, clock: TestClock) -> bool:
    """One run of the job, as far as it is about statistics."""
    runs = Runs(store, clock, uuid4, 480)
    return StatisticsUpdate(store, runs, clock, EVERY).update_if_due(runs.start(MONITORING))


def mark(store: SqlStore) -> StatisticsMark:
    found = store.read(lambda tx: tx.statistics.mark())
    assert found
    return found


def activity(
    store: SqlStore, start: datetime, end: datetime, step: Step = Step.HOUR, **caller: Any
) -> Activity:
    limits = AlertLimits(dict.fromkeys(OPEN, EVERY), EVERY, EVERY)
    overviews = Overviews(store, limits, TestClock())
    return overviews.activity(start, end, step, Caller("operator", **caller))


def accept(store: SqlStore, at: datetime, **values: Any) -> DocumentRequest:
    one = request(received_at=at, **values)
    store_requests(store, [one])
    return one


def end(
    store: SqlStore,
    one: DocumentRequest,
    at: datetime,
    category: FailureCategory | None = None,
    code: str | None = None,
) -> None:
    status = RequestStatus.FAILED if category else RequestStatus.COMPLETED
    before = RequestStatus.SUBMITTED
    entry = HistoryEntry(one.request_id, 1, before, status, at, "monitoring")
    entry = replace(entry, failure_category=category, failure_code=code)
    store.write(lambda tx: tx.history.add([entry]))


def test_what_happened_is_counted_by_hour_and_source_system(
    store: SqlStore, clock: TestClock
) -> None:
    first = accept(store, START)
    second = accept(store, after(START, HOUR - 0.001), source_system="POLARIS")
    third = accept(store, after(START, HOUR))
    end(store, first, after(START, 60))
    end(store, second, after(START, HOUR + 60), FailureCategory.GENERATION, "FONT_MISSING")
    end(store, third, after(START, HOUR + 61), FailureCategory.GENERATION, "FONT_MISSING")
    clock.advance(2 * HOUR)
    update(store, clock)

    found = activity(store, START, after(START, 2 * HOUR))
    assert [(bucket.start, bucket.tally) for bucket in found.buckets] == [
        (START, Tally(2, 1, 0)),
        (after(START, HOUR), Tally(1, 0, 2)),
    ]
    assert found.total == Tally(3, 1, 2)
    assert found.by_source_system == {"ARCADE": Tally(2, 1, 1), "POLARIS": Tally(1, 0, 1)}
    assert found.failures == [FailureTally(FailureCategory.GENERATION, "FONT_MISSING", 2)]
    assert found.counted_until == clock()

    mine = activity(store, START, after(START, 2 * HOUR), source_systems=frozenset({"POLARIS"}))
    assert mine.total == Tally(1, 0, 1)
    assert list(mine.by_source_system) == ["POLARIS"]
    assert mine.failures == [FailureTally(FailureCategory.GENERATION, "FONT_MISSING", 1)]


def test_the_present_hour_is_counted_again_every_few_minutes(
    store: SqlStore, clock: TestClock
) -> None:
    accept(store, START)
    assert update(store, clock)
    accept(store, START)
    assert not update(store, clock)
    assert activity(store, START, after(START, 1)).total.accepted == 1, "not due yet"
    clock.advance(EVERY.total_seconds())
    assert update(store, clock)
    assert activity(store, START, after(START, 1)).total.accepted == 2


def test_a_commit_that_comes_late_is_counted(store: SqlStore, clock: TestClock) -> None:
    """Its time lies in an hour that is over; the hour is not closed yet."""
    accept(store, START)
    clock.advance(HOUR + CLOSED_AFTER.total_seconds() - 1)
    update(store, clock)
    assert mark(store).closed_until <= START
    accept(store, after(START, HOUR - 1))
    clock.advance(EVERY.total_seconds())
    update(store, clock)
    assert activity(store, START, after(START, HOUR)).total.accepted == 2
    assert mark(store).closed_until == after(START, HOUR)


def test_a_closed_hour_is_not_touched_again(store: SqlStore, clock: TestClock) -> None:
    accept(store, START)
    clock.advance(2 * HOUR)
    update(store, clock)
    assert mark(store).closed_until == after(START, HOUR)
    accept(store, START)
    clock.advance(EVERY.total_seconds())
    update(store, clock)
    assert activity(store, START, after(START, HOUR)).total.accepted == 1


def test_a_reprocessed_request_has_failed_all_the_same(store: SqlStore, clock: TestClock) -> None:
    one = accept(store, START)
    end(store, one, START, FailureCategory.TIMEOUT, "TIMEOUT")
    end(store, one, after(START, 60))
    clock.advance(2 * HOUR)
    update(store, clock)
    assert activity(store, START, after(START, HOUR)).total == Tally(1, 1, 1)


def test_days_without_a_run_are_counted_by_the_next_ones(store: SqlStore, clock: TestClock) -> None:
    accept(store, START)
    days = 3
    clock.advance(days * 86_400)
    accept(store, clock())
    update(store, clock)
    assert mark(store).counted_until is None, "not complete"
    assert mark(store).closed_until == after(START, (HOURS_PER_RUN - 1) * HOUR)
    update(store, clock)
    assert mark(store).counted_until == clock()
    found = activity(store, START, clock() + timedelta(hours=1), Step.DAY)
    assert [bucket.tally.accepted for bucket in found.buckets] == [1, 0, 0, 1]


def test_of_two_runs_that_count_an_hour_the_later_one_is_kept(
    store: SqlStore, clock: TestClock, database_url: str
) -> None:
    """The slower one has counted an older state; it gives way."""
    accept(store, START)
    other = open_store(database_url)
    late = Interrupted(store, lambda: (accept(store, START), update(other, clock)))
    runs = Runs(store, clock, uuid4, 480)
    StatisticsUpdate(late, runs, clock, EVERY).update_if_due(runs.start(MONITORING))  # type: ignore[arg-type]
    other.close()
    assert activity(store, START, after(START, 1)).total.accepted == 2


class Interrupted:
    """A store in which something happens once, between counting and keeping the counts."""

    def __init__(self, store: SqlStore, meanwhile: Callable[[], object]) -> None:
        self._store, self._meanwhile = store, meanwhile
        self._writes = 0

    def read(self, work: Any) -> Any:
        return self._store.read(work)

    def write(self, work: Any) -> Any:
        self._writes += 1
        if self._writes == 3:  # after the begin, and the hour before
            self._meanwhile()
        return self._store.write(work)


@pytest.mark.parametrize("seed", range(3))
def test_closed_hours_are_exact_however_the_runs_fall(
    store: SqlStore, clock: TestClock, seed: int
) -> None:
    """Commits come up to 20 minutes late, runs come when they come."""
    dice = random.Random(seed)
    expected: Counter[tuple[datetime, str, Outcome]] = Counter()
    for _ in range(60):
        clock.advance(dice.choice([60, 240, 900]))
        for _ in range(dice.randrange(3)):
            at = after(clock(), -dice.randrange(1200))
            system = dice.choice(["ARCADE", "POLARIS"])
            one = accept(store, at, source_system=system)
            expected[hour_of(at), system, Outcome.ACCEPTED] += 1
            if dice.random() < 0.5:
                end(store, one, at)
                expected[hour_of(at), system, Outcome.COMPLETED] += 1
        if dice.random() < 0.6:
            update(store, clock)
    clock.advance(2 * HOUR)
    update(store, clock)

    first = min(hour for hour, _, _ in expected)
    found: Counter[tuple[datetime, str, Outcome]] = Counter()
    for system in ("ARCADE", "POLARIS"):
        rows = store.read(lambda tx: tx.statistics.by_hour(first, clock(), [system]))  # noqa: B023
        found.update({(hour, system, outcome): number for hour, outcome, number in rows})
    assert found == expected


@pytest.mark.parametrize(
    ("start", "finish"),
    [(START, START), (after(START, HOUR), START), (START, START + timedelta(days=93))],
)
def test_a_period_that_is_empty_or_too_long_is_refused(
    store: SqlStore, start: datetime, finish: datetime
) -> None:
    with pytest.raises(ValueError, match="1 hour to 92 days"):
        activity(store, start, finish)


def test_before_the_first_count_nothing_is_known(store: SqlStore) -> None:
    found = activity(store, after(START, 1800), after(START, 5400))
    assert (found.start, found.end) == (START, after(START, 2 * HOUR))
    assert found.counted_until is None
    assert [bucket.tally for bucket in found.buckets] == [Tally(), Tally()]
