from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from shared.domain.models import Batch
from shared.domain.statuses import BatchState
from shared.errors import LeaseLost
from shared.jobs.leasing import Leases
from shared.store.database import SqlStore
from tests.unit.domain.builders import NOON, a_batch
from tests.unit.jobs.fakes import CountingIds, InterruptedStore, StandingClock

OWNER = UUID(int=8)
MINUTE = timedelta(seconds=60)


@pytest.fixture
def counted(store: SqlStore) -> InterruptedStore:
    return InterruptedStore(store)


@pytest.fixture
def leases(counted: InterruptedStore, clock: StandingClock, new_id: CountingIds) -> Leases:
    return Leases(counted, clock, new_id, seconds=120, call_seconds=30)


@pytest.fixture
def batch(store: SqlStore) -> Batch:
    batch = a_batch(lease_owner=OWNER, leased_until=NOON + 2 * MINUTE)
    store.write(lambda tx: tx.batches.insert([batch]))
    return batch


def claimed_by(store: SqlStore, owner: UUID, clock: StandingClock) -> list[Batch]:
    now = clock()
    return list(
        store.write(
            lambda tx: tx.batches.claim(BatchState.SUBMITTING, owner, now, now + 2 * MINUTE, 10)
        )
    )


def test_a_lease_lasts_as_long_as_it_is_set_to(leases: Leases) -> None:
    assert leases.until() == NOON + timedelta(seconds=120)


@pytest.mark.parametrize(
    ("seconds_left", "is_short"), [(-1, True), (0, True), (29.999, True), (30, False), (120, False)]
)
def test_a_lease_is_short_if_it_may_end_during_a_call(
    leases: Leases, seconds_left: float, is_short: bool
) -> None:
    assert leases.is_short(NOON + timedelta(seconds=seconds_left)) == is_short


def test_no_lease_is_a_short_one(leases: Leases) -> None:
    assert leases.is_short(None)


def test_a_lease_that_covers_the_call_costs_no_statement(
    leases: Leases, counted: InterruptedStore, clock: StandingClock, batch: Batch
) -> None:
    clock.advance(90)
    assert leases.covering(batch) is batch
    assert counted.writes == counted.reads == 0


def test_a_short_one_is_renewed(
    leases: Leases, store: SqlStore, clock: StandingClock, batch: Batch
) -> None:
    clock.advance(91)
    renewed = leases.covering(batch)
    assert renewed == replace(batch, leased_until=clock() + timedelta(seconds=120))
    clock.advance(119)
    assert claimed_by(store, UUID(int=9), clock) == []


def test_an_ended_one_is_renewed_as_long_as_nobody_else_has_the_batch(
    leases: Leases, clock: StandingClock, batch: Batch
) -> None:
    clock.advance(1000)
    assert leases.covering(batch).leased_until == clock() + timedelta(seconds=120)


def test_a_batch_that_somebody_else_has_is_lost(
    leases: Leases, store: SqlStore, clock: StandingClock, batch: Batch
) -> None:
    clock.advance(121)
    [taken] = claimed_by(store, UUID(int=9), clock)
    assert taken.batch_id == batch.batch_id
    with pytest.raises(LeaseLost):
        leases.covering(batch)
    assert leases.covering(taken) is taken


def test_a_batch_in_another_state_is_lost(
    leases: Leases, store: SqlStore, clock: StandingClock, batch: Batch
) -> None:
    store.write(lambda tx: tx.batches.hold(batch, "a person decides", NOON))
    clock.advance(121)
    with pytest.raises(LeaseLost):
        leases.covering(batch)
