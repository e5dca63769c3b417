from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.domain.retrying import Backoff
from shared.domain.statuses import BatchState
from shared.domain.submission import (
    Dissolve,
    Doubt,
    Guarantees,
    Hold,
    Record,
    Resend,
    Wait,
)
from shared.domain.thunderhead import (
    Accepted,
    CallFailed,
    DocumentReport,
    DocumentStatus,
    Duplicate,
    Forbidden,
    Found,
    NotFound,
    Rejected,
    Unexpected,
    Unknown,
)
from shared.jobs import pausing
from shared.jobs.assembling import Parcel
from shared.jobs.leasing import Leases
from shared.jobs.pausing import Pauses
from shared.jobs.submitting import Submitter
from shared.store.database import SqlStore
from tests.unit.domain.builders import NOON, a_batch, a_request, ids
from tests.unit.jobs.fakes import CountingIds, ScriptedThunderhead, StandingClock

REQUESTS = tuple(a_request(request_id=request_id) for request_id in ids(2))
OURS = {str(r): DocumentReport(str(r), DocumentStatus.PENDING) for r in ids(2)}
OTHERS = {"x": DocumentReport("x", DocumentStatus.PENDING)}
LEASED = a_batch(leased_until=NOON + timedelta(seconds=120))
IN_DOUBT = replace(LEASED, unknown_since=NOON)


@pytest.fixture
def submitter_of(store: SqlStore, clock: StandingClock, new_id: CountingIds) -> Any:
    store.write(lambda tx: tx.batches.insert([LEASED]))

    def make(thunderhead: ScriptedThunderhead, *, is_paused: bool = False) -> Submitter:
        pauses = Pauses(store, Backoff(1, 10), clock, "test")
        if is_paused:
            pauses.begin(pausing.SUBMISSIONS, "why")
        return Submitter(
            thunderhead,
            Leases(store, clock, new_id, 120, 30),
            Guarantees(True, True, timedelta(seconds=300), 5),
            pauses,
        )

    return make


def parcel(batch: Any = LEASED) -> Parcel:
    return Parcel(batch, REQUESTS, b"{}")


@pytest.mark.parametrize(
    ("answer", "decision", "answered"),
    [
        (Accepted("76647", 9.0), Record("76647", 9.0), True),
        (Unknown("500"), Doubt("500"), False),
        (Unexpected("418"), Hold("418"), True),
        (Rejected(()), Dissolve({}, ((UUID(int=1),), (UUID(int=2),))), True),
    ],
)
def test_an_answer_is_decided_on(
    submitter_of: Any, answer: Any, decision: Any, answered: bool
) -> None:
    outcome = submitter_of(ScriptedThunderhead(submit=[answer])).send(parcel())
    assert outcome.decision == decision
    assert outcome.thunderhead_answered == answered


def test_a_rejection_in_doubt_is_an_answer_all_the_same(submitter_of: Any) -> None:
    outcome = submitter_of(ScriptedThunderhead(submit=[Rejected(())])).send(parcel(IN_DOUBT))
    assert isinstance(outcome.decision, Doubt)
    assert outcome.thunderhead_answered


@pytest.mark.parametrize(
    ("documents", "kind"), [(OURS, Record), (OTHERS, Hold), (CallFailed("503"), Doubt)]
)
def test_a_batch_that_exists_is_adopted_only_if_its_documents_are_ours(
    submitter_of: Any, documents: Any, kind: type
) -> None:
    sending = ScriptedThunderhead(submit=[Duplicate("76647")], documents=[documents])
    looking = ScriptedThunderhead(find=[Found("76647")], documents=[documents])
    assert isinstance(submitter_of(sending).send(parcel()).decision, kind)
    assert isinstance(submitter_of(looking).look_up(parcel(IN_DOUBT)).decision, kind)


@pytest.mark.parametrize(
    ("lookup", "kind", "answered"),
    [(NotFound(), Resend, True), (CallFailed("503"), Doubt, False)],
)
def test_a_look_up_is_decided_on(
    submitter_of: Any, lookup: Any, kind: type, answered: bool
) -> None:
    outcome = submitter_of(ScriptedThunderhead(find=[lookup])).look_up(parcel(IN_DOUBT))
    assert isinstance(outcome.decision, kind)
    assert outcome.thunderhead_answered == answered


def test_nothing_is_called_during_a_pause(submitter_of: Any) -> None:
    thunderhead = ScriptedThunderhead()
    submitter = submitter_of(thunderhead, is_paused=True)
    for outcome in (submitter.send(parcel()), submitter.look_up(parcel(IN_DOUBT))):
        assert isinstance(outcome.decision, Wait)
        assert not outcome.decision.pauses
    assert thunderhead.calls == []


def test_a_403_stops_what_waits_behind_it(submitter_of: Any) -> None:
    thunderhead = ScriptedThunderhead(submit=[Forbidden("403")])
    submitter = submitter_of(thunderhead)
    assert submitter.send(parcel()).decision == Wait("403", is_forbidden=True)
    assert submitter.send(parcel()).decision == Wait("submissions are paused", pauses=False)
    assert len(thunderhead.calls) == 1


def test_nothing_is_sent_once_somebody_else_has_the_batch(
    submitter_of: Any, store: SqlStore, clock: StandingClock
) -> None:
    clock.advance(121)
    now = clock()
    until = now + timedelta(seconds=120)
    store.write(lambda tx: tx.batches.claim(BatchState.SUBMITTING, UUID(int=99), now, until, 10))
    thunderhead = ScriptedThunderhead(submit=[Accepted("76647")], find=[Found("76647")])
    submitter = submitter_of(thunderhead)
    assert submitter.send(parcel()).decision is None
    assert submitter.look_up(parcel(IN_DOUBT)).decision is None
    assert thunderhead.calls == []


def test_a_short_lease_is_renewed_before_the_call(submitter_of: Any, clock: StandingClock) -> None:
    clock.advance(100)
    outcome = submitter_of(ScriptedThunderhead(submit=[Accepted("1")])).send(parcel())
    assert outcome.parcel.batch.leased_until == clock() + timedelta(seconds=120)
