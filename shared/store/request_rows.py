"""Rows of document_requests: how a request is written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import FailureCategory, Priority, RequestStatus
from shared.domain.timing import first_due
from shared.store import request_details
from shared.store.statements import chunks
from shared.store.tables import batches, document_requests

r = document_requests.c

ROW = (
    r.request_id,
    r.source_system,
    r.request_correlation_id,
    r.body_digest,
    r.document_type,
    r.document_name,
    r.language,
    r.priority,
    r.status,
    r.generation,
    r.version,
    r.received_at,
    r.updated_at,
    r.submitted_at,
    r.completed_at,
    r.generated_late_at,
    r.purged_at,
    r.traceparent,
    r.event_topic,
    r.batch_id,
    r.failures,
    r.failure_category,
    r.failure_code,
    r.failure_message,
)
"""What `to_request` reads: all but what a lease and a claim are judged by."""


def to_row(request: DocumentRequest) -> dict[str, Any]:
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
        "waiting_since": request.received_at,
    }


def terminal_values(
    status: RequestStatus, failure: Failure | None, now: datetime
) -> dict[str, Any]:
    """Return what the row of a request that ends is set to."""
    return {
        "status": status.value,
        "completed_at": now,
        "waiting_since": None,
        "failure_category": failure.category.value if failure else None,
        "failure_code": failure.code if failure else None,
        "failure_message": failure.message if failure else None,
    }


def to_request(row: Any, metadata: Mapping[str, str] | None = None) -> DocumentRequest:
    """Read a row of document_requests (ROW); metadata is stored apart."""
    failure = None
    if row.failure_category:
        failure = Failure(
            FailureCategory(row.failure_category), row.failure_code, row.failure_message
        )
    return DocumentRequest(
        request_id=row.request_id,
        source_system=row.source_system,
        request_correlation_id=row.request_correlation_id,
        document_type=row.document_type,
        document_name=row.document_name,
        language=row.language,
        priority=Priority(row.priority),
        status=RequestStatus(row.status),
        generation=row.generation,
        version=row.version,
        received_at=row.received_at,
        updated_at=row.updated_at,
        body_digest=row.body_digest,
        traceparent=row.traceparent,
        submitted_at=row.submitted_at,
        completed_at=row.completed_at,
        generated_late_at=row.generated_late_at,
        purged_at=row.purged_at,
        event_topic=row.event_topic,
        batch_id=row.batch_id,
        failure=failure,
        failures=row.failures,
        metadata=metadata or {},
    )


def with_event_details(
    connection: Connection, changed: Sequence[DocumentRequest]
) -> Sequence[DocumentRequest]:
    """Add what an event shows beyond the row: metadata and the vendor's batch id."""
    requests = request_details.with_metadata(connection, changed)
    batch_ids = sorted({q.batch_id for q in requests if q.batch_id})
    vendor_ids: dict[UUID, str | None] = {}
    for some in chunks(batch_ids):
        vendor_ids |= {
            row.batch_id: row.thunderhead_batch_id
            for row in connection.execute(
                select(batches.c.batch_id, batches.c.thunderhead_batch_id).where(
                    batches.c.batch_id.in_(some)
                )
            )
        }
    return [
        replace(q, thunderhead_batch_id=vendor_ids.get(q.batch_id)) if q.batch_id else q
        for q in requests
    ]
