"""What polls brought, written: outcomes of documents with history and events, or the next poll."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from shared.domain.models import Batch, DocumentRequest, Failure
from shared.domain.polling import GenerationTime, PollingBounds, generation_seconds
from shared.domain.retrying import Backoff
from shared.domain.settlement import Settlement
from shared.domain.statuses import RequestStatus
from shared.domain.thunderhead import BatchReport, DocumentStatus
from shared.domain.timing import Clock, after
from shared.jobs.earlier_documents import note_generated_late
from shared.jobs.outcomes import Recorder
from shared.jobs.polling import Polled
from shared.jobs.runs import MONITORING
from shared.jobs.storage import Transaction
from shared.measures import BATCH_POLLS

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settler:
    """Writes what polls brought. A batch's own row comes first: it is the fence."""

    recorder: Recorder
    polling: PollingBounds
    backoff: Backoff
    clock: Clock
    run_id: UUID

    def write(self, tx: Transaction, results: Sequence[Polled]) -> Counter[str]:
        """Write within a transaction; returns how many documents changed how."""
        known = tx.generation_times.all()
        counts: Counter[str] = Counter()
        # In one order for all workers, so that no two wait for each other's generation times.
        for polled in sorted(results, key=lambda polled: polled.batch.batch_config_id):
            counts.update(self._write(tx, polled, known.get(polled.batch.batch_config_id)))
        return counts

    def _write(
        self, tx: Transaction, polled: Polled, expected: GenerationTime | None
    ) -> dict[str, int]:
        now = self.clock()
        batch = polled.batch
        if not polled.is_ours:
            return {"lost": 1}
        if polled.is_over:
            return self._close(tx, polled, now)
        if polled.hold_reason:
            return self._hold(tx, batch, polled.hold_reason, now)
        if polled.report is None or polled.settlement is None:
            return self._poll_later(tx, polled, now, expected)
        return self._settle(tx, polled, polled.report, polled.settlement, now)

    def _poll_later(
        self, tx: Transaction, polled: Polled, now: datetime, expected: GenerationTime | None
    ) -> dict[str, int]:
        batch, report = polled.batch, polled.report
        if report:
            wait = self.polling.next_poll(batch.polls + 1, report.retry_after, expected)
        else:
            retry_after = polled.failure.retry_after if polled.failure else None
            wait = self.backoff.seconds(batch.failures + 1, retry_after)
        ours = tx.batches.record_poll(batch, report, now, after(now, wait), batch.terminal_since)
        return {} if ours else {"lost": 1}

    def _close(self, tx: Transaction, polled: Polled, now: datetime) -> dict[str, int]:
        """End a batch that timed out: all its documents have their outcome already."""
        batch, report = polled.batch, polled.report
        if not tx.batches.settle(batch, report, now):
            return {"lost": 1}
        if report:
            tx.batches.add_messages(batch.batch_id, report.messages, now)
        failed = tx.batched.of(batch.batch_id, RequestStatus.FAILED)
        generated = {
            request.request_id: document
            for request in failed
            if (document := polled.aftermath.get(str(request.request_id)))
            and document.status is DocumentStatus.COMPLETED
        }
        for request_id in note_generated_late(tx, batch.batch_id, generated, now):
            _logger.error(
                "document generated late",
                extra={"oms.requestId": str(request_id), "oms.runId": str(self.run_id)},
            )
        return {}

    def _settle(
        self,
        tx: Transaction,
        polled: Polled,
        report: BatchReport,
        settlement: Settlement,
        now: datetime,
    ) -> dict[str, int]:
        reason, batch = None, polled.batch
        if settlement.held:
            reason = f"Thunderhead says {report.vendor_status}, but documents have no outcome"
            ours = tx.batches.hold(batch, reason, now, report)
        elif settlement.is_final and not polled.is_watched:
            ours = tx.batches.settle(batch, report, now)
        else:
            wait = self.polling.next_poll(0)
            since = batch.terminal_since or now
            ours = tx.batches.record_poll(batch, report, now, after(now, wait), since)
        if not ours:
            return {"lost": 1}
        if reason:
            tx.after_commit(partial(self._alert, batch, reason))
        elif settlement.is_final and not polled.is_watched:
            tx.after_commit(lambda: BATCH_POLLS.record(batch.polls + 1))
        if (settlement.is_final and not polled.is_watched) or settlement.held:
            tx.batches.add_messages(batch.batch_id, report.messages, now)
            seconds = generation_seconds(batch, report, now)
            if seconds is not None:
                tx.generation_times.note(batch.batch_config_id, seconds)
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
        tx.after_commit(partial(self._alert, batch, reason))
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
        self.recorder.record(
            tx,
            requests,
            RequestStatus.SUBMITTED,
            now,
            actor=MONITORING,
            reason=reason,
            run_id=self.run_id,
        )

    def _alert(self, batch: Batch, reason: str) -> None:
        _logger.error(
            "batch held",
            extra={
                "oms.batchId": batch.client_reference,
                "oms.runId": str(self.run_id),
                "event.reason": reason,
            },
        )


def _by_failure(settlement: Settlement) -> dict[Failure, list[UUID]]:
    """Group failed documents by why: one statement for each reason."""
    groups: defaultdict[Failure, list[UUID]] = defaultdict(list)
    for request_id, failure in settlement.failed.items():
        groups[failure].append(request_id)
    return groups
