from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.statuses import RequestStatus
from shared.domain.timing import after
from shared.jobs import queries
from shared.jobs.console_models import Count
from shared.jobs.queries import Caller, Queries
from shared.jobs.request_storage import RequestFilter
from shared.store import request_search
from shared.store.database import SqlStore
from tests.integration.clocks import START
from tests.integration.store.samples import FAILURE, request, store_requests, store_submitted


def cancel(store: SqlStore, request_id: UUID, now: datetime) -> None:
    found = store.read(lambda tx: tx.requests.get(request_id))
    assert found
    assert store.write(lambda tx: tx.requests.cancel(found, "topic", FAILURE, now))


def pages(store: SqlStore, where: RequestFilter, limit: int) -> list[list[UUID]]:
    """Read all pages as a caller does."""
    systems = where.source_systems
    caller = Caller("test", None if systems is None else frozenset(systems))
    found: list[list[UUID]] = []
    position: tuple[datetime, UUID] | None = None
    while True:
        page = Queries(store).page(where, limit, position, caller)
        found.append([one.request_id for one in page.requests])
        position = page.next_position
        if position is None:
            return found


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_pages_of_any_size_show_everything_once_newest_first(
    store: SqlStore, moments: list[int]
) -> None:
    """Many share the moment of their receipt."""
    system = f"S{len(store.read(lambda tx: tx.requests.page(RequestFilter(), 999, None)))}"
    mine = [request(source_system=system, received_at=after(START, one)) for one in moments]
    store_requests(store, mine)
    where = RequestFilter(source_system=system)
    (expected,) = pages(store, where, len(mine) + 1)
    received_at = {one.request_id: one.received_at for one in mine}
    assert sorted(expected, key=received_at.__getitem__, reverse=True) == expected, "newest first"
    assert sorted(expected) == sorted(received_at)
    # The engine orders what has the same moment (SQL Server by the last bytes of an id first),
    # and always the same way.
    for limit in range(1, len(mine) + 1):
        found = pages(store, where, limit)
        assert [one for page in found for one in page] == expected
        assert all(len(page) == limit for page in found[:-1])
        assert found[-1], "no page is empty"


def test_a_request_that_arrives_meanwhile_moves_no_page(store: SqlStore) -> None:
    old = store_requests(store, [request(received_at=after(START, n)) for n in range(4)])
    mine, caller = Queries(store), Caller("test")
    first = mine.page(RequestFilter(), 2, None, caller)
    store_requests(store, [request(received_at=after(START, 100))])
    second = mine.page(RequestFilter(), 2, first.next_position, caller)
    shown = [one.request_id for page in (first, second) for one in page.requests]
    assert shown == old[::-1]


def count(store: SqlStore, where: RequestFilter, limit: int) -> Count:
    return store.read(lambda tx: tx.requests.count(where, limit))


THIS = uuid4()
MATCHING: dict[str, Any] = {
    "source_system": "POLARIS",
    "document_type": "POLICY",
    "document_name": "POSHOOFF",
    "metadata": {"K": "v", "L": "w"},
    "received_at": after(START, 60),
}


