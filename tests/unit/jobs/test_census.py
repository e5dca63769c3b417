from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import pytest

from shared.domain.models import JobRun, Pause
from shared.jobs.census import CENSUS, EVERY_SECONDS, Census
from shared.jobs.queries import Queries
from shared.jobs.runs import PROCESSING
from shared.store.database import SqlStore
from tests.telemetry import recorded
from tests.unit.domain.builders import NOON, a_request
from tests.unit.jobs.fakes import InterruptedStore, StandingClock

RUN = UUID(int=1)


@pytest.fixture
def counted(store: SqlStore) -> InterruptedStore:
    return InterruptedStore(store)


def figures(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(one) for one in caplog.records if one.getMessage() == "figures taken"]


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_it_is_taken_every_five_minutes(
    store: SqlStore, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    census = Census(store, clock)
    for _ in range(10):
        census.take_if_due(RUN)
        clock.advance(EVERY_SECONDS / 5)
    assert len(figures(caplog)) == 2


def test_another_process_knows_that_it_was_taken(
    store: SqlStore, counted: InterruptedStore, clock: StandingClock, caplog: Any
) -> None:
    Census(store, clock).take_if_due(RUN)
    clock.advance(EVERY_SECONDS - 1)
    other = Census(counted, clock)
    other.take_if_due(RUN)
    other.take_if_due(RUN)
    assert (counted.reads, counted.writes) == (1, 0)
    clock.advance(1)
    other.take_if_due(RUN)
    assert len(figures(caplog)) == 2


def test_what_is_open_is_told(
    store: SqlStore,
    clock: StandingClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    telemetry = recorded(monkeypatch)
    store.write(lambda tx: tx.requests.insert([a_request(received_at=NOON)], ["{}"]))
    store.write(lambda tx: tx.job_runs.record(JobRun(PROCESSING, RUN, NOON, NOON, {})))
    for name in ("thunderhead", "submissions:1", "submissions:2"):
        pause = Pause(name, NOON, None, 1, "why", "who")
        store.write(lambda tx, pause=pause: tx.pauses.extend(pause))
    ended = Pause("events", NOON, NOON, 1, "why", "who")
    store.write(lambda tx: tx.pauses.extend(ended))
    clock.advance(90)
    Census(store, clock).take_if_due(RUN)

    [told] = figures(caplog)
    assert (told["oms.requests.RECEIVED"], told["oms.oldestSeconds.RECEIVED"]) == (1, 90)
    assert told["oms.requests.HELD"] == told["oms.oldestSeconds.HELD"] == 0
    assert told["oms.heartbeatSeconds.processing"] == 90
    paused = {name: told[f"oms.pausedSeconds.{name}"] for name in ("thunderhead", "events")}
    assert paused == {"thunderhead": 90, "events": 0}
    assert told["oms.pausedSeconds.configurations"] == 90
    assert told["oms.pausedSeconds.submissions"] == 0
    counts = {
        point.attributes["oms.request.status"]: point.value
        for point in telemetry.points("oms.request.count")
    }
    assert counts == {"RECEIVED": 1, "PROCESSING": 0, "SUBMITTED": 0, "HELD": 0}


def test_it_is_not_shown_as_a_job(store: SqlStore, clock: StandingClock) -> None:
    Census(store, clock).take_if_due(RUN)
    assert [run.job for run in store.read(lambda tx: tx.job_runs.last())] == [CENSUS]
    assert Queries(store).readiness().runs == []
