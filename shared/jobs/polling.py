"""One batch and Thunderhead: read how it is, and decide what that means for its documents.

Runs on a thread of the pool; it leaves every write (but the renewal of the lease) to the run.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from shared import tracing
from shared.domain import settlement
from shared.domain.models import Batch
from shared.domain.settlement import Settlement
from shared.domain.thunderhead import (
    ENDED_BADLY,
    ENDED_WELL,
    IN_PROGRESS,
    BatchReport,
    CallFailed,
    Cancellation,
    DocumentReport,
    Documents,
    Found,
    NotVisible,
    Poll,
)
from shared.errors import LeaseLost
from shared.jobs.leasing import Leases
from shared.jobs.ports import Thunderhead

_logger = logging.getLogger(__name__)

_ENDED_BY_ITSELF = (ENDED_WELL | ENDED_BADLY) - {"STOPPED", "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll brought."""

    batch: Batch
    report: BatchReport | None = None
    """None where Thunderhead did not show the batch (yet)."""
    settlement: Settlement | None = None
    """None while the batch is under way."""
    failure: CallFailed | None = None
    """Set where Thunderhead gave no usable answer."""
    hold_reason: str | None = None
    aftermath: Mapping[str, DocumentReport] = field(default_factory=dict)
    """What became, in the end, of the documents of a batch that had timed out."""
    is_watched: bool = False
    """It has no open document left, but Thunderhead has not ended it yet."""
    is_over: bool = False
    """Nothing more will be learnt of it."""
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a batch may take."""

    batch: timedelta
    pending_grace: timedelta
    visibility: timedelta
    lookup_supported: bool


@dataclass(frozen=True, slots=True)
class Poller:
    """Polls one batch at a time."""

    thunderhead: Thunderhead
    leases: Leases
    deadlines: Deadlines

    def poll(self, batch: Batch, expected: Collection[UUID], traceparent: str) -> Polled:
        """Read a submitted batch; `expected` are its documents that have no outcome yet."""
        attributes = {"oms.batch.id": batch.client_reference}
        try:
            with tracing.span("poll", attributes=attributes, parent=traceparent):
                return _Poll(self, batch, expected, traceparent).run()
        except LeaseLost:
            return Polled(batch, is_ours=False)


class _Poll:
    """One poll, call by call; the lease covers each."""

    def __init__(
        self, poller: Poller, batch: Batch, expected: Collection[UUID], traceparent: str
    ) -> None:
        self._thunderhead = poller.thunderhead
        self._leases = poller.leases
        self._deadlines = poller.deadlines
        self._batch = batch
        self._expected = expected
        self._traceparent = traceparent
        self._vendor_id = batch.thunderhead_batch_id or ""

    def run(self) -> Polled:
        report = self._read()
        if not self._expected:
            return self._aftermath(report)
        match report:
            case CallFailed():
                return Polled(self._batch, failure=report)
            case NotVisible():
                return self._not_visible()
            case BatchReport() if settlement.is_ended(report):
                return self._ended(report)
            case BatchReport():
                self._warn_of_unknown_status(report)
                if self._is_overdue():
                    return self._overdue(report)
                return Polled(self._batch, report)

    def _warn_of_unknown_status(self, report: BatchReport) -> None:
        """Say once per batch that the vendor has a word that we do not know."""
        status = report.vendor_status
        if status not in IN_PROGRESS and status != self._batch.vendor_status:
            _logger.warning(
                "unknown vendor status",
                extra={
                    "oms.batchId": self._batch.client_reference,
                    "oms.vendorStatus": status,
                },
            )

    def _ended(self, report: BatchReport) -> Polled:
        documents = self._documents()
        now = self._leases.clock()
        if isinstance(documents, CallFailed):
            if self._is_overdue(2 * self._deadlines.batch):
                reason = f"{report.vendor_status}, but its documents cannot be read"
                return Polled(self._batch, report, failure=documents, hold_reason=reason)
            return Polled(self._batch, report, failure=documents)
        since = self._batch.terminal_since or now
        return Polled(
            self._batch,
            report,
            settlement.settle(
                self._expected,
                report,
                documents,
                grace_is_over=now >= since + self._deadlines.pending_grace,
            ),
        )

    def _overdue(self, report: BatchReport) -> Polled:
        """Cancel a batch past its deadline, then read it for the last time."""
        self._keep()
        match self._thunderhead.cancel(self._vendor_id, self._traceparent):
            case Cancellation.REFUSED:
                reason = "past its deadline, and Thunderhead refuses to cancel it"
                return Polled(self._batch, report, hold_reason=reason)
            case Cancellation.FAILED:
                return Polled(self._batch, report)
        last = self._read()
        if isinstance(last, BatchReport) and last.vendor_status in _ENDED_BY_ITSELF:
            return self._ended(last)  # just in time: nothing was left to cancel
        documents = self._documents()
        if isinstance(documents, CallFailed):
            return Polled(self._batch, failure=documents)
        final = last if isinstance(last, BatchReport) else report
        return Polled(
            self._batch,
            final,
            settlement.time_out(self._expected, documents, self._deadlines.batch),
            is_watched=not settlement.is_ended(final),
        )

    def _aftermath(self, report: Poll) -> Polled:
        """Watch a batch that timed out until it has ended: a document may still come.

        After as long again as its deadline, nobody waits for it any more.
        """
        is_over = self._is_overdue(2 * self._deadlines.batch) or isinstance(report, NotVisible)
        failure = report if isinstance(report, CallFailed) else None
        if isinstance(report, BatchReport) and settlement.is_ended(report):
            documents = self._documents()
            if not isinstance(documents, CallFailed):
                return Polled(self._batch, report, aftermath=documents, is_over=True)
            failure = documents
        if is_over:
            return Polled(self._batch, failure=failure, is_over=True)
        known = report if isinstance(report, BatchReport) else None
        return Polled(self._batch, known, failure=failure)

    def _not_visible(self) -> Polled:
        submitted_at = self._batch.submitted_at or self._batch.created_at
        if self._leases.clock() < submitted_at + self._deadlines.visibility:
            return Polled(self._batch)
        lost = f"Thunderhead no longer knows batch {self._vendor_id}"
        if not self._deadlines.lookup_supported:
            return Polled(self._batch, hold_reason=lost)
        self._keep()
        match self._thunderhead.find(self._batch.client_reference, self._traceparent):
            case CallFailed() as failure:
                return Polled(self._batch, failure=failure)
            case Found(vendor_id) if vendor_id == self._vendor_id and not self._is_overdue():
                return Polled(self._batch)  # found, but not readable yet
            case Found(vendor_id):
                return Polled(self._batch, hold_reason=f"{lost}, but finds {vendor_id} for it")
            case _:
                return Polled(self._batch, hold_reason=lost)

    def _is_overdue(self, deadline: timedelta | None = None) -> bool:
        submitted_at = self._batch.submitted_at or self._batch.created_at
        return settlement.is_overdue(
            submitted_at, self._leases.clock(), deadline or self._deadlines.batch
        )

    def _read(self) -> BatchReport | NotVisible | CallFailed:
        self._keep()
        return self._thunderhead.poll(self._vendor_id, self._traceparent)

    def _documents(self) -> Documents:
        self._keep()
        return self._thunderhead.documents(self._vendor_id, self._traceparent)

    def _keep(self) -> None:
        self._batch = self._leases.covering(self._batch)
