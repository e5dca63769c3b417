"""The monitoring job: due batches → poll → settle (with outbox, one transaction) → publish."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared import tracing
from shared.domain.polling import PollingBounds
from shared.domain.retrying import Backoff
from shared.domain.statuses import BatchState
from shared.domain.timing import after
from shared.jobs import pausing
from shared.jobs.calls import CallsUnderWay
from shared.jobs.census import Census
from shared.jobs.leasing import Leases
from shared.jobs.outcomes import Recorder
from shared.jobs.pausing import Pauses
from shared.jobs.polling import Polled, Poller
from shared.jobs.publishing import EVENTS_PER_FLUSH, Publishing
from shared.jobs.retention import Retention
from shared.jobs.runs import MONITORING, Run, Runs
from shared.jobs.settling import Settler
from shared.jobs.statistics import StatisticsUpdate
from shared.jobs.storage import Store

_logger = logging.getLogger(__name__)

PUBLISH_EVERY_SECONDS = 1.0
"""How long an event waits at most while the run goes on polling."""


@dataclass(frozen=True, slots=True)
class MonitoringJob:
    """Runs the monitoring job. Every collaborator is passed in."""

    store: Store
    poller: Poller
    publishing: Publishing
    retention: Retention
    statistics: StatisticsUpdate
    census: Census
    recorder: Recorder
    leases: Leases
    runs: Runs
    backoff: Backoff
    polling: PollingBounds
    concurrency: int

    def run(self) -> dict[str, Any]:
        """Do one run: poll what is due and publish what is committed. Returns its summary.

        Raises DatabaseUnavailable; what the run held is taken up again when its leases end.
        """
        run = self.runs.start(MONITORING)
        with self.runs.watched(run):
            pauses = Pauses(self.store, self.backoff, self.leases.clock, MONITORING)
            pauses.load()
            # What earlier runs left, before anything else: polls may take all the time there is.
            self.publishing.publish_due(run, pauses)
            with CallsUnderWay[Polled](self.concurrency) as calls:
                settled = _MonitoringRun(self, run, pauses, calls).drain()
            if settled:
                self.publishing.publish_due(run, pauses)
            self.retention.purge_due(run)
            summary = self.runs.finish(run)
            # After the heartbeat: a job that cannot count is not dead.
            if self.statistics.update_if_due(run):
                self.census.take(run.run_id)
            return summary


class _MonitoringRun:
    """One run: what is under way."""

    def __init__(
        self, job: MonitoringJob, run: Run, pauses: Pauses, calls: CallsUnderWay[Polled]
    ) -> None:
        self._job = job
        self._run = run
        self._pauses = pauses
        self._calls = calls
        self._unpublished = 0
        self._published_at = job.leases.clock()

    def drain(self) -> bool:
        """Poll what is due until nothing is, or the budget ends; settle as answers come in.

        Returns whether events are left to be published.
        """
        while self._may_poll() and self._take_up():
            self._record_all(self._calls.finished())
        self._record_all(self._calls.all_finished())
        return self._unpublished > 0

    def _may_poll(self) -> bool:
        self._pauses.refresh()
        is_paused = self._pauses.in_force(pausing.THUNDERHEAD)
        return self._job.runs.may_go_on(self._run) and not is_paused

    def _take_up(self) -> bool:
        """Claim some batches and start their polls; False if none was due."""
        job = self._job
        limit = self._calls.room
        owner, now, until = job.leases.new_id(), job.leases.clock(), job.leases.until()
        claimed = job.store.write(
            lambda tx: tx.batches.claim(BatchState.SUBMITTED, owner, now, until, limit)
        )
        self._run.counts["claimed"] += len(claimed)
        ids = [batch.batch_id for batch in claimed]
        documents = job.store.read(lambda tx: tx.batched.submitted_in(ids)) if ids else {}
        for batch in claimed:
            expected = dict(documents[batch.batch_id])
            # As at its submission: calls for a batch are in the trace of its first document.
            traceparent = expected[min(expected)] if expected else ""
            tracing.link_to(iter(expected.values()))
            self._calls.start(job.poller.poll, batch, list(expected), traceparent)
        return bool(claimed)

    def _record_all(self, results: Iterable[Sequence[Polled]]) -> None:
        for polls in results:
            self._record(polls)

    def _learn(self, polled: Polled) -> None:
        """Keep or end the patience with Thunderhead."""
        failure = polled.failure
        if failure is None:
            self._pauses.end(pausing.THUNDERHEAD)
        elif failure.refused:
            self._pauses.begin(pausing.THUNDERHEAD, failure.reason, failure.retry_after)
        else:
            self._pauses.note_failure(pausing.THUNDERHEAD, failure.reason, failure.retry_after)

    def _record(self, results: Sequence[Polled]) -> None:
        """Commit what some polls brought, in one transaction."""
        for polled in results:
            self._learn(polled)
        settler = Settler(
            self._job.recorder,
            self._job.polling,
            self._job.backoff,
            self._job.leases.clock,
            self._run.run_id,
        )
        counts = self._job.store.write(lambda tx: settler.write(tx, results))
        self._run.counts.update(counts)
        self._unpublished += counts["completed"] + counts["failed"]
        now = self._job.leases.clock()
        is_time = now >= after(self._published_at, PUBLISH_EVERY_SECONDS)
        if self._unpublished >= EVENTS_PER_FLUSH or (self._unpublished and is_time):
            self._unpublished, self._published_at = 0, now
            self._job.publishing.publish_due(self._run, self._pauses)
