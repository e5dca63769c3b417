"""What the jobs need from the table of requests: one port for each owner of a request.

At rest (intake, reading, people), owned by a claim, owned by a batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.domain.models import Batch, DocumentRequest, Failure
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.jobs.console_models import Count

MOST_BROUGHT_FORWARD = 500
"""Rows that one call brings forward at most."""

MOST_IDS = 200
"""Ids that one filter may name."""

CorrelationKey = tuple[str, str]
"""Source system and request correlation id: unique together."""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What a list of requests is narrowed by; None leaves out a condition."""

    source_systems: Collection[str] | None = None
    """Those the caller is entitled to; None for all."""
    source_system: str | None = None
    statuses: tuple[RequestStatus, ...] = ()
    """Any of these; empty for every one."""
    document_type: str | None = None
    document_name: str | None = None
    request_correlation_id: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None
    updated_from: datetime | None = None
    metadata: Mapping[str, str] | None = None
    request_ids: tuple[UUID, ...] = ()
    """Any of these, at most MOST_IDS; empty for every one."""
    batch_ids: tuple[str, ...] = ()
    """Carried by any of these batches, by our id or by Thunderhead's; at most MOST_IDS."""
    updated_to: datetime | None = None
    failure_category: FailureCategory | None = None


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

    def count(self, where: RequestFilter, limit: int) -> Count:
        """Count requests, up to a limit."""

    def oldest_waiting(
        self, status: RequestStatus, source_systems: Collection[str] | None
    ) -> tuple[UUID, datetime] | None:
        """Return the request of an open status that waits longest, and since when."""

    def contents(self, request_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Return the content JSON of requests, as it was sent."""

    def cancel(
        self, request: DocumentRequest, topic: str, failure: Failure, now: datetime
    ) -> DocumentRequest | None:
        """End a RECEIVED request of this generation as FAILED; None if it is not."""

    def reprocess(self, request: DocumentRequest, now: datetime) -> DocumentRequest | None:
        """FAILED → RECEIVED, as the next generation, due at once.

        None, and nothing was changed, if the request is no longer as it is here, its content
        was removed, its document exists, or an event of it is unpublished.
        """

    def bring_forward(self, now: datetime) -> int:
        """Make RECEIVED requests that wait due now, MOST_BROUGHT_FORWARD at most; counts them.

        Not those that changed after `now`.
        """


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

    def assign_to_batches(
        self, owner: UUID, batch_of: Mapping[UUID, UUID], topic: str, now: datetime
    ) -> int:
        """Hand claimed requests to batches, which alone own them from then on.

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

    def note_submitted(
        self, batches: Sequence[Batch], before: RequestStatus, now: datetime
    ) -> Set[UUID]:
        """Move the requests of batches from a status to SUBMITTED; returns which moved."""

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

    def note_generated_late(
        self, batch_id: UUID, request_ids: Sequence[UUID], now: datetime
    ) -> Sequence[DocumentRequest]:
        """Note that documents which had timed out were generated after all.

        Returns those that nobody had noted yet.
        """

    def add_outputs(self, requests: Sequence[DocumentRequest]) -> None:
        """Keep what was generated for requests."""
