from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.jobs.console_models import Tally
from shared.jobs.overview import Step
from shared.web.console.charts import HEIGHT, WIDTH, bars, nice_maximum, shares
from shared.web.console.wording import duration, number, plural
from tests.unit.web.console.fakes import NOW, FakeUseCases


@pytest.mark.parametrize("hours", [1, 24, 49, 24 * 30])
def test_every_bar_lies_inside_the_chart(hours: int) -> None:
    chart = bars(FakeUseCases().activity(NOW, NOW + timedelta(hours=hours), Step.HOUR, None))
    assert chart.rects
    for rect in chart.rects:
        assert chart.left <= rect.x
        assert rect.x + rect.width <= WIDTH
        assert rect.y >= 0
        assert rect.y + rect.height <= HEIGHT
    assert 1 <= len(chart.labels) <= 8


def test_a_chart_of_nothing_has_no_bars() -> None:
    activity = FakeUseCases().activity(NOW, NOW + timedelta(hours=2), Step.HOUR, None)
    empty = [replace(bucket, tally=Tally()) for bucket in activity.buckets]
    chart = bars(replace(activity, buckets=empty))
    assert not chart.rects
    assert [tick.value for tick in chart.ticks] == [0, 5, 10]


@pytest.mark.parametrize(
    ("value", "maximum"), [(0, 10), (10, 10), (11, 20), (21, 50), (51, 100), (101, 200)]
)
def test_a_scale_ends_with_a_round_number(value: int, maximum: int) -> None:
    assert nice_maximum(value) == maximum


def test_shares_are_of_the_longest() -> None:
    [one, two] = shares({"A": Tally(0, 75, 25), "B": Tally(9, 50, 0)})
    assert (one.completed, one.failed, two.completed) == (75, 25, 50)
    assert shares({"A": Tally()})[0].completed == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 s"),
        (2.54, "2.5 s"),
        (59.6, "1 min"),
        (3_661, "1 h 1 min"),
        (7_200, "2 h"),
        (90_061, "1 d 1 h"),
    ],
)
def test_a_duration_has_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words
    assert duration(timedelta(seconds=seconds)) == words


def test_numbers_are_read_easily() -> None:
    assert number(1_234_567) == "1\u202f234\u202f567"
    assert plural(1, "batch", "batches") == "1 batch"
    assert plural(2, "batch", "batches") == "2 batches"
