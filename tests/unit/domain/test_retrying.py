from __future__ import annotations

from datetime import UTC, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.retrying import Backoff, parse_retry_after
from tests.unit.domain.builders import NOON

HOUR = 3600.0
seconds = st.floats(0.001, 10_000, allow_nan=False)
draws = st.floats(0, 1, exclude_max=True)


@given(seconds, seconds, st.integers(-3, 1000), draws)
def test_the_wait_is_jittered_below_the_exponential_bound(
    base: float, most: float, failures: int, draw: float
) -> None:
    wait = Backoff(base, most, lambda: draw).seconds(failures)
    steps = min(max(failures - 1, 0), 60)
    assert 0 < wait <= min(most, base * 2**steps)


@given(draws, draws)
def test_the_jitter_spreads_over_nearly_the_whole_range(low: float, high: float) -> None:
    waits = [Backoff(8, 100, lambda draw=draw: draw).seconds(1) for draw in sorted([low, high])]
    assert waits[0] <= waits[1]
    assert Backoff(8, 100, lambda: 0.0).seconds(1) <= 0.8
    assert Backoff(8, 100, lambda: 0.999).seconds(1) > 7.9


@pytest.mark.parametrize(
    ("failures", "bound"), [(0, 5), (1, 5), (2, 10), (3, 20), (7, 320), (8, 600), (10_000, 600)]
)
def test_the_bound_doubles_up_to_the_most(failures: int, bound: float) -> None:
    assert Backoff(5, 600, lambda: 1.0).seconds(failures) == pytest.approx(bound)


@given(st.integers(1, 20), st.floats(0, HOUR), draws)
def test_retry_after_is_a_lower_bound(failures: int, retry_after: float, draw: float) -> None:
    backoff = Backoff(5, 600, lambda: draw)
    wait = backoff.seconds(failures, retry_after)
    assert wait == max(backoff.seconds(failures), retry_after)


@given(st.floats(HOUR, 1e9))
def test_retry_after_is_bounded_by_an_hour(retry_after: float) -> None:
    assert Backoff(5, 600, lambda: 0.5).seconds(1, retry_after) == HOUR


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("999999999", 999_999_999),
        (format_datetime(NOON + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOON - timedelta(days=1), usegmt=True), 0),
        ("Monday, 02-Mar-26 12:00:30 GMT", 30),  # RFC 850, which a recipient must accept
        ("Mon Mar  2 12:00:45 2026", 45),  # asctime, likewise
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, expected: float) -> None:
    assert parse_retry_after(header, NOON) == expected


def test_more_digits_than_a_wait_can_have_are_a_long_wait() -> None:
    found = parse_retry_after("9" * 5000, NOON)
    assert found is not None
    assert found >= HOUR


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "   ",
        "soon",
        "-1",
        "1.5",
        "1e3",
        "0x10",
        "١٢",
        "120, 60",
        "Mon",
        "Mon, 99 Foo 2026 99:99:99 GMT",
        "Mon, 02 Mar 2026 12:00:00 +9999",
        "\x00",
    ],
)
def test_what_cannot_be_read_is_no_retry_after(header: str | None) -> None:
    assert parse_retry_after(header, NOON) is None


@pytest.mark.parametrize(
    "header",
    [
        "Mon, 02 Mar 99999999999999999999 12:00:00 GMT",
        "Mon, 02 Mar 2026 99999999999999999999:00:00 GMT",
        "Mon, 02 Mar 2026 12:00:00 +999999999999999999999",
    ],
)
def test_a_date_beyond_all_dates_is_no_retry_after(header: str) -> None:
    assert parse_retry_after(header, NOON) is None


def test_leading_zeros_do_not_count() -> None:
    assert parse_retry_after("0000000000120", NOON) == 120


@given(st.text(max_size=40))
def test_garbage_never_raises(header: str) -> None:
    found = parse_retry_after(header, NOON)
    assert found is None or found >= 0


@given(st.timedeltas(timedelta(days=-1000), timedelta(days=1000)))
def test_a_date_means_the_time_until_then(distance: timedelta) -> None:
    moment = (NOON + distance).replace(microsecond=0)
    header = format_datetime(moment.astimezone(UTC), usegmt=True)
    expected = max(0.0, (moment - NOON).total_seconds())
    assert parse_retry_after(header, NOON) == expected
