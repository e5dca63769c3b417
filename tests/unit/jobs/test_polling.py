from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.domain.models import AcceptedBatch
from shared.domain.statuses import BatchState, FailureCategory
from shared.domain.thunderhead import (
    BatchReport,
    CallFailed,
    Cancellation,
    DocumentReport,
    DocumentStatus,
    Found,
    NotFound,
    NotVisible,
)
from shared.jobs.leasing import Leases
from shared.jobs.polling import Deadlines, Polled, Poller
from shared.store.database import SqlStore
from tests.unit.domain.builders import NOON, TRACEPARENT, a_batch, ids
from tests.unit.jobs.fakes import CountingIds, ScriptedThunderhead, StandingClock

DONE, OPEN = EXPECTED = ids(2)
RUNNING, COMPLETED = BatchReport("RUNNING"), BatchReport("COMPLETED")
DOCUMENTS = {
    str(DONE): DocumentReport(str(DONE), DocumentStatus.COMPLETED),
    str(OPEN): DocumentReport(str(OPEN), DocumentStatus.PENDING),
}
DAY = 86_400

Poll = Callable[..., Polled]


@pytest.fixture
def poll(store: SqlStore, clock: StandingClock, new_id: CountingIds) -> Poll:
    """Polls a batch that was submitted at noon, `after` seconds later."""
    batch = a_batch(lease_owner=UUID(int=8), leased_until=NOON)
    store.write(lambda tx: tx.batches.insert([batch]))
    store.write(lambda tx: tx.batches.record_submitted([AcceptedBatch(batch, "76647", NOON)], NOON))

    def run(
        thunderhead: ScriptedThunderhead, after: float = 1, *, lookup: bool = True, **values: Any
    ) -> Polled:
        clock.now = NOON + timedelta(seconds=after)
        until = clock.now + timedelta(seconds=120)
        [mine] = store.write(
            lambda tx: tx.batches.claim(BatchState.SUBMITTED, UUID(int=9), clock.now, until, 1)
        )
        deadlines = Deadlines(
            timedelta(seconds=DAY), timedelta(seconds=600), timedelta(seconds=300), lookup
        )
        poller = Poller(thunderhead, Leases(store, clock, new_id, 120, 30), deadlines)
        return poller.poll(replace(mine, **values), EXPECTED, TRACEPARENT)

    return run


@pytest.mark.parametrize("vendor_status", ["QUEUED", "RUNNING", "PAUSED", "STOPPING", "NEW_WORD"])
def test_a_batch_under_way_is_polled_again(poll: Poll, vendor_status: str) -> None:
    polled = poll(ScriptedThunderhead(poll=[BatchReport(vendor_status)]))
    assert polled.report == BatchReport(vendor_status)
    assert polled.settlement is polled.failure is polled.hold_reason is None


@pytest.mark.parametrize(
    ("vendor_status", "known", "warnings"),
    [("RUNNING", None, 0), ("NEW_WORD", None, 1), ("NEW_WORD", "NEW_WORD", 0)],
)
def test_an_unknown_status_is_warned_of_once(
    poll: Poll,
    caplog: pytest.LogCaptureFixture,
    vendor_status: str,
    known: str | None,
    warnings: int,
) -> None:
    poll(ScriptedThunderhead(poll=[BatchReport(vendor_status)]), vendor_status=known)
    assert [record.message for record in caplog.records] == ["unknown vendor status"] * warnings


@pytest.mark.parametrize("after", [1, 2 * DAY])
def test_a_poll_that_failed_is_no_verdict_however_late(poll: Poll, after: float) -> None:
    failed = CallFailed("503")
    thunderhead = ScriptedThunderhead(poll=[failed])
    polled = poll(thunderhead, after)
    assert polled.failure == failed
    assert polled.settlement is polled.hold_reason is None
    assert thunderhead.calls == ["poll"]


def test_documents_that_could_not_be_read_are_no_verdict(poll: Poll) -> None:
    polled = poll(ScriptedThunderhead(poll=[COMPLETED], documents=[CallFailed("503")]))
    assert polled.failure
    assert polled.settlement is None


# --- grace ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "open_", "held"),
    [
        (None, {OPEN}, set()),
        (599.9, {OPEN}, set()),
        (600, set(), {OPEN}),
    ],
)
def test_pending_documents_of_an_ended_batch_have_their_grace(
    poll: Poll, since: float | None, open_: set[UUID], held: set[UUID]
) -> None:
    terminal_since = None if since is None else NOON + timedelta(seconds=1000 - since)
    thunderhead = ScriptedThunderhead(poll=[COMPLETED], documents=[DOCUMENTS])
    settlement = poll(thunderhead, 1000, terminal_since=terminal_since).settlement
    assert settlement
    assert settlement.completed.keys() == {DONE}
    assert (settlement.open, settlement.held) == (open_, held)


