from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from shared.domain.models import HistoryEntry, JobRun, Pause
from shared.domain.statuses import RequestStatus
from shared.errors import RequestNotFound
from shared.jobs.queries import Caller, Queries
from shared.jobs.request_storage import RequestFilter
from shared.store.database import SqlStore
from tests.unit.domain.builders import NOON, a_request

ANYBODY = Caller("anybody")
ARCADE = Caller("arcade", frozenset({"ARCADE"}))
NOBODY = Caller("nobody", frozenset())
EVERYTHING = RequestFilter()

# Three moments, so that the id has to decide between requests of one moment.
REQUESTS = [
    a_request(
        request_id=UUID(int=number),
        request_correlation_id=f"REQ-{number}",
        source_system="ARCADE" if number % 2 else "NOVA",
        received_at=NOON + timedelta(milliseconds=number // 3),
    )
    for number in range(1, 8)
]
NEWEST_FIRST = sorted(REQUESTS, key=lambda q: (q.received_at, q.request_id), reverse=True)


@pytest.fixture
def queries(store: SqlStore) -> Queries:
    store.write(lambda tx: tx.requests.insert(REQUESTS, ["{}"] * len(REQUESTS)))
    return Queries(store)


def pages(queries: Queries, limit: int, caller: Caller = ANYBODY) -> list[list[UUID]]:
    found: list[list[UUID]] = []
    position: tuple[datetime, UUID] | None = None
    while True:
        page = queries.page(EVERYTHING, limit, position, caller)
        found.append([request.request_id for request in page.requests])
        position = page.next_position
        if position is None:
            return found


@pytest.mark.parametrize("limit", range(1, 9))
def test_pages_hold_everything_once_newest_first(queries: Queries, limit: int) -> None:
    found = pages(queries, limit)
    assert [request_id for page in found for request_id in page] == [
        request.request_id for request in NEWEST_FIRST
    ]
    assert all(len(page) == limit for page in found[:-1])
    assert 1 <= len(found[-1]) <= limit


def test_the_next_page_begins_after_the_last_request_of_this_one(queries: Queries) -> None:
    page = queries.page(EVERYTHING, 3, None, ANYBODY)
    last = NEWEST_FIRST[2]
    assert page.next_position == (last.received_at, last.request_id)


@pytest.mark.parametrize("limit", [7, 200])
def test_the_last_page_has_no_next_one(queries: Queries, limit: int) -> None:
    assert queries.page(EVERYTHING, limit, None, ANYBODY).next_position is None


def test_what_arrives_meanwhile_moves_no_page(queries: Queries, store: SqlStore) -> None:
    first = queries.page(EVERYTHING, 3, None, ANYBODY)
    newer = a_request(
        request_id=UUID(int=99),
        request_correlation_id="REQ-99",
        received_at=NOON + timedelta(days=1),
    )
    store.write(lambda tx: tx.requests.insert([newer], ["{}"]))
    second = queries.page(EVERYTHING, 3, first.next_position, ANYBODY)
    assert [q.request_id for q in second.requests] == [q.request_id for q in NEWEST_FIRST[3:6]]


def test_a_page_holds_only_what_the_caller_may_see(queries: Queries) -> None:
    found = queries.page(EVERYTHING, 200, None, ARCADE).requests
    assert {request.source_system for request in found} == {"ARCADE"}
    assert queries.page(EVERYTHING, 200, None, NOBODY).requests == []


def test_asking_for_more_than_one_may_see_finds_nothing(queries: Queries) -> None:
    everybodys = RequestFilter(source_systems=None, source_system="NOVA")
    assert queries.page(everybodys, 200, None, ARCADE).requests == []
    assert sum(queries.summary(everybodys, ARCADE).values()) == 0


def test_a_request_of_others_is_not_found(queries: Queries) -> None:
    assert queries.get(UUID(int=1), ARCADE).request_id == UUID(int=1)
    for request_id in (UUID(int=2), UUID(int=99)):
        with pytest.raises(RequestNotFound):
            queries.get(request_id, ARCADE)
        with pytest.raises(RequestNotFound):
            queries.history(request_id, ARCADE)


def test_history_is_oldest_first(queries: Queries, store: SqlStore) -> None:
    entries = [
        HistoryEntry(UUID(int=1), 1, None, RequestStatus.RECEIVED, NOON, "arcade"),
        HistoryEntry(
            UUID(int=1), 1, RequestStatus.RECEIVED, RequestStatus.PROCESSING, NOON, "processing"
        ),
    ]
    for entry in entries:
        store.write(lambda tx, entry=entry: tx.history.add([entry]))
    assert queries.history(UUID(int=1), ARCADE) == entries


def test_a_summary_counts_every_status(queries: Queries) -> None:
    counts = queries.summary(EVERYTHING, ANYBODY)
    assert counts == dict.fromkeys(RequestStatus, 0) | {RequestStatus.RECEIVED: 7}
    assert queries.summary(EVERYTHING, ARCADE)[RequestStatus.RECEIVED] == 4


def test_readiness_shows_the_last_runs_and_the_pauses(queries: Queries, store: SqlStore) -> None:
    run = JobRun("processing", UUID(int=5), NOON, NOON, {"claimed": 3})
    pause = Pause("thunderhead", NOON, NOON, 1, "503", "processing")
    store.write(lambda tx: (tx.job_runs.record(run), tx.pauses.extend(pause)))
    readiness = queries.readiness()
    assert list(readiness.runs) == [run]
    assert list(readiness.pauses) == [pause]
