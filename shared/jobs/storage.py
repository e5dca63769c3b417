"""What the jobs need from the database: one port per table, one for transactions.

`shared/store` implements these. A method names a step of a use case; its SQL is the store's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from shared.domain.models import (
    Batch,
    DocumentRequest,
    Failure,
    HistoryEntry,
    JobMessage,
    JobRun,
    OutboxEvent,
    Pause,
)
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.thunderhead import BatchReport

T = TypeVar("T")

CorrelationKey = tuple[str, str]
"""Source system and request correlation id: unique together."""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What a list of requests is narrowed by; None leaves out a condition."""

    source_systems: Collection[str] | None = None
    """Those the caller is entitled to; None for all."""
    source_system: str | None = None
    status: RequestStatus | None = None
    document_type: str | None = None
    document_name: str | None = None
    request_correlation_id: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None
    updated_from: datetime | None = None
    metadata: Mapping[str, str] | None = None


class Requests(Protocol):
    """Table document_requests, with content, metadata and outputs: intake, reading, people."""

    def find_by_correlation(
        self, keys: Collection[CorrelationKey]
    ) -> Mapping[CorrelationKey, DocumentRequest]:
        """Return the stored requests of these pairs."""

    def insert(self, requests: Sequence[DocumentRequest], contents: Sequence[str]) -> None:
        """Store new requests, due by priority. Raises DuplicateCorrelationId."""

    def get(self, request_id: UUID) -> DocumentRequest | None:
        """Return one request, whole."""

    def page(
        self, where: RequestFilter, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[DocumentRequest]:
        """Return requests, newest first, that come after a position."""

    def count_by_status(self, where: RequestFilter) -> Mapping[RequestStatus, int]:
        """Count requests by status."""

    def contents(self, request_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Return the content JSON of requests, as it was sent."""

    def cancel(
        self, request_id: UUID, topic: str, failure: Failure, now: datetime
    ) -> DocumentRequest | None:
        """End a RECEIVED request as FAILED; None if it is not RECEIVED."""


class ClaimedRequests(Protocol):
    """Table document_requests, as far as a claim owns it: PROCESSING, under a lease."""

    def take(
        self,
        status: RequestStatus,
        owner: UUID,
        now: datetime,
        leased_until: datetime,
        limit: int,
    ) -> Sequence[DocumentRequest]:
        """Take due requests of a status, at most `limit` (≤ 500), oldest due first.

        They are PROCESSING then. Returns them with metadata.
        """

    def renew(self, owner: UUID, request_ids: Sequence[UUID], leased_until: datetime) -> int:
        """Extend the lease of a claim; returns how many of its requests are still ours."""

    def release(
        self, owner: UUID, request_ids: Sequence[UUID], now: datetime, due_at: datetime
    ) -> Sequence[DocumentRequest]:
        """Give claimed requests back: RECEIVED, due later. Returns those that were ours."""

    def assign_to_batch(
        self, owner: UUID, request_ids: Sequence[UUID], batch_id: UUID, topic: str, now: datetime
    ) -> int:
        """Hand claimed requests to a batch, which alone owns them from then on.

        `topic` is where their events will go. Returns how many were ours.
        """

    def fail(
        self,
        owner: UUID,
        request_ids: Sequence[UUID],
        failure: Failure,
        topic: str,
        now: datetime,
    ) -> Sequence[DocumentRequest]:
        """End claimed requests as FAILED. Returns the rows that changed, whole."""


class BatchedRequests(Protocol):
    """Table document_requests, as far as a batch owns it."""

    def of(self, batch_id: UUID, status: RequestStatus) -> Sequence[DocumentRequest]:
        """Return the requests of a batch in a status, with metadata, ordered by id."""

    def submitted_in(self, batch_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[tuple[UUID, str]]]:
        """Return the SUBMITTED requests of batches: ids with their traceparents."""

    def move(self, request_ids: Sequence[UUID], old: UUID, new: UUID) -> int:
        """Hand PROCESSING requests of one batch to another; returns how many moved."""

    def change_status(
        self,
        batch_id: UUID,
        before: RequestStatus,
        after: RequestStatus,
        now: datetime,
        *,
        request_ids: Sequence[UUID] | None = None,
        failure: Failure | None = None,
    ) -> Sequence[DocumentRequest]:
        """Move the requests of a batch from one status to another, those listed or all.

        Returns the rows that changed; whole where the status is terminal.
        """

    def add_outputs(self, requests: Sequence[DocumentRequest]) -> None:
        """Keep what was generated for requests."""


class History(Protocol):
    """Table status_history."""

    def add(self, entries: Sequence[HistoryEntry]) -> None:
        """Append transitions."""

    def of(self, request_id: UUID) -> Sequence[HistoryEntry]:
        """Return a request's transitions, oldest first."""


class Batches(Protocol):
    """Tables batches and batch_messages.

    Every change is guarded by the batch's state and lease owner, and False says that it is no
    longer ours: nothing was changed.
    """

    def insert(self, new: Sequence[Batch]) -> None:
        """Store intents: leased, and about to be sent."""

    def claim(
        self,
        state: BatchState,
        owner: UUID,
        now: datetime,
        leased_until: datetime,
        limit: int,
    ) -> Sequence[Batch]:
        """Take due batches of a state: intents without a clear answer, or polls."""

    def renew(self, batch: Batch, leased_until: datetime) -> bool:
        """Extend the lease."""

    def mark_sending(self, batch: Batch) -> bool:
        """Note that the batch, as it is here, is about to be sent again."""

    def record_submitted(
        self, batch: Batch, thunderhead_batch_id: str, now: datetime, due_at: datetime
    ) -> bool:
        """SUBMITTING → SUBMITTED, first poll at `due_at`."""

    def record_wait(self, batch: Batch, now: datetime, due_at: datetime) -> bool:
        """Keep an intent, as it is here, until later."""

    def dissolve(self, batch: Batch, now: datetime) -> bool:
        """SUBMITTING → DISSOLVED."""

    def hold(
        self, batch: Batch, reason: str, now: datetime, report: BatchReport | None = None
    ) -> bool:
        """SUBMITTING or SUBMITTED → HELD, with the vendor's last words where there are any."""

    def record_poll(
        self,
        batch: Batch,
        report: BatchReport | None,
        now: datetime,
        due_at: datetime,
        terminal_since: datetime | None,
    ) -> bool:
        """Keep a submitted batch for its next poll; without a report, the poll failed."""

    def settle(self, batch: Batch, report: BatchReport, now: datetime) -> bool:
        """SUBMITTED → SETTLED with the vendor's last words."""

    def add_messages(self, batch_id: UUID, messages: Sequence[JobMessage], now: datetime) -> None:
        """Keep the vendor's job messages."""


class Outbox(Protocol):
    """Table outbox. Changes are guarded by the lease owner and return how many were ours."""

    def add(self, events: Sequence[OutboxEvent], now: datetime) -> None:
        """Queue events; at most one unpublished per request, by a constraint."""

    def claim(
        self, owner: UUID, now: datetime, leased_until: datetime, limit: int
    ) -> Sequence[OutboxEvent]:
        """Take due events."""

    def mark_published(self, owner: UUID, event_ids: Sequence[UUID], now: datetime) -> int:
        """Note the broker's acknowledgement."""

    def retry_later(
        self, owner: UUID, event_ids: Sequence[UUID], due_at: datetime, reason: str
    ) -> int:
        """Give events back after a failure that passes."""

    def set_aside(self, owner: UUID, event_ids: Sequence[UUID], reason: str) -> int:
        """Take events out of the queue that the broker refuses; a person decides."""


class Pauses(Protocol):
    """Table pauses: what is not to be called before when."""

    def all(self) -> Mapping[str, Pause]:
        """Return every stored pause by name, ended ones included."""

    def extend(self, pause: Pause) -> None:
        """Store a pause, unless one by this name lasts longer already (or has no end)."""

    def clear_ended(self, name: str, now: datetime) -> None:
        """Forget a pause, unless another run has made it longer."""


class JobRuns(Protocol):
    """Table job_runs: the heartbeat of each job."""

    def record(self, run: JobRun) -> None:
        """Keep a run as the job's last."""

    def last(self) -> Sequence[JobRun]:
        """Return the last run of each job."""


class Transaction(Protocol):
    """One transaction, by table."""

    @property
    def requests(self) -> Requests:
        """Requests at rest, with content, metadata and outputs."""

    @property
    def claimed(self) -> ClaimedRequests:
        """Requests that a claim owns."""

    @property
    def batched(self) -> BatchedRequests:
        """Requests that a batch owns."""

    @property
    def history(self) -> History:
        """The transitions of requests."""

    @property
    def batches(self) -> Batches:
        """Batches and the vendor's messages."""

    @property
    def outbox(self) -> Outbox:
        """Events on their way."""

    @property
    def pauses(self) -> Pauses:
        """What is not to be called before when."""

    @property
    def job_runs(self) -> JobRuns:
        """The jobs' heartbeats."""


class Store(Protocol):
    """The database."""

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run work in one transaction, again from its start if the database asks for that.

        Raises DatabaseUnavailable. The work must not have effects outside the transaction.
        """

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run work that only reads. Raises DatabaseUnavailable."""
