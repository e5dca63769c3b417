"""What operators see beyond requests: how things stand, batches, events, their own actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.domain.models import Batch, BatchCounts, JobMessage
from shared.domain.statuses import BatchState, FailureCategory, RequestStatus


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows that was not counted beyond a limit."""

    number: int
    is_more: bool = False
    """There are more than `number`: the limit was reached."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The requests of a status that something still has to happen to."""

    status: RequestStatus
    count: Count
    oldest_request_id: UUID | None = None
    since: datetime | None = None
    """Since when the oldest waits: RECEIVED and PROCESSING since it was accepted (or ordered to
    be reprocessed), SUBMITTED and HELD since it became so."""


class Outcome(StrEnum):
    """What the statistics count."""

    ACCEPTED = "ACCEPTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many requests were accepted, completed and failed."""

    accepted: int = 0
    completed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class FailureTally:
    """How often requests failed for one reason."""

    category: FailureCategory
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class StatisticsMark:
    """How far the statistics are."""

    closed_until: datetime
    """Hours before this one are final."""
    counted_until: datetime | None
    """When the hours since were last counted; None if they never were completely."""
    version: int


@dataclass(frozen=True, slots=True)
class HourCount:
    """One row of the statistics: how often an outcome happened in an hour."""

    source_system: str
    outcome: Outcome
    count: int
    failure_category: FailureCategory | None = None
    failure_code: str = ""


@dataclass(frozen=True, slots=True)
class OutboxDepth:
    """The events that were not published yet."""

    pending: Count
    oldest_pending_since: datetime | None
    """When the oldest of them was committed."""
    set_aside: Count
    """Refused by the broker: each waits for a person."""
    oldest_set_aside_since: datetime | None = None
    """When the oldest of those was committed."""


class EventState(StrEnum):
    """Where an event is on its way."""

    PENDING = "PENDING"
    PUBLISHED = "PUBLISHED"
    SET_ASIDE = "SET_ASIDE"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of a request, as the outbox has it."""

    event_id: UUID
    generation: int
    state: EventState
    topic: str
    created_at: datetime
    due_at: datetime | None
    """When it is published (again), or until when a run has it; None once it is not PENDING."""
    attempts: int
    last_error: str | None
    published_at: datetime | None
    payload: bytes
    """JSON; empty once its retention has ended. Personal data."""


@dataclass(frozen=True, slots=True)
class SetAsideEvent:
    """An event that the broker refused, with the request that it tells of."""

    request_id: UUID
    source_system: str
    request_correlation_id: str
    generation: int
    topic: str
    created_at: datetime
    reason: str | None
    """Why the broker refused it."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A batch with what Thunderhead last said of it."""

    batch: Batch
    updated_at: datetime
    settled_at: datetime | None
    counts: BatchCounts
    vendor_status_text: str | None
    vendor_started_at: datetime | None
    vendor_finished_at: datetime | None

    @property
    def due_at(self) -> datetime | None:
        """When it is polled (SUBMITTED), sent or looked up (SUBMITTING, HELD) next.

        While `batch.lease_owner` is set, a run is at it, and this is the end of its lease.
        """
        return self.batch.leased_until


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """What a list of batches is narrowed by; None leaves out a condition."""

    state: BatchState | None = None
    batch_config_id: str | None = None
    thunderhead_batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """A job message of Thunderhead, and when it was read. Personal data."""

    message: JobMessage
    recorded_at: datetime


class TargetKind(StrEnum):
    """What an operator acted on."""

    REQUEST = "REQUEST"
    BATCH = "BATCH"
    SUBMISSIONS = "SUBMISSIONS"
    """All, or those of a batch configuration: the target's id is the name of the pause."""


class ActionName(StrEnum):
    """What an operator ordered."""

    CANCEL = "CANCEL"
    REPROCESS = "REPROCESS"
    PUBLISH_AGAIN = "PUBLISH_AGAIN"
    ADOPT = "ADOPT"
    RESEND = "RESEND"
    DELIVERED = "DELIVERED"
    ABANDON = "ABANDON"
    POLL_NOW = "POLL_NOW"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    READ_CONTENT = "READ_CONTENT"
    READ_TRANSACTION_DATA = "READ_TRANSACTION_DATA"


DONE = "DONE"
"""Outcome of an action that was carried out; any other is the code of its refusal."""


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """Who ordered what, when and why, and what came of it."""

    at: datetime
    actor: str
    action: ActionName
    target_kind: TargetKind
    target_id: str
    reason: str | None
    outcome: str = DONE
    action_id: int = 0
    """Grows; given by the database."""


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """What a list of actions is narrowed by; None leaves out a condition."""

    actor: str | None = None
    action: ActionName | None = None
    target_kind: TargetKind | None = None
    target_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlertLimits:
    """How long what may last before somebody should look."""

    waiting: Mapping[RequestStatus, timedelta]
    """By open status: how long a request may wait in it (see Waiting.since)."""
    unpublished: timedelta
    """An event in the outbox."""
    job_silence: timedelta
    """Since the last run of a job has ended."""


Position = tuple[datetime, UUID]
"""Where a page of requests (receipt, id) or of batches (creation, id) ended."""
