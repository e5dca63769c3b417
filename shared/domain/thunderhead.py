"""What Thunderhead may answer, in the words of contracts section 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.domain.models import BatchCounts, JobMessage, Output

# --- answers to a submission -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """202 with a batch id: Thunderhead has the batch."""

    thunderhead_batch_id: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """Why a document (or the whole batch, where no reference is given) was rejected."""

    document_reference: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """400, 415, 422: proven not accepted, because of what was sent."""

    problems: tuple[DocumentProblem, ...]


@dataclass(frozen=True, slots=True)
class TooLarge:
    """413: proven not accepted; smaller batches may be."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """429: proven not accepted; wait."""

    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """Connection refused, no such host: nothing left this machine."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """403, or 401 with a fresh token: proven not accepted; somebody must grant us access."""

    reason: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """409 DUPLICATE_CLIENT_REFERENCE: a batch with our reference exists."""

    thunderhead_batch_id: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Thunderhead may or may not have accepted the batch."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unexpected:
    """An answer that no rule covers (other 3xx, 4xx, 409): a person looks at it."""

    reason: str


Submission = (
    Accepted
    | Rejected
    | TooLarge
    | Throttled
    | NotSent
    | Forbidden
    | Duplicate
    | Unknown
    | Unexpected
)

# --- answers to a look-up by reference ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """A batch with our reference exists."""

    thunderhead_batch_id: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """No batch with our reference is visible (yet)."""


# --- answers to a poll -------------------------------------------------------------------


class DocumentStatus(StrEnum):
    """The vendor's status of one document."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """What Thunderhead says of one document. Texts are personal data."""

    document_reference: str
    status: DocumentStatus
    outputs: tuple[Output, ...] = ()
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What Thunderhead says of a batch."""

    vendor_status: str
    status_text: str | None = None
    counts: BatchCounts = field(default_factory=BatchCounts)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    messages: tuple[JobMessage, ...] = ()
    retry_after: float | None = None
    client_reference: str | None = None


@dataclass(frozen=True, slots=True)
class NotVisible:
    """404: not visible yet, or purged."""


@dataclass(frozen=True, slots=True)
class CallFailed:
    """No verdict: an outage, a refusal or an unreadable answer. Ask again later."""

    reason: str
    retry_after: float | None = None
    refused: bool = False
    """401, 403, 429: Thunderhead refuses us, so the next question would fare no better."""


class Cancellation(StrEnum):
    """What became of a request to cancel a batch."""

    ACCEPTED = "ACCEPTED"
    """It is being cancelled, or had ended already."""
    REFUSED = "REFUSED"
    """Thunderhead will not cancel it, however often it is asked."""
    FAILED = "FAILED"
    """No usable answer: ask again later."""


Lookup = Found | NotFound | CallFailed
Poll = BatchReport | NotVisible | CallFailed
Documents = Mapping[str, DocumentReport] | CallFailed

IN_PROGRESS = frozenset({"QUEUED", "RUNNING", "PAUSED", "STOPPING"})
ENDED_WELL = frozenset({"COMPLETED", "FINISHED", "COMPLETED_WITH_ERRORS"})
ENDED_BADLY = frozenset({"FAILED", "ERRORED", "STOPPED", "CANCELLED"})
"""The vendor's batch statuses; any other is treated as in progress and warned about once."""
