"""SQL of document_requests that a claim owns: PROCESSING, under the lease of one worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, null, update

from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import RequestStatus
from shared.store import request_details
from shared.store.request_rows import terminal_values, to_request, with_event_details
from shared.store.statements import chunks, claim, setting
from shared.store.tables import document_requests

r = document_requests.c


class ClaimedRequestsTable:
    """Port `ClaimedRequests` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(
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
        return self._change(
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
            self._change(
                owner,
                request_ids,
                now,
                {"batch_id": batch_id, "event_topic": topic, "due_at": None, "failures": 0},
            )
        )

    def fail(
        self,
        owner: UUID,
        request_ids: Sequence[UUID],
        failure: Failure,
        topic: str,
        now: datetime,
    ) -> Sequence[DocumentRequest]:
        """End claimed requests as FAILED. Returns the rows that changed, whole."""
        rows = self._change(
            owner,
            request_ids,
            now,
            {
                "event_topic": topic,
                "due_at": None,
                **terminal_values(RequestStatus.FAILED, failure, now),
            },
        )
        return with_event_details(self._connection, rows)

    def _change(
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
                .values(
                    lease_owner=null(), updated_at=now, version=r.version + 1, **setting(values)
                )
                .returning(*r)
            )
            changed.extend(to_request(row) for row in self._connection.execute(statement))
        return changed
