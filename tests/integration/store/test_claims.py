from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.composition import open_store
from shared.domain.statuses import BatchState, Priority, RequestStatus
from shared.domain.timing import after
from shared.store.database import SqlStore, SqlTransaction
from tests.integration.clocks import START
from tests.integration.store.samples import (
    batch,
    event,
    request,
    store_claimed,
    store_requests,
    store_submitted,
)

LATER = after(START, 60)


def claim(
    store: SqlStore, status: RequestStatus, now: datetime, limit: int = 100
) -> Sequence[UUID]:
    claimed = store.write(lambda tx: tx.claimed.take(status, uuid4(), now, after(now, 60), limit))
    return [one.request_id for one in claimed]


def test_a_claim_takes_only_what_is_due(store: SqlStore) -> None:
    early, late = store_requests(
        store, [request(received_at=START), request(received_at=after(START, 3600))]
    )
    assert claim(store, RequestStatus.RECEIVED, START) == [early]
    assert claim(store, RequestStatus.RECEIVED, START) == []
    assert claim(store, RequestStatus.RECEIVED, after(START, 3600)) == [late]


def test_a_claim_takes_the_oldest_due_first(store: SqlStore) -> None:
    ids = store_requests(
        store, [request(received_at=after(START, -seconds)) for seconds in (10, 40, 20, 30, 50)]
    )
    oldest_first = [ids[index] for index in (4, 1, 3, 2, 0)]
    found = [claim(store, RequestStatus.RECEIVED, START, 2) for _ in range(3)]
    assert [one for some in found for one in some] == oldest_first


def test_priority_moves_a_request_by_a_quarter_of_an_hour(store: SqlStore) -> None:
    def one(priority: Priority, minutes: float) -> Any:
        return request(received_at=START + timedelta(minutes=minutes), priority=priority)

    low, normal, high = store_requests(
        store,
        [one(Priority.LOW, 0), one(Priority.NORMAL, 14), one(Priority.HIGH, 28)],
    )
    now = START + timedelta(hours=1)
    found = [claim(store, RequestStatus.RECEIVED, now, 1)[0] for _ in range(3)]
    assert found == [high, normal, low]


def test_a_claim_of_what_dead_runs_held_waits_for_their_lease(store: SqlStore, owner: UUID) -> None:
    ids = store_claimed(store, 2, owner)
    assert claim(store, RequestStatus.PROCESSING, after(START, 59.999)) == []
    assert sorted(claim(store, RequestStatus.PROCESSING, LATER)) == sorted(ids)


def test_a_claim_brings_metadata_status_and_version(store: SqlStore, owner: UUID) -> None:
    one = request(metadata={"K": "v"})
    store_requests(store, [one])
    (claimed,) = store.write(
        lambda tx: tx.claimed.take(RequestStatus.RECEIVED, owner, LATER, LATER, 1)
    )
    assert (claimed.status, claimed.version) == (RequestStatus.PROCESSING, 2)
    assert (claimed.metadata, claimed.updated_at) == ({"K": "v"}, LATER)


def test_a_batch_owns_its_requests_alone(store: SqlStore, owner: UUID) -> None:
    store_submitted(store, 2, owner)
    for status in (RequestStatus.RECEIVED, RequestStatus.PROCESSING):
        assert claim(store, status, after(START, 10**8)) == []


@pytest.mark.parametrize("state", [BatchState.SUBMITTING, BatchState.SUBMITTED])
def test_batches_are_claimed_by_state_oldest_due_first(
    store: SqlStore, owner: UUID, state: BatchState
) -> None:
    due = [batch(owner, after(START, seconds), state=state) for seconds in (30, 10, 20)]
    others = [one for one in BatchState if one is not state]
    store.write(
        lambda tx: tx.batches.insert([*due, *(batch(owner, START, state=one) for one in others)])
    )

    def take() -> list[UUID]:
        found = store.write(lambda tx: tx.batches.claim(state, uuid4(), LATER, LATER, 2))
        return [one.batch_id for one in found]

    assert set(take()) == {due[1].batch_id, due[2].batch_id}


Claim = Callable[[SqlTransaction, UUID], Sequence[UUID]]


def take_requests(tx: SqlTransaction, owner: UUID) -> Sequence[UUID]:
    claimed = tx.claimed.take(RequestStatus.RECEIVED, owner, LATER, after(LATER, 60), 7)
    return [one.request_id for one in claimed]


def take_processing(tx: SqlTransaction, owner: UUID) -> Sequence[UUID]:
    claimed = tx.claimed.take(RequestStatus.PROCESSING, owner, LATER, after(LATER, 60), 7)
    return [one.request_id for one in claimed]


def take_batches(tx: SqlTransaction, owner: UUID) -> Sequence[UUID]:
    claimed = tx.batches.claim(BatchState.SUBMITTING, owner, LATER, after(LATER, 60), 7)
    return [one.batch_id for one in claimed]


def take_events(tx: SqlTransaction, owner: UUID) -> Sequence[UUID]:
    return [one.event_id for one in tx.outbox.claim(owner, LATER, after(LATER, 60), 7)]


def _drain(database_url: str, take: Claim) -> list[UUID]:
    store = open_store(database_url)
    found: list[UUID] = []
    while some := store.write(lambda tx: take(tx, uuid4())):
        found.extend(some)
    store.close()
    return found


def _fill(store: SqlStore, owner: UUID) -> None:
    store_claimed(store, 100, owner)
    ids = store_requests(store, [request() for _ in range(100)])
    store.write(lambda tx: tx.batches.insert([batch(owner, START) for _ in range(100)]))
    store.write(lambda tx: tx.outbox.add([event(one) for one in ids], START))


@pytest.mark.parametrize("take", [take_requests, take_processing, take_batches, take_events])
def test_six_threads_never_claim_a_row_twice(
    store: SqlStore, database_url: str, owner: UUID, take: Claim
) -> None:
    _fill(store, owner)
    barrier = threading.Barrier(6)

    def work() -> list[UUID]:
        barrier.wait(10)
        return _drain(database_url, take)

    with ThreadPoolExecutor(6) as pool:
        taken = [future.result() for future in [pool.submit(work) for _ in range(6)]]
    counted = Counter(one for some in taken for one in some)
    assert len(counted) == 100
    assert set(counted.values()) == {1}


def test_four_processes_never_claim_a_row_twice(
    store: SqlStore, database_url: str, owner: UUID
) -> None:
    _fill(store, owner)
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        taken = [pool.submit(_drain, database_url, take_requests) for _ in range(4)]
        counted = Counter(one for future in taken for one in future.result())
    assert len(counted) == 100
    assert set(counted.values()) == {1}
