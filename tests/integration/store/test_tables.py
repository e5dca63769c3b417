from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from shared.composition import open_store
from shared.domain.models import HistoryEntry, JobMessage, JobRun, Output, Pause
from shared.domain.statuses import RequestStatus
from shared.domain.timing import after
from shared.errors import DatabaseUnavailable, DuplicateCorrelationId
from shared.store.database import SqlStore
from tests.integration.clocks import START
from tests.integration.store.samples import (
    FAILURE,
    event,
    request,
    store_batch,
    store_requests,
    store_submitted,
)


def get(store: SqlStore, request_id: UUID) -> Any:
    return store.read(lambda tx: tx.requests.get(request_id))


def test_a_request_comes_back_as_it_was_stored(store: SqlStore) -> None:
    one = request(
        "ÄÖ-\U0001f600",
        metadata={"K": "v", "Ключ": "值"},
        received_at=START.replace(microsecond=123_000),
    )
    content = '{"a": "\U0001f600", "n": 10.50}'
    store.write(lambda tx: tx.requests.insert([one], [content]))
    assert get(store, one.request_id) == one
    assert store.read(lambda tx: tx.requests.contents([one.request_id])) == {
        one.request_id: content
    }
    assert get(store, uuid4()) is None


def test_a_correlation_id_is_stored_once_per_source_system(store: SqlStore) -> None:
    store_requests(store, [request("A"), request("a"), request("A", source_system="POLARIS")])
    fresh = request("B")
    with pytest.raises(DuplicateCorrelationId):
        store_requests(store, [fresh, request("A")])
    assert get(store, fresh.request_id) is None, "all or nothing"
    keys = [("NOVA", "A"), ("POLARIS", "A"), ("ARCADE", "B"), ("ARCADE", "A")]
    found = store.read(lambda tx: tx.requests.find_by_correlation(keys))
    assert {key: (one.source_system, one.request_correlation_id) for key, one in found.items()} == {
        key: key for key in (("ARCADE", "A"), ("POLARIS", "A"))
    }


def test_the_same_pair_at_once_is_stored_once(store: SqlStore, database_url: str) -> None:
    barrier = threading.Barrier(6)

    def insert(_: int) -> bool:
        mine = open_store(database_url)
        barrier.wait(10)
        try:
            store_requests(mine, [request("SAME")])
        except DuplicateCorrelationId:
            return False
        finally:
            mine.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(insert, range(6))) == 1


def test_many_pairs_are_found_in_one_go(store: SqlStore) -> None:
    ids = store_requests(store, [request(f"R{number}") for number in range(450)])
    keys = [("ARCADE", f"R{number}") for number in range(450)]
    found = store.read(lambda tx: tx.requests.find_by_correlation(keys))
    assert [found[key].request_id for key in keys] == ids


def test_outputs_are_those_of_the_present_generation_in_order(store: SqlStore, owner: UUID) -> None:
    held, ids = store_submitted(store, 1, owner)
    outputs = tuple(Output(name, "application/pdf", 3, "doc", "/x") for name in ("Z", "A"))

    def work(tx: Any) -> None:
        rows = tx.batched.change_status(
            held.batch_id, RequestStatus.SUBMITTED, RequestStatus.COMPLETED, START
        )
        older = replace(rows[0], generation=7, outputs=(Output("OLD"),))
        tx.batched.add_outputs([replace(rows[0], outputs=outputs), older])

    store.write(work)
    assert get(store, ids[0]).outputs == outputs


def test_a_failure_is_read_back_and_long_texts_are_cut(store: SqlStore, owner: UUID) -> None:
    held, ids = store_submitted(store, 1, owner)
    failure = replace(FAILURE, code="c" * 300, message="m" * 3000)
    store.write(
        lambda tx: tx.batched.change_status(
            held.batch_id, RequestStatus.SUBMITTED, RequestStatus.FAILED, START, failure=failure
        )
    )
    found = get(store, ids[0]).failure
    assert (found.code, found.message) == ("c" * 100, "m" * 1000)


def test_the_requests_of_a_batch_come_in_the_order_of_their_ids(
    store: SqlStore, owner: UUID
) -> None:
    held, ids = store_batch(store, 20, owner)
    rows = store.read(lambda tx: tx.batched.of(held.batch_id, RequestStatus.PROCESSING))
    assert [row.request_id for row in rows] == sorted(ids)


def test_history_keeps_the_order_in_which_it_was_written(store: SqlStore) -> None:
    """Also where the clock stood still."""
    mine, other = store_requests(store, [request(), request()])
    path = [None, *RequestStatus]
    entries = [
        HistoryEntry(one, 1, before, status, START, "actor", "why", uuid4())
        for before, status in zip(path, RequestStatus, strict=False)
        for one in (mine, other)
    ]
    for entry in entries:
        store.write(lambda tx: tx.history.add([entry]))  # noqa: B023
    assert list(store.read(lambda tx: tx.history.of(mine))) == entries[::2]


