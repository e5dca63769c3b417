"""SQL of document_requests: how a request moves from receipt to its end.

Contents, metadata and outputs are in `request_details`; reading for people in `request_search`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Update, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import RequestStatus
from shared.domain.timing import first_due
from shared.errors import DuplicateCorrelationId
from shared.jobs.storage import CorrelationKey, RequestFilter
from shared.store import request_details, request_search
from shared.store.database_errors import is_unique_violation
from shared.store.request_search import to_request
from shared.store.statements import chunks, claim
from shared.store.tables import batches, document_requests

r = document_requests.c


class RequestsTable:
    """Port `Requests` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- intake and reading ---------------------------------------------------------------

    def find_by_correlation(
        self, keys: Collection[CorrelationKey]
    ) -> Mapping[CorrelationKey, DocumentRequest]:
        """Return the stored requests of these pairs, whole."""
        found: dict[CorrelationKey, DocumentRequest] = {}
        for some in chunks(sorted(keys)):
            rows = request_search.load(
                self._connection,
                or_(
                    *(
                        and_(r.source_system == system, r.request_correlation_id == correlation)
                        for system, correlation in some
                    )
                ),
            )
            for request in rows:
                found[request.source_system, request.request_correlation_id] = request
        return found

    def insert(self, requests: Sequence[DocumentRequest], contents: Sequence[str]) -> None:
        """Store new requests, due by priority. Raises DuplicateCorrelationId."""
        try:
            self._connection.execute(insert(document_requests), [_to_row(q) for q in requests])
        except IntegrityError as error:
            if is_unique_violation(error):
                raise DuplicateCorrelationId from None
            raise
        request_details.insert_contents(
            self._connection, [q.request_id for q in requests], contents
        )
        request_details.insert_metadata(self._connection, requests)

    def get(self, request_id: UUID) -> DocumentRequest | None:
        """Return one request, whole."""
        return next(iter(request_search.load(self._connection, r.request_id == request_id)), None)

    def page(
        self, where: RequestFilter, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[DocumentRequest]:
        """Return requests, newest first, that come after a position."""
        return request_search.page(self._connection, where, limit, before)

    def count_by_status(self, where: RequestFilter) -> Mapping[RequestStatus, int]:
        """Count requests by status."""
        return request_search.count_by_status(self._connection, where)

    # --- owned by a claim -----------------------------------------------------------------

    def claim(
        self,
        status: RequestStatus,
        owner: UUID,
        now: datetime,
        leased_until: datetime,
        limit: int,
    ) -> Sequence[DocumentRequest]:
        """Take due requests of a status; they are PROCESSING then. With metadata."""
        statement = claim(
            r.status,
            status.value,
            owner=owner,
            now=now,
            leased_until=leased_until,
            limit=limit,
            values={
                "status": RequestStatus.PROCESSING.value,
                "updated_at": now,
                "version": r.version + 1,
            },
        )
        rows = self._connection.execute(statement).all()
        claimed = sorted((to_request(row) for row in rows), key=lambda q: q.received_at)
        return request_details.with_metadata(self._connection, claimed)

    def renew(self, owner: UUID, request_ids: Sequence[UUID], leased_until: datetime) -> int:
        """Extend the lease of a claim; returns how many of its requests are still ours."""
        renewed = 0
        for some in chunks(request_ids):
            renewed += self._connection.execute(
                update(document_requests)
                .where(
                    r.request_id.in_(some),
                    r.lease_owner == owner,
                    r.status == RequestStatus.PROCESSING.value,
                )
                .values(due_at=leased_until)
            ).rowcount
        return renewed

    def release(
        self, owner: UUID, request_ids: Sequence[UUID], now: datetime, due_at: datetime
    ) -> Sequence[DocumentRequest]:
        """Give claimed requests back: RECEIVED, due later. Returns those that were ours."""
        return self._change_claimed(
            owner,
            request_ids,
            now,
            {
                "status": RequestStatus.RECEIVED.value,
                "due_at": due_at,
                "failures": r.failures + 1,
            },
        )

    def assign_to_batch(
        self, owner: UUID, request_ids: Sequence[UUID], batch_id: UUID, topic: str, now: datetime
    ) -> int:
        """Hand claimed requests to a batch, which alone owns them from then on.

        Returns how many were ours.
        """
        return len(
            self._change_claimed(
                owner,
                request_ids,
                now,
                {"batch_id": batch_id, "event_topic": topic, "due_at": None, "failures": 0},
            )
        )

    def fail_claimed(
        self,
        owner: UUID,
        request_ids: Sequence[UUID],
        failure: Failure,
        topic: str,
        now: datetime,
    ) -> Sequence[DocumentRequest]:
        """End claimed requests as FAILED. Returns the rows that changed, whole."""
        rows = self._change_claimed(
            owner,
            request_ids,
            now,
            {"event_topic": topic, "due_at": None, **_terminal(RequestStatus.FAILED, failure, now)},
        )
        return self._whole(rows)

    def _change_claimed(
        self, owner: UUID, request_ids: Sequence[UUID], now: datetime, values: dict[str, Any]
    ) -> list[DocumentRequest]:
        changed: list[DocumentRequest] = []
        for some in chunks(request_ids):
            statement = (
                update(document_requests)
                .where(
                    r.request_id.in_(some),
                    r.lease_owner == owner,
                    r.status == RequestStatus.PROCESSING.value,
                )
                .values(lease_owner=None, updated_at=now, version=r.version + 1, **values)
                .returning(*r)
            )
            changed.extend(to_request(row) for row in self._connection.execute(statement))
        return changed

    def cancel(
        self, request_id: UUID, topic: str, failure: Failure, now: datetime
    ) -> DocumentRequest | None:
        """End a RECEIVED request as FAILED; None if it is not RECEIVED."""
        statement = (
            update(document_requests)
            .where(r.request_id == request_id, r.status == RequestStatus.RECEIVED.value)
            .values(
                event_topic=topic,
                due_at=None,
                version=r.version + 1,
                updated_at=now,
                **_terminal(RequestStatus.FAILED, failure, now),
            )
            .returning(*r)
        )
        rows = [to_request(row) for row in self._connection.execute(statement)]
        return next(iter(self._whole(rows)), None)

    # --- owned by a batch -----------------------------------------------------------------

    def of_batch(self, batch_id: UUID, status: RequestStatus) -> Sequence[DocumentRequest]:
        """Return the requests of a batch in a status, with metadata, ordered by id."""
        rows = self._connection.execute(
            select(document_requests).where(r.batch_id == batch_id, r.status == status.value)
        )
        # Ordered here: SQL Server orders a uniqueidentifier by its last bytes first.
        requests = sorted((to_request(row) for row in rows), key=lambda q: q.request_id)
        return request_details.with_metadata(self._connection, requests)

    def submitted_in(self, batch_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[tuple[UUID, str]]]:
        """Return the SUBMITTED requests of batches: ids with their traceparents."""
        found: dict[UUID, list[tuple[UUID, str]]] = {batch_id: [] for batch_id in batch_ids}
        for some in chunks(batch_ids):
            for row in self._connection.execute(
                select(r.batch_id, r.request_id, r.traceparent).where(
                    r.batch_id.in_(some), r.status == RequestStatus.SUBMITTED.value
                )
            ):
                found[row.batch_id].append((row.request_id, row.traceparent))
        return found

    def move_to_batch(self, request_ids: Sequence[UUID], old: UUID, new: UUID) -> int:
        """Hand PROCESSING requests of one batch to another; returns how many moved."""
        moved = 0
        for some in chunks(request_ids):
            moved += self._connection.execute(
                update(document_requests)
                .where(
                    r.request_id.in_(some),
                    r.batch_id == old,
                    r.status == RequestStatus.PROCESSING.value,
                )
                .values(batch_id=new, version=r.version + 1)
            ).rowcount
        return moved

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
        values: dict[str, Any] = {"status": after.value}
        if after.is_terminal:
            values = _terminal(after, failure, now)
        elif after is RequestStatus.SUBMITTED:
            values["submitted_at"] = now
        statement = (
            update(document_requests)
            .where(r.batch_id == batch_id, r.status == before.value)
            .values(updated_at=now, version=r.version + 1, **values)
            .returning(*r)
        )
        pieces: list[Update] = [statement]
        if request_ids is not None:
            pieces = [statement.where(r.request_id.in_(some)) for some in chunks(request_ids)]
        rows = [to_request(row) for piece in pieces for row in self._connection.execute(piece)]
        return self._whole(rows) if after.is_terminal else rows

    def contents(self, request_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Return the content JSON of requests, as it was sent."""
        return request_details.contents(self._connection, request_ids)

    def add_outputs(self, requests: Sequence[DocumentRequest]) -> None:
        """Keep what was generated for requests."""
        request_details.insert_outputs(self._connection, requests)

    def _whole(self, rows: Sequence[DocumentRequest]) -> Sequence[DocumentRequest]:
        """Add what an event shows: metadata and the vendor's batch id."""
        requests = request_details.with_metadata(self._connection, rows)
        batch_ids = sorted({q.batch_id for q in requests if q.batch_id})
        vendor_ids: dict[UUID, str | None] = {}
        for some in chunks(batch_ids):
            vendor_ids |= {
                row.batch_id: row.thunderhead_batch_id
                for row in self._connection.execute(
                    select(batches.c.batch_id, batches.c.thunderhead_batch_id).where(
                        batches.c.batch_id.in_(some)
                    )
                )
            }
        return [
            replace(q, thunderhead_batch_id=vendor_ids.get(q.batch_id)) if q.batch_id else q
            for q in requests
        ]


def _terminal(status: RequestStatus, failure: Failure | None, now: datetime) -> dict[str, Any]:
    return {
        "status": status.value,
        "completed_at": now,
        "failure_category": failure.category.value if failure else None,
        "failure_code": failure.code[:100] if failure else None,
        "failure_message": failure.message[:1000] if failure else None,
    }


def _to_row(request: DocumentRequest) -> dict[str, Any]:
    """Write a new request as a row."""
    return {
        "request_id": request.request_id,
        "source_system": request.source_system,
        "request_correlation_id": request.request_correlation_id,
        "body_digest": request.body_digest,
        "document_type": request.document_type,
        "document_name": request.document_name,
        "language": request.language,
        "priority": request.priority.value,
        "status": request.status.value,
        "generation": request.generation,
        "version": request.version,
        "received_at": request.received_at,
        "updated_at": request.updated_at,
        "traceparent": request.traceparent,
        "failures": 0,
        "due_at": first_due(request.received_at, request.priority),
    }
