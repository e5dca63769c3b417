"""Rows for the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from shared.domain.models import AcceptedBatch, Batch, DocumentRequest, Failure, OutboxEvent
from shared.domain.statuses import BatchState, FailureCategory, Priority, RequestStatus
from shared.domain.timing import after
from shared.store.database import SqlStore
from tests.integration.clocks import START

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FAILURE = Failure(FailureCategory.GENERATION, "CODE", "message")
TOPIC = "topic"


def request(correlation_id: str = "", **changes: Any) -> DocumentRequest:
    request_id = uuid4()
    received_at = changes.pop("received_at", START)
    values: dict[str, Any] = {
        "request_id": request_id,
        "source_system": "ARCADE",
        "request_correlation_id": correlation_id or str(request_id),
        "document_type": "INVOICE",
        "document_name": "IVZRECPA",
        "language": "EN",
        "priority": Priority.NORMAL,
        "status": RequestStatus.RECEIVED,
        "generation": 1,
        "version": 1,
        "received_at": received_at,
        "updated_at": received_at,
        "body_digest": "0" * 64,
        "traceparent": TRACEPARENT,
        **changes,
    }
    return DocumentRequest(**values)


def batch(owner: UUID, leased_until: datetime, **changes: Any) -> Batch:
    values: dict[str, Any] = {
        "batch_id": uuid4(),
        "state": BatchState.SUBMITTING,
        "version": 1,
        "batch_name": "OMS-1",
        "batch_config_id": "1709524441",
        "project_id": None,
        "transaction_data_type": "application/xml",
        "properties": (("SIGNEE_1", "GBMHEN1"),),
        "payload_digest": "0" * 64,
        "document_count": 1,
        "created_at": START,
        "last_send_at": START,
        "lease_owner": owner,
        "leased_until": leased_until,
        **changes,
    }
    return Batch(**values)


def event(request_id: UUID, generation: int = 1) -> OutboxEvent:
    return OutboxEvent(uuid4(), request_id, generation, TOPIC, b"{}", TRACEPARENT, created_at=START)


def store_requests(store: SqlStore, requests: Sequence[DocumentRequest]) -> list[UUID]:
    store.write(lambda tx: tx.requests.insert(requests, ['{"a": 1}'] * len(requests)))
    return [one.request_id for one in requests]


def store_claimed(store: SqlStore, count: int, owner: UUID) -> list[UUID]:
    """Store requests that an owner holds for a minute."""
    ids = store_requests(store, [request() for _ in range(count)])
    claimed = store.write(
        lambda tx: tx.claimed.take(RequestStatus.RECEIVED, owner, START, after(START, 60), count)
    )
    assert len(claimed) == count
    return ids


def store_batch(store: SqlStore, count: int, owner: UUID) -> tuple[Batch, list[UUID]]:
    """Store an intent of some requests, held for a minute."""
    ids = store_claimed(store, count, owner)
    intent = batch(owner, after(START, 60), document_count=count)
    batch_of = dict.fromkeys(ids, intent.batch_id)

    def work(tx: Any) -> None:
        tx.batches.insert([intent])
        assert tx.claimed.assign_to_batches(owner, batch_of, TOPIC, START) == count

    store.write(work)
    return intent, ids


def store_submitted(store: SqlStore, count: int, owner: UUID) -> tuple[Batch, list[UUID]]:
    """Store a batch that Thunderhead has, held for a minute."""
    intent, ids = store_batch(store, count, owner)
    until = after(START, 60)

    def work(tx: Any) -> Batch:
        assert tx.batches.record_submitted([AcceptedBatch(intent, "76647", START)], START)
        tx.batched.note_submitted([intent], RequestStatus.PROCESSING, START)
        (claimed,) = tx.batches.claim(BatchState.SUBMITTED, owner, START, until, 1)
        return claimed  # type: ignore[no-any-return]

    return store.write(work), ids
