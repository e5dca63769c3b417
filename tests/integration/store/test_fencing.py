"""A worker that is not the owner changes nothing, and is told so; for every guarded write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from shared.domain.models import AcceptedBatch, Batch, DocumentRequest
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.thunderhead import BatchReport
from shared.domain.timing import after
from shared.store.database import SqlStore
from tests.integration.clocks import START
from tests.integration.store.samples import (
    FAILURE,
    TOPIC,
    batch,
    event,
    store_batch,
    store_claimed,
    store_requests,
    store_submitted,
)
from tests.integration.store.samples import request as a_request

LATER = after(START, 30)
REPORT = BatchReport("COMPLETED")

CLAIMED: dict[str, Callable[[Any, UUID, list[UUID]], Any]] = {
    "renew": lambda tx, owner, ids: tx.claimed.renew(owner, ids, LATER),
    "release": lambda tx, owner, ids: len(tx.claimed.release(owner, ids, LATER, LATER)),
    "fail_claimed": lambda tx, owner, ids: len(tx.claimed.fail(owner, ids, FAILURE, TOPIC, LATER)),
}
BATCH: dict[str, tuple[BatchState, Callable[[Any, Batch], bool]]] = {
    "renew": (BatchState.SUBMITTING, lambda tx, b: tx.batches.renew(b, LATER)),
    "renew, submitted": (BatchState.SUBMITTED, lambda tx, b: tx.batches.renew(b, LATER)),
    "mark_sending": (
        BatchState.SUBMITTING,
        lambda tx, b: tx.batches.mark_sending(replace(b, attempts=9)),
    ),
    "record_submitted": (
        BatchState.SUBMITTING,
        lambda tx, b: bool(tx.batches.record_submitted([AcceptedBatch(b, "1", LATER)], LATER)),
    ),
    "record_wait": (
        BatchState.SUBMITTING,
        lambda tx, b: tx.batches.record_wait(b, LATER, LATER),
    ),
    "dissolve": (BatchState.SUBMITTING, lambda tx, b: tx.batches.dissolve(b, LATER)),
    "hold": (BatchState.SUBMITTING, lambda tx, b: tx.batches.hold(b, "reason", LATER)),
    "hold, submitted": (BatchState.SUBMITTED, lambda tx, b: tx.batches.hold(b, "why", LATER)),
    "record_poll": (
        BatchState.SUBMITTED,
        lambda tx, b: tx.batches.record_poll(b, REPORT, LATER, LATER, None),
    ),
    "record_poll, failed": (
        BatchState.SUBMITTED,
        lambda tx, b: tx.batches.record_poll(b, None, LATER, LATER, LATER),
    ),
    "settle": (BatchState.SUBMITTED, lambda tx, b: tx.batches.settle(b, REPORT, LATER)),
}
OUTBOX: dict[str, Callable[[Any, UUID, list[UUID]], int]] = {
    "mark_published": lambda tx, owner, ids: tx.outbox.mark_published(owner, ids, LATER),
    "retry_later": lambda tx, owner, ids: tx.outbox.retry_later(owner, ids, LATER, "why"),
    "set_aside": lambda tx, owner, ids: tx.outbox.set_aside(owner, ids, "why"),
}


def dump(store: SqlStore) -> list[list[Any]]:
    tables = ("document_requests", "batches", "outbox", "status_history")
    with store._engine.connect() as connection:
        return [
            [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY 1"))]
            for table in tables
        ]


@pytest.mark.parametrize("name", CLAIMED)
def test_a_claim_belongs_to_its_owner(
    store: SqlStore, owner: UUID, stranger: UUID, name: str
) -> None:
    ids = store_claimed(store, 3, owner)
    before = dump(store)
    assert store.write(lambda tx: CLAIMED[name](tx, stranger, ids)) == 0
    assert dump(store) == before
    assert store.write(lambda tx: CLAIMED[name](tx, owner, ids)) == 3
    assert dump(store) != before


@pytest.mark.parametrize("name", CLAIMED)
def test_a_claim_ends_with_its_first_write(store: SqlStore, owner: UUID, name: str) -> None:
    ids = store_claimed(store, 3, owner)
    store.write(lambda tx: tx.claimed.release(owner, ids, START, LATER))
    before = dump(store)
    assert store.write(lambda tx: CLAIMED[name](tx, owner, ids)) == 0
    assert dump(store) == before


def test_assigning_to_a_batch_needs_the_claim(store: SqlStore, owner: UUID, stranger: UUID) -> None:
    ids = store_claimed(store, 2, owner)
    intent = batch(owner, LATER)
    store.write(lambda tx: tx.batches.insert([intent]))

    def assign(who: UUID) -> int:
        return store.write(
            lambda tx: tx.claimed.assign_to_batches(
                who, dict.fromkeys(ids, intent.batch_id), TOPIC, LATER
            )
        )

    assert [assign(stranger), assign(owner), assign(owner)] == [0, 2, 0]


@pytest.mark.parametrize("name", BATCH)
def test_a_batch_belongs_to_its_owner(
    store: SqlStore, owner: UUID, stranger: UUID, name: str
) -> None:
    state, write = BATCH[name]
    make = store_batch if state is BatchState.SUBMITTING else store_submitted
    held, _ = make(store, 2, owner)
    before = dump(store)
    for other in (stranger, None):
        stale = replace(held, lease_owner=other)
        assert store.write(lambda tx: write(tx, stale)) is False  # noqa: B023
    assert dump(store) == before
    assert store.write(lambda tx: write(tx, held)) is True
    assert dump(store) != before


@pytest.mark.parametrize("name", BATCH)
def test_a_batch_is_changed_in_the_state_that_was_seen_only(
    store: SqlStore, owner: UUID, name: str
) -> None:
    state, write = BATCH[name]
    make = store_batch if state is BatchState.SUBMITTING else store_submitted
    held, _ = make(store, 1, owner)
    if state is BatchState.SUBMITTING:
        assert store.write(lambda tx: tx.batches.dissolve(held, START))
    else:
        assert store.write(lambda tx: tx.batches.settle(held, REPORT, START))
    before = dump(store)
    assert store.write(lambda tx: write(tx, held)) is False
    assert dump(store) == before


def test_a_decision_is_for_the_version_that_was_seen(store: SqlStore, owner: UUID) -> None:
    intent, _ = store_batch(store, 1, owner)

    def decide(seen: Batch) -> bool:
        return store.write(lambda tx: tx.batches.decide(seen, BatchState.SETTLED, LATER))

    assert not decide(intent), "it is not HELD"
    assert store.write(lambda tx: tx.batches.hold(intent, "why", START))
    held = store.read(lambda tx: tx.batches.get(intent.batch_id))
    assert held
    before = dump(store)
    assert not decide(intent), "it was seen before it was HELD"
    assert dump(store) == before
    assert decide(held)
    assert not decide(held)


@pytest.mark.parametrize("name", OUTBOX)
def test_an_event_belongs_to_its_owner(
    store: SqlStore, owner: UUID, stranger: UUID, name: str
) -> None:
    requests = store_requests(store, [a_request() for _ in range(3)])
    events = [event(one) for one in requests]
    ids = [one.event_id for one in events]
    store.write(lambda tx: tx.outbox.add(events, START))
    assert len(store.write(lambda tx: tx.outbox.claim(owner, START, LATER, 10))) == 3
    before = dump(store)
    assert store.write(lambda tx: OUTBOX[name](tx, stranger, ids)) == 0
    assert dump(store) == before
    assert store.write(lambda tx: OUTBOX[name](tx, owner, ids)) == 3
    assert store.write(lambda tx: OUTBOX[name](tx, owner, ids)) == 0


def test_moving_between_batches_takes_only_what_is_there(store: SqlStore, owner: UUID) -> None:
    parent, ids = store_batch(store, 3, owner)
    child = batch(owner, LATER)
    store.write(lambda tx: tx.batches.insert([child]))

    def move(old: UUID) -> int:
        return store.write(lambda tx: tx.batched.move(ids[:2], old, child.batch_id))

    assert [move(uuid4()), move(parent.batch_id), move(parent.batch_id)] == [0, 2, 0]


@pytest.mark.parametrize("listed", [True, False])
def test_a_change_of_status_returns_only_the_rows_it_changed(
    store: SqlStore, owner: UUID, listed: bool
) -> None:
    held, ids = store_submitted(store, 3, owner)

    def change(some: list[UUID] | None, before: RequestStatus) -> list[UUID]:
        rows = store.write(
            lambda tx: tx.batched.change_status(
                held.batch_id, before, RequestStatus.COMPLETED, LATER, request_ids=some
            )
        )
        assert {(row.status, row.completed_at) for row in rows} <= {
            (RequestStatus.COMPLETED, LATER)
        }
        assert {row.thunderhead_batch_id for row in rows} <= {"76647"}
        return sorted(row.request_id for row in rows)

    assert change(ids, RequestStatus.PROCESSING) == []
    assert change([], RequestStatus.SUBMITTED) == []
    assert change(ids[:1], RequestStatus.SUBMITTED) == ids[:1]
    rest = change(ids if listed else None, RequestStatus.SUBMITTED)
    assert rest == sorted(ids[1:])
    assert change(None, RequestStatus.SUBMITTED) == []


def test_only_a_received_request_can_be_cancelled(store: SqlStore, owner: UUID) -> None:
    (claimed,) = store_claimed(store, 1, owner)
    (waiting,) = store_requests(store, [a_request(metadata={"K": "v"})])

    def cancel(one: DocumentRequest) -> Any:
        return store.write(lambda tx: tx.requests.cancel(one, TOPIC, FAILURE, LATER))

    def read(one: UUID) -> DocumentRequest:
        found = store.read(lambda tx: tx.requests.get(one))
        assert found
        return found

    seen = read(waiting)
    cancelled = cancel(seen)
    assert (cancelled.status, cancelled.failure) == (RequestStatus.FAILED, FAILURE)
    assert (cancelled.event_topic, cancelled.metadata) == (TOPIC, {"K": "v"})
    refused = (seen, read(waiting), read(claimed), a_request())
    assert [cancel(one) for one in refused] == [None] * 4


def test_more_rows_than_one_statement_names(store: SqlStore, owner: UUID) -> None:
    held, ids = store_submitted(store, 450, owner)
    rows = store.write(
        lambda tx: tx.batched.change_status(
            held.batch_id,
            RequestStatus.SUBMITTED,
            RequestStatus.FAILED,
            LATER,
            request_ids=ids,
            failure=FAILURE,
        )
    )
    assert sorted(row.request_id for row in rows) == sorted(ids)
