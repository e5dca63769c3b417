"""SQL of document_requests that a claim owns: PROCESSING, under the lease of one worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Update, bindparam, null, update

from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import RequestStatus
from shared.store import request_details
from shared.store.request_rows import ROW, terminal_values, to_request, with_event_details
from shared.store.statements import by_key, chunks, claim, keyed, places, setting
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
            returning=ROW,
        )
        rows = self._connection.execute(statement).all()
        metadata = request_details.metadata(self._connection, [row.request_id for row in rows])
        claimed = (to_request(row, metadata[row.request_id]) for row in rows)
        return sorted(claimed, key=lambda request: request.received_at)

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
        return self._changed(
            owner,
            request_ids,
            now,
            {
                "status": RequestStatus.RECEIVED.value,
                "due_at": due_at,
                "failures": r.failures + 1,
            },
        )

    def assign_to_batches(
        self, owner: UUID, batch_of: Mapping[UUID, UUID], topic: str, now: datetime
    ) -> int:
        """Hand claimed requests to batches, which alone own them from then on.

        Returns how many were ours.
        """
        assigned = 0
        for some in chunks(list(batch_of.items())):
            parameters = {
                "ids": [request_id for request_id, _ in some],
                "owner": owner,
                "topic": topic,
                "now": now,
                **keyed(some, places(len(some))),
            }
            statement = _assignment(places(len(some)))
            assigned += self._connection.execute(statement, parameters).rowcount
        return assigned

    def fail(
        self,
        owner: UUID,
        request_ids: Sequence[UUID],
        failure: Failure,
        topic: str,
        now: datetime,
    ) -> Sequence[DocumentRequest]:
        """End claimed requests as FAILED. Returns the rows that changed, whole."""
        rows = self._changed(
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

    def _changed(
        self, owner: UUID, request_ids: Sequence[UUID], now: datetime, values: dict[str, Any]
    ) -> list[DocumentRequest]:
        changed: list[DocumentRequest] = []
        for some in chunks(request_ids):
            statement = _change(owner, some, now, values).returning(*ROW)
            changed.extend(to_request(row) for row in self._connection.execute(statement))
        return changed


def _change(owner: Any, request_ids: Any, now: Any, values: dict[str, Any]) -> Update:
    """Build the change of requests that a claim still owns."""
    return (
        update(document_requests)
        .where(
            r.request_id.in_(request_ids),
            r.lease_owner == owner,
            r.status == RequestStatus.PROCESSING.value,
        )
        .values(lease_owner=null(), updated_at=now, version=r.version + 1, **setting(values))
    )


@cache
def _assignment(requests: int) -> Update:
    """Build the change of as many requests, each to a batch of its own."""
    return _change(
        bindparam("owner"),
        bindparam("ids", expanding=True),
        bindparam("now"),
        {
            "batch_id": by_key(r.request_id, r.batch_id, requests),
            "event_topic": bindparam("topic"),
            "due_at": None,
            "failures": 0,
        },
    )
