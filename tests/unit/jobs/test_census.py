from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import pytest

from shared.domain.models import JobRun, Pause
from shared.jobs.census import Census
from shared.jobs.runs import PROCESSING
from shared.store.database import SqlStore
from tests.telemetry import recorded
from tests.unit.domain.builders import NOON, a_request
from tests.unit.jobs.fakes import StandingClock

RUN = UUID(int=1)


def figures(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(one) for one in caplog.records if one.getMessage() == "figures taken"]


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


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
    Census(store, clock).take(RUN)

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
