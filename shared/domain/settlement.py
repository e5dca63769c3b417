"""What a poll means for the documents of a batch (contracts, section 3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from shared.domain.models import Failure, Output
from shared.domain.statuses import FailureCategory
from shared.domain.thunderhead import (
    ENDED_BADLY,
    ENDED_WELL,
    BatchReport,
    DocumentReport,
    DocumentStatus,
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of each document that has one."""

    completed: dict[UUID, tuple[Output, ...]] = field(default_factory=dict)
    failed: dict[UUID, Failure] = field(default_factory=dict)
    held: frozenset[UUID] = frozenset()
    open: frozenset[UUID] = frozenset()

    @property
    def is_final(self) -> bool:
        """Nothing is left to ask Thunderhead about."""
        return not self.open


def is_ended(report: BatchReport) -> bool:
    """Tell whether the vendor's status is terminal."""
    return report.vendor_status in ENDED_WELL | ENDED_BADLY


def settle(
    expected: Collection[UUID],
    report: BatchReport,
    documents: Mapping[str, DocumentReport],
    *,
    grace_is_over: bool,
) -> Settlement:
    """Give each expected document of an ended batch its outcome.

    Documents that are still PENDING or missing stay open for a grace period; then those of a
    batch that ended badly fail, and those of one that ended well are held: Thunderhead
    contradicts itself.
    """
    completed: dict[UUID, tuple[Output, ...]] = {}
    failed: dict[UUID, Failure] = {}
    undecided: set[UUID] = set()
    for request_id in expected:
        document = documents.get(str(request_id))
        if document is None or document.status is DocumentStatus.PENDING:
            undecided.add(request_id)
        elif document.status is DocumentStatus.COMPLETED:
            completed[request_id] = document.outputs
        else:
            failed[request_id] = _failure(document)
    if not grace_is_over:
        return Settlement(completed, failed, open=frozenset(undecided))
    if report.vendor_status in ENDED_BADLY:
        failed |= dict.fromkeys(
            undecided,
            Failure(
                FailureCategory.GENERATION,
                f"BATCH_{report.vendor_status}",
                f"Thunderhead ended the batch as {report.vendor_status} without this document.",
            ),
        )
        return Settlement(completed, failed)
    return Settlement(completed, failed, held=frozenset(undecided))


def time_out(
    expected: Collection[UUID],
    documents: Mapping[str, DocumentReport],
    deadline: timedelta,
) -> Settlement:
    """Settle a batch that was cancelled past its deadline: what is not done has failed."""
    completed: dict[UUID, tuple[Output, ...]] = {}
    failed: dict[UUID, Failure] = {}
    for request_id in expected:
        document = documents.get(str(request_id))
        if document is not None and document.status is DocumentStatus.COMPLETED:
            completed[request_id] = document.outputs
        elif document is not None and document.status is DocumentStatus.FAILED:
            failed[request_id] = _failure(document)
        else:
            failed[request_id] = Failure(
                FailureCategory.TIMEOUT,
                "DEADLINE_PASSED",
                f"Thunderhead did not finish within {deadline.total_seconds():.0f} seconds.",
            )
    return Settlement(completed, failed)


def _failure(document: DocumentReport) -> Failure:
    stopped = document.status is DocumentStatus.STOPPED
    return Failure(
        FailureCategory.GENERATION,
        "STOPPED" if stopped else document.error_code or "GENERATION_FAILED",
        document.error_message
        or (
            "Thunderhead stopped the generation of this document."
            if stopped
            else "Thunderhead could not generate this document."
        ),
    )


def is_overdue(submitted_at: datetime, now: datetime, deadline: timedelta) -> bool:
    """Tell whether a batch has had its time."""
    return now > submitted_at + deadline
