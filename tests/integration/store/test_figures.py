"""What is open, counted."""

from __future__ import annotations

from uuid import UUID

from shared.domain.figures import NOTHING, Figures, Waiting
from shared.domain.models import AcceptedBatch
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.timing import after
from shared.store.database import SqlStore
from tests.integration.clocks import START
from tests.integration.store.samples import (
    FAILURE,
    TOPIC,
    batch,
    event,
    request,
    store_claimed,
    store_requests,
)


def figures_of(store: SqlStore) -> Figures:
    return store.read(lambda tx: tx.figures.take())


def test_an_empty_database_has_nothing_open(store: SqlStore) -> None:
    figures = figures_of(store)
    assert set(figures.requests.values()) == {NOTHING}
    assert figures.outbox == {"PENDING": NOTHING, "SET_ASIDE": NOTHING}


def test_what_waits_is_counted_with_the_age_of_the_oldest(store: SqlStore, owner: UUID) -> None:
    store_requests(store, [request(received_at=after(START, n)) for n in (5, 3, 8)])
    assert figures_of(store).requests[RequestStatus.RECEIVED] == Waiting(3, after(START, 3))


def test_processing_is_what_a_claim_or_an_intent_has(store: SqlStore, owner: UUID) -> None:
    _, assigned = store_claimed(store, 2, owner)
    intent = batch(owner, after(START, 60))
    store.write(lambda tx: tx.batches.insert([intent]))
    store.write(
        lambda tx: tx.claimed.assign_to_batches(owner, {assigned: intent.batch_id}, TOPIC, START)
    )
    assert figures_of(store).requests[RequestStatus.PROCESSING] == Waiting(2, START)

    submitted_at, later = after(START, 7), after(START, 99)
    accepted = AcceptedBatch(intent, "1", later)
    store.write(lambda tx: tx.batches.record_submitted([accepted], submitted_at))
    store.write(
        lambda tx: tx.batched.note_submitted([intent], RequestStatus.PROCESSING, submitted_at)
    )
    figures = figures_of(store).requests
    assert figures[RequestStatus.PROCESSING] == Waiting(1, START)
    assert figures[RequestStatus.SUBMITTED] == Waiting(1, submitted_at)

    [polled] = store.write(
        lambda tx: tx.batches.claim(BatchState.SUBMITTED, owner, later, after(later, 60), 1)
    )
    held_at = after(START, 100)
    store.write(lambda tx: tx.batches.hold(polled, "why", held_at))
    store.write(
        lambda tx: tx.batched.change_status(
            intent.batch_id, RequestStatus.SUBMITTED, RequestStatus.HELD, held_at
        )
    )
    figures = figures_of(store).requests
    assert figures[RequestStatus.SUBMITTED] == NOTHING
    assert figures[RequestStatus.HELD] == Waiting(1, held_at)


def test_a_reprocessed_request_is_as_old_as_its_generation(store: SqlStore, owner: UUID) -> None:
    [one] = store_claimed(store, 1, owner)
    store.write(lambda tx: tx.claimed.fail(owner, [one], FAILURE, TOPIC, START))
    again_at = after(START, 1000)
    failed = store.read(lambda tx: tx.requests.get(one))
    assert failed
    assert store.write(lambda tx: tx.requests.reprocess(failed, again_at))
    assert figures_of(store).requests[RequestStatus.RECEIVED] == Waiting(1, again_at)


def test_events_are_counted_until_they_are_published(store: SqlStore, owner: UUID) -> None:
    ids = store_requests(store, [request() for _ in range(3)])
    events = [event(one) for one in ids]
    store.write(lambda tx: tx.outbox.add(events, START))
    assert figures_of(store).outbox["PENDING"] == Waiting(3, START)
    store.write(lambda tx: tx.outbox.claim(owner, START, after(START, 60), 3))
    store.write(lambda tx: tx.outbox.set_aside(owner, [events[0].event_id], "why"))
    store.write(lambda tx: tx.outbox.mark_published(owner, [events[1].event_id], START))
    figures = figures_of(store).outbox
    assert figures == {"PENDING": Waiting(1, START), "SET_ASIDE": Waiting(1, START)}
