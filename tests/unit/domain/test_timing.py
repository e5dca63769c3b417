from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.statuses import Priority
from shared.domain.timing import after, first_due, rfc3339, to_milliseconds, utc_now
from tests.unit.domain.builders import NOON

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001
priorities = st.sampled_from(Priority)
MINUTES_15 = timedelta(minutes=15)


@given(moments)
def test_times_are_cut_to_milliseconds_never_rounded_up(moment: datetime) -> None:
    cut = to_milliseconds(moment)
    assert timedelta(0) <= moment - cut < timedelta(milliseconds=1)
    assert cut.microsecond % 1000 == 0
    assert cut.tzinfo is UTC


@given(moments)
def test_rfc3339_is_utc_with_z_and_three_digits(moment: datetime) -> None:
    text = rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert datetime.fromisoformat(text) == to_milliseconds(moment)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00.000Z"),
        (datetime(2026, 1, 31, 9, 30, 0, 999_999, tzinfo=UTC), "2026-01-31T09:30:00.999Z"),
        (datetime(2026, 1, 31, 9, 30, 0, 7_000, tzinfo=UTC), "2026-01-31T09:30:00.007Z"),
        (
            datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))),
            "2025-12-31T23:30:00.000Z",
        ),
    ],
)
def test_rfc3339_by_example(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text


def test_now_is_in_utc_and_whole_milliseconds() -> None:
    now = utc_now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


@given(st.floats(0, 1e6))
def test_a_later_time_is_in_whole_milliseconds_too(seconds: float) -> None:
    later = after(NOON, seconds)
    assert later.microsecond % 1000 == 0
    assert abs((later - NOON).total_seconds() - seconds) < 0.002


@given(priorities, st.timedeltas(timedelta(0), timedelta(days=1)))
def test_nobody_waits_when_there_is_no_queue(priority: Priority, age: timedelta) -> None:
    assert first_due(NOON - age, priority) <= NOON


@given(priorities, st.timedeltas(timedelta(milliseconds=1), timedelta(days=1)))
def test_within_a_priority_the_older_is_due_first(priority: Priority, age: timedelta) -> None:
    assert first_due(NOON - age, priority) < first_due(NOON, priority)


@pytest.mark.parametrize(
    ("sooner", "later"), [(Priority.HIGH, Priority.NORMAL), (Priority.NORMAL, Priority.LOW)]
)
def test_a_priority_is_worth_fifteen_minutes(sooner: Priority, later: Priority) -> None:
    assert first_due(NOON, sooner) == first_due(NOON - MINUTES_15, later)
