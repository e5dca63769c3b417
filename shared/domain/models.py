"""What the jobs and the store pass to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.domain.statuses import BatchState, FailureCategory, Priority, RequestStatus


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed, in words that a clerk understands."""

    category: FailureCategory
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Output:
    """One generated document of a request, as Thunderhead reported its channel."""

    channel_name: str
    mime_type: str | None = None
    page_count: int | None = None
    document_name: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request as its caller sent it: shape and content checked, codes not yet."""

    source_system: str
    request_correlation_id: str
    document_type: str
    document_name: str
    language: str
    priority: Priority
    metadata: Mapping[str, str]
    content: Mapping[str, Any]
    """The parsed JSON object; its numbers are `strict_json.Number`, exact."""


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """A stored request, without its content."""

    request_id: UUID
    source_system: str
    request_correlation_id: str
    document_type: str
    document_name: str
    language: str
    priority: Priority
    status: RequestStatus
    generation: int
    version: int
    received_at: datetime
    updated_at: datetime
    body_digest: str
    traceparent: str
    submitted_at: datetime | None = None
    completed_at: datetime | None = None
    generated_late_at: datetime | None = None
    """When it was found that Thunderhead has generated a document that had timed out."""
    purged_at: datetime | None = None
    """When its content was removed for good."""
    event_topic: str | None = None
    """Where the terminal status goes; known from enrichment on."""
    batch_id: UUID | None = None
    thunderhead_batch_id: str | None = None
    failure: Failure | None = None
    failures: int = 0
    """Times in a row that it was given back without an answer; drives the backoff."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One transition of a request: who or what, when and why."""

    request_id: UUID
    generation: int
    from_status: RequestStatus | None
    to_status: RequestStatus
    at: datetime
    actor: str
    reason: str | None = None
    run_id: UUID | None = None
    batch_id: UUID | None = None
    """The batch that carried the request at that time."""
    failure_category: FailureCategory | None = None
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch: the intent to submit, then what Thunderhead made of it.

    The batch id is the client reference that Thunderhead sees.
    """

    batch_id: UUID
    state: BatchState
    version: int
    """Grows with each change of state: what a person decides on is what they saw."""
    batch_name: str
    batch_config_id: str
    project_id: str | None
    transaction_data_type: str
    properties: tuple[tuple[str, str], ...]
    payload_digest: str
    document_count: int
    created_at: datetime
    in_flight: bool = True
    """The latest send has no answer: it is under way, went unanswered, or its run died."""
    last_send_at: datetime | None = None
    unknown_since: datetime | None = None
    """By when the latest send with unknown outcome was over; None while nothing is in doubt."""
    resend_ordered_at: datetime | None = None
    """A person wants it sent once more, whatever is in doubt."""
    attempts: int = 0
    """Sends that went unanswered while Thunderhead otherwise answered."""
    failures: int = 0
    """Waits in a row without a clear answer; drives the backoff."""
    thunderhead_batch_id: str | None = None
    submitted_at: datetime | None = None
    vendor_status: str | None = None
    polls: int = 0
    terminal_since: datetime | None = None
    """Since when the vendor's status is terminal while documents are still open."""
    lease_owner: UUID | None = None
    leased_until: datetime | None = None
    hold_reason: str | None = None

    @property
    def client_reference(self) -> str:
        """The reference under which Thunderhead knows this batch."""
        return str(self.batch_id)


@dataclass(frozen=True, slots=True)
class AcceptedBatch:
    """What Thunderhead's acceptance changes of a batch."""

    batch: Batch
    """As it was when it was sent, or found."""
    thunderhead_batch_id: str
    due_at: datetime
    """When it is polled first."""


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """The vendor's counts of a batch; None where it sent none."""

    total: int | None = None
    completed: int | None = None
    errored: int | None = None
    stopped: int | None = None


@dataclass(frozen=True, slots=True)
class JobMessage:
    """A message of the vendor about a batch or one of its documents. Personal data."""

    kind: str
    text: str
    document_reference: str | None = None


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A terminal status event, frozen when the status was committed."""

    event_id: UUID
    request_id: UUID
    generation: int
    topic: str
    payload: bytes
    traceparent: str
    attempts: int = 0
    created_at: datetime | None = None
    """When the status was reached."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A stored pause: nobody calls the dependency (or submits) before it ends."""

    name: str
    since: datetime
    until: datetime | None
    failures: int
    reason: str
    actor: str

    @property
    def is_by_hand(self) -> bool:
        """A person has ordered it, and has to end it; the runs' own end by themselves."""
        return self.until is None


@dataclass(frozen=True, slots=True)
class JobRun:
    """The last run of a job."""

    job: str
    run_id: UUID
    started_at: datetime
    finished_at: datetime
    summary: Mapping[str, Any]
