"""The period of the overview: every address is answered, also one that nobody can mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.jobs.overview import Activity, Overviews, Step
from tests.unit.web.console.conftest import browser
from tests.unit.web.console.fakes import NOW, FakeUseCases

TODAY = NOW.replace(hour=0, minute=0, second=0)
TOMORROW = TODAY + timedelta(days=1)


class Quiet:
    """A store in whose statistics nothing happened."""

    def read(self, work: Callable[[Any], Any]) -> Any:
        nothing = SimpleNamespace(
            mark=lambda: None,
            by_hour=lambda *_: [],
            by_source_system=lambda *_: [],
            failures=lambda *_: [],
        )
        return work(SimpleNamespace(statistics=nothing))


class Periods(FakeUseCases):
    """Answers with the use case's own rules on periods."""

    def activity(self, start: datetime, end: datetime, step: Step, caller: Any) -> Activity:
        self.orders.append((start, end))
        store: Any = Quiet()
        return Overviews(store, self.now(caller).limits, lambda: NOW).activity(
            start, end, step, caller=SimpleNamespace(source_systems=None)
        )


def shown(start: str, end: str) -> tuple[tuple[datetime, datetime], str]:
    cases = Periods()
    query = urlencode({"period": "custom", "from": start, "to": end})
    answer = browser(cases).get(f"/console/?{query}")
    assert answer.status_code == 200
    [period] = cases.orders
    return period, answer.text


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-01T22:30", "2026-03-02T01:15"),
        ("2025-11-30T00:30", "2026-03-01T00:30"),
        ("0001-01-01T00:00", "0001-01-02T00:00"),
    ],
)
def test_a_period_is_shown_as_asked_for(start: str, end: str) -> None:
    (begin, until), text = shown(start, end)
    assert begin.isoformat() == f"{start}:00+00:00"
    assert until.isoformat() == f"{end}:00+00:00"
    assert "The period" not in text


def test_a_period_ends_with_the_present_day() -> None:
    assert shown("2026-03-01T00:00", "9999-12-31T23:59")[0] == (TODAY - timedelta(days=1), TOMORROW)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-02T01:00", "2026-03-01T01:00"),
        ("2025-11-29T00:30", "2026-03-01T00:15"),
        ("9999-12-31T00:00", "9999-12-31T23:59"),
        ("yesterday", "2026-03-01T00:00"),
    ],
    ids=["backwards", "three months", "far ahead", "words"],
)
def test_a_period_that_is_none_is_today_and_says_so(start: str, end: str) -> None:
    period, text = shown(start, end)
    assert period == (TODAY, TOMORROW)
    assert "The period must be" in text
