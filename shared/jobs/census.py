"""The census: what is open, counted with each update of the statistics, told to metrics and log."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from shared import measures
from shared.domain.figures import Figures
from shared.domain.models import JobRun, Pause
from shared.domain.timing import Clock
from shared.jobs import pausing
from shared.jobs.storage import Store, Transaction

_logger = logging.getLogger(__name__)

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

    def take(self, run_id: UUID) -> None:
        """Count, and tell. Raises DatabaseUnavailable."""
        now = self._clock()

        def work(tx: Transaction) -> tuple[Figures, Mapping[str, Pause], Sequence[JobRun]]:
            return tx.figures.take(), tx.pauses.all(), tx.job_runs.last()

        figures, pauses, runs = self._store.read(work)
        last = {run.job: run for run in runs}
        _tell(run_id, figures, _heartbeats(last, now), _paused(pauses, now), now)


def _heartbeats(last: Mapping[str, JobRun], now: datetime) -> dict[str, float]:
    return {job: round((now - run.finished_at).total_seconds(), 3) for job, run in last.items()}


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
