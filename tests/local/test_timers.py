from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from azure.functions.timer import TimerRequest

from local.timers import ROOT, Schedule, fire_ticks, schedule_of
from shared.errors import SettingsError
from tests.local.processes import started

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)  # a Monday
EVERY_TWO_SECONDS = Schedule("*/2 * * * * *")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/2 * * * * *", "2026-03-02T12:00:02"),
        ("*/30 * * * * *", "2026-03-02T12:00:30"),
        ("0 */5 * * * *", "2026-03-02T12:05:00"),
        ("0 30 9 * * 1-5", "2026-03-03T09:30:00"),
        ("0 0 6 1 Jan *", "2027-01-01T06:00:00"),
        # Both the day and the weekday have to match, unlike in classic cron.
        ("0 0 0 13 * Fri", "2026-03-13T00:00:00"),
    ],
)
def test_next_tick(expression: str, expected: str) -> None:
    assert Schedule(expression).next_after(NOON) == datetime.fromisoformat(expected + "+00:00")


def test_a_tick_comes_after_the_moment_not_at_it() -> None:
    assert EVERY_TWO_SECONDS.next_after(NOON) == NOON + timedelta(seconds=2)
    just_before = NOON - timedelta(microseconds=1)
    assert EVERY_TWO_SECONDS.next_after(just_before) == NOON


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("* * * * *", "six fields"),
        ("00:00:30", "six fields"),
        ("60 * * * * *", "bad second"),
        ("0 0 0 30 2 *", "bad day-of-month"),
        ("0 0 0 * * Xyz", "bad day-of-week"),
    ],
)
def test_what_is_no_schedule_is_refused(expression: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Schedule(expression)


class Ticking:
    """Fires a schedule on a clock that only waits and runs move forward."""

    def __init__(self, wakes_early: timedelta = timedelta(0)) -> None:
        self.now = NOON
        self.started: list[float] = []
        self.timers: list[TimerRequest] = []
        self._wakes_early = wakes_early

    def fire(self, runs: int, seconds: Callable[[int], float] = lambda _number: 0.1) -> None:
        def run(timer: TimerRequest) -> None:
            self.started.append((self.now - NOON).total_seconds())
            self.now += timedelta(seconds=seconds(len(self.timers)))
            self.timers.append(timer)

        def has_stopped(wait: float) -> bool:
            self.now += max(timedelta(seconds=wait) - self._wakes_early, timedelta(0))
            return len(self.timers) == runs

        fire_ticks(EVERY_TWO_SECONDS, run, lambda: self.now, has_stopped)

    @property
    def past_due(self) -> list[bool]:
        return [timer.past_due for timer in self.timers]


def test_fires_at_every_tick() -> None:
    ticking = Ticking()
    ticking.fire(runs=3)
    assert ticking.started == [2, 4, 6]
    assert ticking.past_due == [False, False, False]
    assert ticking.timers[1].schedule_status["Next"] == "2026-03-02T12:00:04+00:00"
    assert ticking.timers[1].schedule_status["Last"] == "2026-03-02T12:00:02+00:00"


def test_ticks_missed_by_a_long_run_become_one_run_that_is_past_due() -> None:
    ticking = Ticking()
    ticking.fire(runs=3, seconds=lambda number: 7 if number == 0 else 0.1)
    assert ticking.started == [2, 9, 10]
    assert ticking.past_due == [False, True, False]


def test_a_wait_that_ends_early_does_not_fire_a_tick_twice() -> None:
    ticking = Ticking(wakes_early=timedelta(milliseconds=1))
    ticking.fire(runs=2, seconds=lambda _number: 0)
    assert ticking.timers[1].schedule_status["Next"] == "2026-03-02T12:00:04+00:00"


def test_the_schedule_is_the_setting_that_the_trigger_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MONITORING_SCHEDULE", "0 */5 * * * *")
    assert str(schedule_of(ROOT / "MonitoringTimer")) == "0 */5 * * * *"


@pytest.mark.parametrize(
    ("value", "problem"), [("", "required"), ("every minute", "must be NCRONTAB")]
)
def test_a_missing_or_wrong_schedule_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    monkeypatch.setenv("PROCESSING_SCHEDULE", value)
    with pytest.raises(SettingsError, match=f"^PROCESSING_SCHEDULE: {problem}"):
        schedule_of(ROOT / "ProcessingTimer")


@pytest.mark.integration
def test_a_worker_without_settings_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROCESSING_SCHEDULE", "*/2 * * * * *")
    monkeypatch.delenv("OMS_ENVIRONMENT", raising=False)
    with started("local.timers", "ProcessingTimer") as worker:
        assert worker.wait() == 2
    assert capfd.readouterr().err == "OMS_ENVIRONMENT: required\n"