@pytest.mark.parametrize(
    "where",
    [
        RequestFilter(source_systems=["POLARIS", "NOVA"]),
        RequestFilter(source_system="POLARIS"),
        RequestFilter(source_systems=["POLARIS"], source_system="POLARIS"),
        RequestFilter(document_type="POLICY"),
        RequestFilter(document_name="POSHOOFF"),
        RequestFilter(request_correlation_id="THIS"),
        RequestFilter(statuses=(RequestStatus.FAILED,)),
        RequestFilter(received_from=after(START, 60)),
        RequestFilter(received_from=after(START, 59), received_to=after(START, 61)),
        RequestFilter(updated_from=after(START, 100)),
        RequestFilter(metadata={"K": "v"}),
        RequestFilter(metadata={"L": "w", "K": "v"}),
        RequestFilter(statuses=(RequestStatus.FAILED, RequestStatus.HELD)),
        RequestFilter(statuses=(RequestStatus.FAILED, RequestStatus.FAILED)),
        RequestFilter(request_ids=(THIS,), statuses=(RequestStatus.FAILED, RequestStatus.HELD)),
        RequestFilter(failure_category=FAILURE.category),
        RequestFilter(failure_category=FAILURE.category, document_type="POLICY"),
        RequestFilter(document_name="POSHOOFF", statuses=(RequestStatus.FAILED,)),
        RequestFilter(request_ids=(THIS, uuid4())),
        RequestFilter(request_ids=(THIS,), metadata={"K": "v"}),
        RequestFilter(updated_from=after(START, 99), updated_to=after(START, 101)),
    ],
)
@pytest.mark.parametrize("most_rare", [request_search.MOST_RARE, 0])
def test_each_filter_finds_the_one_that_matches(
    store: SqlStore, where: RequestFilter, most_rare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where metadata is too frequent to begin the search with."""
    monkeypatch.setattr(request_search, "MOST_RARE", most_rare)
    this, *others = store_requests(
        store,
        [
            request("THIS", request_id=THIS, **MATCHING),
            request("this", metadata={"K": "w", "L": "v"}),
            request("OTHER", metadata={"k": "v"}),
            request("THIRD", metadata={"K": "V"}),
        ],
    )
    cancel(store, this, after(START, 100))
    assert pages(store, where, 10) == [[this]]
    counts = store.read(lambda tx: tx.requests.count_by_status(where))
    assert counts == {RequestStatus.FAILED: 1}
    assert count(store, where, 10) == Count(1)
    assert len(others) == 3


@pytest.mark.parametrize(
    "where",
    [
        RequestFilter(source_systems=[]),
        RequestFilter(source_systems=["NOVA"], source_system="POLARIS"),
        RequestFilter(received_to=after(START, 60)),
        RequestFilter(metadata={"K": "v", "L": "x"}),
        RequestFilter(request_correlation_id="this"),
        RequestFilter(statuses=(RequestStatus.HELD, RequestStatus.COMPLETED)),
        RequestFilter(failure_category=FAILURE.category),
        RequestFilter(request_ids=(uuid4(),)),
        RequestFilter(request_correlation_id="THIS", statuses=(RequestStatus.HELD,)),
        RequestFilter(batch_ids=("76647", str(uuid4()))),
        RequestFilter(updated_to=after(START, 60)),
    ],
)
def test_what_does_not_match_is_not_found(store: SqlStore, where: RequestFilter) -> None:
    store_requests(store, [request("THIS", **MATCHING)])
    assert pages(store, where, 10) == [[]]
    assert count(store, where, 10) == Count(0)


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
@pytest.mark.parametrize("most_rare", [request_search.MOST_RARE, 0])
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (RequestFilter(updated_from=after(START, 3)), {3, 4, 5, 6, 7, 8}),
        (RequestFilter(updated_to=after(START, 6)), {0, 1, 2, 3, 4, 5}),
        (RequestFilter(updated_from=after(START, 3), updated_to=after(START, 7)), {3, 4, 5, 6}),
        (
            RequestFilter(
                updated_from=after(START, 3),
                statuses=(RequestStatus.FAILED, RequestStatus.COMPLETED),
            ),
            {3, 6},
        ),
        (
            RequestFilter(updated_from=after(START, 3), statuses=(RequestStatus.RECEIVED,)),
            {4, 5, 7, 8},
        ),
        (
            RequestFilter(updated_from=after(START, 3), metadata={"half": "1"}),
            {3, 5, 7},
        ),
        (
            RequestFilter(updated_from=after(START, 3), document_type="INVOICE"),
            {3, 4, 5, 6, 7, 8},
        ),
        (RequestFilter(updated_from=after(START, 9)), set()),
    ],
)
def test_what_has_changed_is_found_whether_it_has_ended_or_not(
    store: SqlStore,
    where: RequestFilter,
    expected: set[int],
    most_rare: int,
    limit: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_search, "MOST_RARE", most_rare)
    ids = store_requests(
        store,
        [request(received_at=after(START, n), metadata={"half": str(n % 2)}) for n in range(9)],
    )
    for number in range(0, 9, 3):
        cancel(store, ids[number], after(START, number))
    found = [one for page in pages(store, where, limit) for one in page]
    assert found == [ids[number] for number in sorted(expected, reverse=True)]
    assert count(store, where, 100) == Count(len(expected))


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_of_several_statuses_are_put_together_newest_first(
    store: SqlStore, limit: int
) -> None:
    ids = store_requests(store, [request(received_at=after(START, n // 2)) for n in range(9)])
    for cancelled in ids[::3]:
        cancel(store, cancelled, START)
    where = RequestFilter(statuses=(RequestStatus.FAILED, RequestStatus.RECEIVED))
    (expected,) = pages(store, RequestFilter(), 10)
    found = pages(store, where, limit)
    assert [one for page in found for one in page] == expected
    assert pages(store, RequestFilter(statuses=(RequestStatus.FAILED,)), 10) == [
        [one for one in expected if one in ids[::3]]
    ]


def test_requests_are_found_by_their_batch_under_either_id(store: SqlStore, owner: UUID) -> None:
    batch, ids = store_submitted(store, 3, owner)
    store_requests(store, [request()])
    for batch_id in (str(batch.batch_id), str(batch.batch_id).upper(), "76647"):
        (found,) = pages(store, RequestFilter(batch_ids=(batch_id, "other")), 10)
        assert sorted(found) == sorted(ids)


def test_a_count_ends_at_its_limit(store: SqlStore) -> None:
    store_requests(store, [request() for _ in range(3)])
    assert count(store, RequestFilter(), 3) == Count(3)
    assert count(store, RequestFilter(), 2) == Count(2, is_more=True)
    both = RequestFilter(statuses=(RequestStatus.RECEIVED, RequestStatus.FAILED))
    assert count(store, both, 2) == Count(2, is_more=True)
    nobodys = Queries(store).count(RequestFilter(), 9, Caller("nova", frozenset({"NOVA"})))
    assert nobodys == Count(0)


def test_an_export_reads_page_by_page_and_ends_at_its_limit(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = store_requests(store, [request(received_at=after(START, n)) for n in range(7)])
    monkeypatch.setattr(queries, "EXPORTED_PER_READ", 2)
    everything = Queries(store).export(RequestFilter(), Caller("operator"))
    assert [one.request_id for one in everything] == ids[::-1]
    monkeypatch.setattr(queries, "MOST_EXPORTED", 4)
    some = Queries(store).export(RequestFilter(), Caller("operator"))
    assert [one.request_id for one in some] == ids[:2:-1]
    nobodys = Queries(store).export(RequestFilter(), Caller("nova", frozenset({"NOVA"})))
    assert list(nobodys) == []


def test_counts_are_by_status(store: SqlStore) -> None:
    ids = store_requests(store, [request() for _ in range(5)])
    cancel(store, ids[0], START)
    counts = store.read(lambda tx: tx.requests.count_by_status(RequestFilter()))
    assert counts == {RequestStatus.RECEIVED: 4, RequestStatus.FAILED: 1}