def test_a_request_has_one_unpublished_event_at_most(store: SqlStore, owner: UUID) -> None:
    (request_id,) = store_requests(store, [request()])
    first = event(request_id)
    store.write(lambda tx: tx.outbox.add([first], START))
    with pytest.raises(DatabaseUnavailable):
        store.write(lambda tx: tx.outbox.add([event(request_id, 2)], START))

    def publish(tx: Any) -> None:
        tx.outbox.claim(owner, START, after(START, 60), 1)
        tx.outbox.mark_published(owner, [first.event_id], START)

    store.write(publish)
    store.write(lambda tx: tx.outbox.add([event(request_id, 2)], START))


def test_events_that_were_set_aside_are_listed(store: SqlStore, owner: UUID) -> None:
    one, two = store_requests(store, [request("ONE"), request("TWO")])
    first = event(one)

    def set_aside(tx: Any) -> None:
        tx.outbox.add([first, event(two)], START)
        tx.outbox.claim(owner, START, after(START, 60), 10)
        tx.outbox.set_aside(owner, [first.event_id], "too large")

    store.write(set_aside)
    [listed] = store.read(lambda tx: tx.outbox.refused(None, 10))
    assert (listed.request_correlation_id, listed.reason) == ("ONE", "too large")
    assert (listed.request_id, listed.topic) == (first.request_id, first.topic)
    assert store.read(lambda tx: tx.outbox.refused(["ARCADE"], 10)) == [listed]
    assert store.read(lambda tx: tx.outbox.refused(["NOVA"], 10)) == []


def test_an_event_that_was_set_aside_still_bars_the_next(store: SqlStore, owner: UUID) -> None:
    (request_id,) = store_requests(store, [request()])
    first = event(request_id)

    def set_aside(tx: Any) -> None:
        tx.outbox.add([first], START)
        tx.outbox.claim(owner, START, after(START, 60), 1)
        tx.outbox.set_aside(owner, [first.event_id], "too large")

    store.write(set_aside)
    with pytest.raises(DatabaseUnavailable):
        store.write(lambda tx: tx.outbox.add([event(request_id, 2)], START))
    later = after(START, 10**6)
    assert store.write(lambda tx: tx.outbox.claim(owner, later, later, 9)) == []


def test_an_event_that_failed_comes_again_with_its_attempts(store: SqlStore, owner: UUID) -> None:
    (request_id,) = store_requests(store, [request()])
    first, later = event(request_id), after(START, 30)

    def fail(tx: Any) -> None:
        tx.outbox.add([first], START)
        tx.outbox.claim(owner, START, after(START, 60), 1)
        tx.outbox.retry_later(owner, [first.event_id], later, "r" * 2000)

    store.write(fail)
    assert store.write(lambda tx: tx.outbox.claim(owner, after(START, 29), later, 9)) == []
    (again,) = store.write(lambda tx: tx.outbox.claim(owner, later, after(later, 60), 9))
    assert again == replace(first, attempts=1)


def test_messages_of_a_batch_are_kept(store: SqlStore, owner: UUID) -> None:
    held, ids = store_submitted(store, 1, owner)
    messages = [JobMessage("I" * 50, "x" * 5000), JobMessage("E", "Grüße", str(ids[0]))]
    store.write(lambda tx: tx.batches.add_messages(held.batch_id, messages, START))
    with store._engine.connect() as connection:
        found = connection.execute(
            text("SELECT kind, message_text FROM batch_messages ORDER BY message_id")
        ).all()
    assert [tuple(row) for row in found] == [("I" * 10, "x" * 5000), ("E", "Grüße")]


def test_a_pause_is_extended_never_shortened_and_forgotten_once_it_has_ended(
    store: SqlStore,
) -> None:
    def extend(pause: Pause) -> None:
        store.write(lambda tx: tx.pauses.extend(pause))

    def found() -> Pause | None:
        return store.read(lambda tx: tx.pauses.all()).get("thunderhead")

    short = Pause("thunderhead", START, after(START, 30), 1, "why", "somebody")
    longer = replace(short, until=after(START, 60), failures=2)
    forever = replace(short, until=None, reason="maintenance")
    for given, expected in ((short, short), (longer, longer), (short, longer)):
        extend(given)
        assert found() == expected
    store.write(lambda tx: tx.pauses.clear_ended("thunderhead", after(START, 59)))
    assert found() == longer
    store.write(lambda tx: tx.pauses.clear_ended("thunderhead", after(START, 60)))
    assert found() is None
    for given in (forever, longer):
        extend(given)
        assert found() == forever


@pytest.mark.parametrize("table", ["pauses", "job_runs"])
def test_one_row_per_name_also_when_all_write_at_once(
    store: SqlStore, database_url: str, table: str
) -> None:
    barrier = threading.Barrier(6)

    def write(number: int) -> None:
        mine = open_store(database_url)
        barrier.wait(10)
        for round_ in range(5):
            run = JobRun("processing", uuid4(), START, START, {"round": round_})
            pause = Pause("thunderhead", START, START, number, "why", "a")
            if table == "pauses":
                mine.write(lambda tx: tx.pauses.extend(pause))  # noqa: B023
            else:
                mine.write(lambda tx: tx.job_runs.record(run))  # noqa: B023
        mine.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    if table == "pauses":
        assert len(store.read(lambda tx: tx.pauses.all())) == 1
    else:
        (run,) = store.read(lambda tx: tx.job_runs.last())
        assert run.summary == {"round": 4}
