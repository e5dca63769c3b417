"""The life of a request and of a batch: statuses, and the one table of transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RequestStatus(StrEnum):
    """Status of a document request.

    RECEIVED waits, PROCESSING is being checked and sent, SUBMITTED is being generated. COMPLETED
    and FAILED are the ends. HELD waits for a person's decision.
    """

    RECEIVED = "RECEIVED"
    PROCESSING = "PROCESSING"
    SUBMITTED = "SUBMITTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    HELD = "HELD"

    @property
    def is_terminal(self) -> bool:
        """COMPLETED and FAILED: a status event is published for these."""
        return self in TERMINAL


class BatchState(StrEnum):
    """State of a batch: who owns its documents, and what is known of its submission."""

    SUBMITTING = "SUBMITTING"
    """The intent is committed; a send may have happened."""
    SUBMITTED = "SUBMITTED"
    """Thunderhead has it; it is polled."""
    SETTLED = "SETTLED"
    """Every document has its outcome."""
    HELD = "HELD"
    """Nobody can tell by machine whether Thunderhead has it; a person decides."""
    DISSOLVED = "DISSOLVED"
    """Proven not accepted; its documents went on in other batches or failed."""


class FailureCategory(StrEnum):
    """Which part of the flow a request failed in."""

    ENRICHMENT = "ENRICHMENT"
    SUBMISSION = "SUBMISSION"
    GENERATION = "GENERATION"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    ABANDONED = "ABANDONED"


class Priority(StrEnum):
    """How soon a request should be taken, relative to others."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"


TERMINAL = frozenset({RequestStatus.COMPLETED, RequestStatus.FAILED})

TRANSITIONS: Mapping[RequestStatus | None, frozenset[RequestStatus]] = {
    None: frozenset({RequestStatus.RECEIVED}),
    # FAILED from RECEIVED is a cancellation.
    RequestStatus.RECEIVED: frozenset({RequestStatus.PROCESSING, RequestStatus.FAILED}),
    # Back to RECEIVED: the run could not go on (an outage, a pause) before there was an intent.
    RequestStatus.PROCESSING: frozenset(
        {
            RequestStatus.RECEIVED,
            RequestStatus.SUBMITTED,
            RequestStatus.FAILED,
            RequestStatus.HELD,
        }
    ),
    RequestStatus.SUBMITTED: frozenset(
        {RequestStatus.COMPLETED, RequestStatus.FAILED, RequestStatus.HELD}
    ),
    RequestStatus.HELD: frozenset(
        {
            RequestStatus.PROCESSING,
            RequestStatus.SUBMITTED,
            RequestStatus.COMPLETED,
            RequestStatus.FAILED,
        }
    ),
    # A failed request may be reprocessed, as its next generation. A completed one never:
    # its document exists.
    RequestStatus.FAILED: frozenset({RequestStatus.RECEIVED}),
    RequestStatus.COMPLETED: frozenset(),
}
"""Every transition that may happen; None is "not stored yet"."""


def can_become(before: RequestStatus | None, after: RequestStatus) -> bool:
    """Tell whether a request may go from one status to another."""
    return after in TRANSITIONS[before]
