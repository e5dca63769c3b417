from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, Row, select

from shared.domain import batching
from shared.domain.models import Batch
from shared.domain.polling import PollingBounds
from shared.domain.retrying import Backoff
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.submission import Doubt, Guarantees, Hold, Record, Resend, Wait
from shared.jobs import pausing
from shared.jobs.assembling import Assembler, Parcel, _envelope_of
from shared.jobs.leasing import Leases
from shared.jobs.outcomes import Recorder
from shared.jobs.pausing import Pauses
from shared.jobs.runs import PROCESSING, Run, Runs
from shared.jobs.submission_results import SubmissionResults
from shared.jobs.submitting import Outcome
from shared.store.database import SqlStore
from shared.store.tables import batches
from tests.unit.domain.builders import NOON, a_batch, a_request
from tests.unit.jobs.fakes import CountingIds, StandingClock

REQUEST = a_request(status=RequestStatus.PROCESSING, batch_id=UUID(int=7))
BATCH = a_batch(lease_owner=UUID(int=8), leased_until=NOON + timedelta(seconds=120))


class Stage:
    """One intent of one request, and what writes the outcome of its submission."""

    def __init__(self, engine: Engine, store: SqlStore, clock: StandingClock) -> None:
        self._engine = engine
        self.store = store
        self.clock = clock
        new_id = CountingIds()
        leases = Leases(store, clock, new_id, 120, 30)
        backoff = Backoff(5, 600, lambda: 1.0)
        self.pauses = Pauses(store, backoff, clock, PROCESSING)
        self.run: Run = Runs(store, clock, new_id, 480).start(PROCESSING)
        self.results = SubmissionResults(
            store,
            Assembler(store, leases, 500, None, "application/xml"),
            Recorder("test", "oms-document-status"),
            leases,
            backoff,
            Guarantees(True, True, timedelta(seconds=300), 5),
            PollingBounds(5, 300),
            self.run,
            self.pauses,
        )

        def work(tx: Any) -> None:
            tx.requests.insert([REQUEST], ["{}"])
            tx.batches.insert([BATCH])
            claimed = tx.claimed.take(
                RequestStatus.PROCESSING, UUID(int=8), NOON, BATCH.leased_until, 1
            )
            ids = [request.request_id for request in claimed]
            batch_of = dict.fromkeys(ids, BATCH.batch_id)
            tx.claimed.assign_to_batches(UUID(int=8), batch_of, "topic", NOON)

        store.write(work)

    def record(
        self,
        decision: Any,
        batch: Batch = BATCH,
        *,
        answered: bool = False,
        was_sent: bool = False,
    ) -> list[Parcel]:
        parcel = Parcel(batch, (REQUEST,))
        return self.results.record([Outcome(parcel, decision, answered, was_sent)])

    @property
    def row(self) -> Row[Any]:
        with self._engine.begin() as connection:
            return connection.execute(select(batches)).one()

    @property
    def status(self) -> RequestStatus:
        found = self.store.read(lambda tx: tx.requests.get(REQUEST.request_id))
        assert found
        return found.status

    def seconds_until(self, moment: datetime | None) -> float:
        assert moment
        return (moment - self.clock()).total_seconds()


@pytest.fixture
def stage(engine: Engine, store: SqlStore, clock: StandingClock) -> Stage:
    return Stage(engine, store, clock)


def test_a_submitted_batch_is_polled_for_the_first_time_when_it_may_be(stage: Stage) -> None:
    stage.record(Record("76647"), answered=True)
    assert (stage.row.state, stage.row.thunderhead_batch_id) == ("SUBMITTED", "76647")
    assert stage.status is RequestStatus.SUBMITTED
    assert stage.seconds_until(stage.row.due_at) == 5
    assert stage.run.counts["submitted"] == 1


def test_the_first_poll_respects_retry_after(stage: Stage) -> None:
    stage.record(Record("76647", 60.0), answered=True)
    assert stage.seconds_until(stage.row.due_at) == 60


def test_the_first_poll_is_not_put_off_for_ever(stage: Stage) -> None:
    stage.record(Record("76647", 999_999_999.0), answered=True)
    assert stage.seconds_until(stage.row.due_at) <= 3600


def test_a_held_batch_holds_its_requests(stage: Stage) -> None:
    stage.record(Hold("a person decides"), answered=True)
    assert (stage.row.state, stage.row.hold_reason) == ("HELD", "a person decides")
    assert stage.status is RequestStatus.HELD
    [entry] = stage.store.read(lambda tx: tx.history.of(REQUEST.request_id))
    assert entry.reason == "a person decides"


def test_a_wait_costs_no_attempt_and_pauses_the_others(stage: Stage) -> None:
    stage.record(Wait("429", 90.0))
    row = stage.row
    assert (row.state, row.attempts, row.unknown_since) == ("SUBMITTING", 0, None)
    assert stage.seconds_until(row.due_at) >= 90
    assert stage.pauses.in_force(pausing.THUNDERHEAD)
    assert stage.status is RequestStatus.PROCESSING


def test_a_doubt_is_kept_with_its_beginning(stage: Stage) -> None:
    stage.record(Doubt("503", 90.0), was_sent=True)
    row = stage.row
    assert (row.state, row.unknown_since) == ("SUBMITTING", NOON)
    assert stage.seconds_until(row.due_at) >= 90
    assert stage.status is RequestStatus.PROCESSING


def test_a_later_wait_does_not_end_the_doubt(stage: Stage) -> None:
    stage.record(Wait("429"), a_batch(lease_owner=UUID(int=8), unknown_since=NOON))
    assert stage.row.unknown_since == NOON


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("attempts", [0, 3, 4])
def test_sends_with_unknown_outcome_count_while_thunderhead_otherwise_answers(
    stage: Stage, attempts: int, answered: bool
) -> None:
    rendered = stage.results.assembler._render((REQUEST,), BATCH.transaction_data_type)
    digest = batching.digest(batching.payload(_envelope_of(BATCH), rendered.values()))
    in_doubt = replace(BATCH, unknown_since=NOON, attempts=attempts, payload_digest=digest)
    parcels = stage.record(Resend(), in_doubt, answered=answered)
    if answered and attempts == 4:  # this was the fifth
        assert parcels == []
        assert stage.row.state == "HELD"
    else:
        [again] = parcels
        assert stage.row.state == "SUBMITTING"
        assert again.batch.attempts == stage.row.attempts == attempts + answered
        assert batching.digest(again.payload) == digest


def test_bytes_that_cannot_be_made_again_are_never_sent(stage: Stage) -> None:
    assert stage.record(Resend(), answered=True) == []
    assert stage.row.state == "HELD"
    assert stage.status is RequestStatus.HELD


def test_look_ups_of_what_is_held_count_once_each_towards_the_circuit(stage: Stage) -> None:
    held = replace(BATCH, state=BatchState.HELD)
    for _ in range(pausing.BREAKS_AFTER):
        assert not stage.pauses.in_force(pausing.THUNDERHEAD)
        stage.record(Doubt("no answer"), held)
    assert stage.pauses.in_force(pausing.THUNDERHEAD)


def test_what_somebody_else_owns_is_left_alone(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    before = stage.row
    for decision in (Record("76647"), Hold("x"), Wait("x"), Doubt("x"), None):
        stage.record(decision, a_batch(lease_owner=UUID(int=99)))
    assert stage.row == before
    assert stage.status is RequestStatus.PROCESSING
    assert stage.run.counts["lost"] == 5
    assert stage.run.counts.total() == 5
    assert "batch held" not in caplog.text, "the owner may find out better"
