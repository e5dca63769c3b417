"""The monitoring job: due batches → poll → settle (with outbox, one transaction) → publish."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.domain.models import Batch, DocumentRequest, Failure
from shared.domain.retrying import Backoff
from shared.domain.settlement import PollingBounds, Settlement
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.thunderhead import BatchReport
from shared.domain.timing import after
from shared.jobs import pausing
from shared.jobs.calls import CallsUnderWay
from shared.jobs.leasing import Leases
from shared.jobs.outcomes import Recorder
from shared.jobs.pausing import Pauses
from shared.jobs.polling import Polled, Poller
from shared.jobs.publishing import EVENTS_PER_FLUSH, Publishing
from shared.jobs.runs import MONITORING, Run, Runs
from shared.jobs.storage import Store, Transaction

_logger = logging.getLogger(__name__)

PUBLISH_EVERY_SECONDS = 1.0
"""How long an event waits at most while the run goes on polling."""


@dataclass(frozen=True, slots=True)
class MonitoringJob:
    """Runs the monitoring job. Every collaborator is passed in."""

    store: Store
    poller: Poller
    publishing: Publishing
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
        pauses = Pauses(self.store, self.backoff, self.leases.clock, MONITORING)
        pauses.load()
        # What earlier runs left, before anything else: polls may take all the time there is.
        self.publishing.publish_due(run, pauses)
        with CallsUnderWay[Polled](self.concurrency) as calls:
            settled = _MonitoringRun(self, run, pauses, calls).drain()
        if settled:
            self.publishing.publish_due(run, pauses)
        return self.runs.finish(run)


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
            traceparent = next(iter(expected.values()), "")
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
        writer = _Settler(self._job, self._run)
        counts = self._job.store.write(lambda tx: [writer.write(tx, polled) for polled in results])
        for changed in counts:
            for counter, documents in changed.items():
                self._run.counts[counter] += documents
                if counter in ("completed", "failed"):
                    self._unpublished += documents
        now = self._job.leases.clock()
        is_time = now >= after(self._published_at, PUBLISH_EVERY_SECONDS)
        if self._unpublished >= EVENTS_PER_FLUSH or (self._unpublished and is_time):
            self._unpublished, self._published_at = 0, now
            self._job.publishing.publish_due(self._run, self._pauses)


@dataclass(frozen=True, slots=True)
class _Settler:
    """Writes what one poll brought. The batch row comes first: it is the fence."""

    job: MonitoringJob
    run: Run

    def write(self, tx: Transaction, polled: Polled) -> dict[str, int]:
        """Write within a transaction; returns how many documents changed how."""
        now = self.job.leases.clock()
        batch = polled.batch
        if not polled.is_ours:
            return {"lost": 1}
        if polled.hold_reason:
            return self._hold(tx, batch, polled.hold_reason, now)
        if polled.report is None or polled.settlement is None:
            return self._poll_later(tx, polled, now)
        return self._settle(tx, batch, polled.report, polled.settlement, now)

    def _poll_later(self, tx: Transaction, polled: Polled, now: datetime) -> dict[str, int]:
        batch, report = polled.batch, polled.report
        if report:
            wait = self.job.polling.next_poll(batch.polls + 1, report.retry_after)
        else:
            retry_after = polled.failure.retry_after if polled.failure else None
            wait = self.job.backoff.seconds(batch.failures + 1, retry_after)
        ours = tx.batches.record_poll(batch, report, now, after(now, wait), batch.terminal_since)
        return {} if ours else {"lost": 1}

    def _settle(
        self,
        tx: Transaction,
        batch: Batch,
        report: BatchReport,
        settlement: Settlement,
        now: datetime,
    ) -> dict[str, int]:
        reason = None
        if settlement.held:
            reason = f"Thunderhead says {report.vendor_status}, but documents have no outcome"
            ours = tx.batches.hold(batch, reason, now, report)
            _alert(batch, reason)
        elif settlement.is_final:
            ours = tx.batches.settle(batch, report, now)
        else:
            wait = self.job.polling.next_poll(0)
            since = batch.terminal_since or now
            ours = tx.batches.record_poll(batch, report, now, after(now, wait), since)
        if not ours:
            return {"lost": 1}
        if settlement.is_final or settlement.held:
            tx.batches.add_messages(batch.batch_id, report.messages, now)
        completed = self._complete(tx, batch, settlement, now)
        failed = 0
        for failure, request_ids in _by_failure(settlement).items():
            failed += self._move(tx, batch, request_ids, RequestStatus.FAILED, now, failure)
        held = self._move(
            tx, batch, sorted(settlement.held), RequestStatus.HELD, now, reason=reason
        )
        return {"completed": completed, "failed": failed, "held": held}

    def _complete(
        self, tx: Transaction, batch: Batch, settlement: Settlement, now: datetime
    ) -> int:
        rows = tx.batched.change_status(
            batch.batch_id,
            RequestStatus.SUBMITTED,
            RequestStatus.COMPLETED,
            now,
            request_ids=list(settlement.completed),
        )
        completed = [replace(row, outputs=settlement.completed[row.request_id]) for row in rows]
        tx.batched.add_outputs(completed)
        self._record(tx, completed, now)
        return len(completed)

    def _move(
        self,
        tx: Transaction,
        batch: Batch,
        request_ids: Sequence[UUID],
        after_status: RequestStatus,
        now: datetime,
        failure: Failure | None = None,
        reason: str | None = None,
    ) -> int:
        rows = tx.batched.change_status(
            batch.batch_id,
            RequestStatus.SUBMITTED,
            after_status,
            now,
            request_ids=request_ids,
            failure=failure,
        )
        self._record(tx, rows, now, reason)
        return len(rows)

    def _hold(self, tx: Transaction, batch: Batch, reason: str, now: datetime) -> dict[str, int]:
        if not tx.batches.hold(batch, reason, now):
            return {"lost": 1}
        _alert(batch, reason)
        rows = tx.batched.change_status(
            batch.batch_id, RequestStatus.SUBMITTED, RequestStatus.HELD, now
        )
        self._record(tx, rows, now, reason)
        return {"held": len(rows)}

    def _record(
        self,
        tx: Transaction,
        requests: Sequence[DocumentRequest],
        now: datetime,
        reason: str | None = None,
    ) -> None:
        self.job.recorder.record(
            tx,
            requests,
            RequestStatus.SUBMITTED,
            now,
            actor=MONITORING,
            reason=reason,
            run_id=self.run.run_id,
        )


def _alert(batch: Batch, reason: str) -> None:
    _logger.error("batch held", extra={"batchId": batch.client_reference, "reason": reason})


def _by_failure(settlement: Settlement) -> dict[Failure, list[UUID]]:
    """Group failed documents by why: one statement for each reason."""
    groups: defaultdict[Failure, list[UUID]] = defaultdict(list)
    for request_id, failure in settlement.failed.items():
        groups[failure].append(request_id)
    return groups
