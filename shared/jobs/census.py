"""The census: what is open, counted now and then, told to metrics and to the log.

The database remembers the last one, so that it is taken every few minutes however many processes
there are and however short they live.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from shared import measures
from shared.domain.figures import Figures
from shared.domain.models import JobRun, Pause
from shared.domain.timing import Clock, after
from shared.jobs import pausing
from shared.jobs.runs import JOBS
from shared.jobs.storage import Store

_logger = logging.getLogger(__name__)

CENSUS = "census"
EVERY_SECONDS = 300.0

_PAUSED = {
    "thunderhead": pausing.THUNDERHEAD,
    "submissions": pausing.SUBMISSIONS,
    "configurations": f"{pausing.SUBMISSIONS}:",
    "referenceData": pausing.REFERENCE_DATA,
    "events": pausing.EVENTS,
}
"""What can be paused. Configurations count as one: their ids are without bound."""


class Census:
    """Counts what is open."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._due_at: datetime | None = None

    def take_if_due(self, run_id: UUID) -> None:
        """Count, if nobody has for five minutes. Raises DatabaseUnavailable.

        While it is not due, a process asks the database once, and then only its own clock.
        """
        now = self._clock()
        if self._due_at and now < self._due_at:
            return
        last = {run.job: run for run in self._store.read(lambda tx: tx.job_runs.last())}
        taken = last[CENSUS].finished_at if CENSUS in last else None
        is_due = taken is None or now >= after(taken, EVERY_SECONDS)
        self._due_at = after(now if is_due or taken is None else taken, EVERY_SECONDS)
        if is_due:
            mark = JobRun(CENSUS, run_id, now, now, {})
            self._store.write(lambda tx: tx.job_runs.record(mark))
            figures, pauses = self._store.read(lambda tx: (tx.figures.take(), tx.pauses.all()))
            _tell(run_id, figures, _heartbeats(last, now), _paused(pauses, now), now)


def _heartbeats(last: Mapping[str, JobRun], now: datetime) -> dict[str, float]:
    return {
        job: round((now - last[job].finished_at).total_seconds(), 3) for job in JOBS if job in last
    }


def _paused(pauses: Mapping[str, Pause], now: datetime) -> dict[str, float]:
    """Return how long each thing has been paused; 0 for what is not."""
    in_force = [pause for pause in pauses.values() if pause.until is None or pause.until > now]
    ages = {pause.name: round((now - pause.since).total_seconds(), 3) for pause in in_force}
    return {
        what: max(
            (age for one, age in ages.items() if one == name or _is_one_of(one, name)), default=0.0
        )
        for what, name in _PAUSED.items()
    }


def _is_one_of(name: str, prefix: str) -> bool:
    return prefix.endswith(":") and name.startswith(prefix)


def _tell(
    run_id: UUID,
    figures: Figures,
    heartbeats: Mapping[str, float],
    paused: Mapping[str, float],
    now: datetime,
) -> None:
    fields: dict[str, object] = {"oms.runId": str(run_id)}
    for status, waiting in figures.requests.items():
        attributes, age = {"oms.request.status": status.value}, waiting.seconds(now)
        measures.REQUEST_COUNT.record(waiting.count, attributes)
        measures.REQUEST_OLDEST_AGE.record(age, attributes)
        fields[f"oms.requests.{status.value}"] = waiting.count
        fields[f"oms.oldestSeconds.{status.value}"] = age
    for state, waiting in figures.outbox.items():
        attributes, age = {"oms.outbox.state": state}, waiting.seconds(now)
        measures.OUTBOX_EVENTS.record(waiting.count, attributes)
        measures.OUTBOX_OLDEST_AGE.record(age, attributes)
        fields[f"oms.outbox.{state}"] = waiting.count
        fields[f"oms.outboxOldestSeconds.{state}"] = age
    for job, age in heartbeats.items():
        measures.HEARTBEAT_AGE.record(age, {"oms.job": job})
        fields[f"oms.heartbeatSeconds.{job}"] = age
    for what, age in paused.items():
        measures.PAUSE_AGE.record(age, {"oms.dependency": what})
        fields[f"oms.pausedSeconds.{what}"] = age
    if figures.database_utilization is not None:
        measures.DATABASE_UTILIZATION.record(figures.database_utilization)
        fields["oms.databaseUtilization"] = figures.database_utilization
    _logger.info("figures taken", extra=fields)