# --- the deadline ---------------------------------------------------------------------------


def test_past_the_deadline_a_batch_is_cancelled_then_read_for_the_last_time(poll: Poll) -> None:
    thunderhead = ScriptedThunderhead(
        poll=[RUNNING, BatchReport("STOPPING")],
        documents=[DOCUMENTS],
        cancel=[Cancellation.ACCEPTED],
    )
    settlement = poll(thunderhead, DAY + 1).settlement
    assert thunderhead.calls == ["poll", "cancel", "poll", "documents"]
    assert settlement
    assert settlement.completed.keys() == {DONE}
    assert settlement.failed[OPEN].category is FailureCategory.TIMEOUT


def test_before_the_deadline_nothing_is_cancelled(poll: Poll) -> None:
    thunderhead = ScriptedThunderhead(poll=[RUNNING])
    poll(thunderhead, DAY)
    assert thunderhead.calls == ["poll"]


@pytest.mark.parametrize(
    "answers",
    [
        {"poll": [RUNNING], "cancel": [Cancellation.FAILED], "documents": [DOCUMENTS]},
        {"poll": [RUNNING], "cancel": [Cancellation.ACCEPTED], "documents": [CallFailed("503")]},
    ],
)
def test_nothing_times_out_without_a_cancel_and_a_last_read(poll: Poll, answers: Any) -> None:
    polled = poll(ScriptedThunderhead(**answers), DAY + 1)
    assert polled.settlement is polled.hold_reason is None


def test_a_batch_that_cannot_be_cancelled_is_held(poll: Poll) -> None:
    thunderhead = ScriptedThunderhead(poll=[RUNNING], cancel=[Cancellation.REFUSED])
    assert poll(thunderhead, DAY + 1).hold_reason


def test_a_batch_whose_documents_never_show_is_held_in_the_end(poll: Poll) -> None:
    """Not at the deadline: after an outage that is long past, and one 503 is no verdict."""
    for age, is_held in ((DAY + 1, False), (2 * DAY + 1, True)):
        thunderhead = ScriptedThunderhead(poll=[COMPLETED], documents=[CallFailed("503")])
        assert bool(poll(thunderhead, age).hold_reason) == is_held


def test_documents_that_do_not_show_yet_are_asked_for_again(poll: Poll) -> None:
    polled = poll(ScriptedThunderhead(poll=[COMPLETED], documents=[CallFailed("404")]), DAY)
    assert polled.hold_reason is polled.settlement is None


def test_a_batch_that_ended_meanwhile_has_not_timed_out(poll: Poll) -> None:
    thunderhead = ScriptedThunderhead(
        poll=[RUNNING, COMPLETED], documents=[DOCUMENTS], cancel=[Cancellation.ACCEPTED]
    )
    settlement = poll(thunderhead, DAY + 1).settlement
    assert settlement
    assert OPEN not in settlement.failed


# --- 404 ------------------------------------------------------------------------------------


def test_a_batch_that_is_not_visible_yet_is_polled_again(poll: Poll) -> None:
    thunderhead = ScriptedThunderhead(poll=[NotVisible()])
    polled = poll(thunderhead, 299)
    assert polled.hold_reason is polled.settlement is polled.failure is None
    assert thunderhead.calls == ["poll"]


@pytest.mark.parametrize(
    ("found", "is_held"),
    [(NotFound(), True), (Found("999"), True), (Found("76647"), False), (CallFailed("503"), False)],
)
def test_one_that_is_gone_is_looked_up_else_held(poll: Poll, found: Any, is_held: bool) -> None:
    polled = poll(ScriptedThunderhead(poll=[NotVisible()], find=[found]), 300)
    assert bool(polled.hold_reason) == is_held
    assert polled.settlement is None


def test_one_that_is_gone_is_held_where_nothing_can_be_looked_up(poll: Poll) -> None:
    thunderhead = ScriptedThunderhead(poll=[NotVisible()])
    assert poll(thunderhead, 300, lookup=False).hold_reason
    assert thunderhead.calls == ["poll"]


# --- the lease ------------------------------------------------------------------------------


def test_a_batch_that_somebody_else_has_is_not_called_about(poll: Poll) -> None:
    thunderhead = ScriptedThunderhead(poll=[RUNNING])
    polled = poll(thunderhead, 1, lease_owner=UUID(int=99), leased_until=NOON)
    assert not polled.is_ours
    assert thunderhead.calls == []
