"""A transition that the table does not allow is refused by the statement itself.

Each write of a request is an UPDATE with the status in its WHERE. Here the row is as tempting as
can be: due, of the right owner, batch and version; nothing but its status stands against the
write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from inspect import getmembers, isfunction
from typing import Any
from uuid import UUID

import pytest

from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import FailureCategory, RequestStatus, can_become
from shared.domain.timing import after
from shared.jobs.outcomes import Recorder
from shared.store.batched_requests import BatchedRequestsTable
from shared.store.claimed_requests import ClaimedRequestsTable
from shared.store.database import SqlTransaction
from shared.store.requests import RequestsTable
from tests.properties.world import World, letter
from tests.unit.domain.builders import NOON, a_batch

R = RequestStatus
OWNER, BATCH, OTHER_BATCH = UUID(int=1), UUID(int=2), UUID(int=3)
LATER, MUCH_LATER = after(NOON, 60), after(NOON, 120)
FAILURE = Failure(FailureCategory.GENERATION, "CODE", "message")

READS = {
    "find_by_correlation",
    "get",
    "page",
    "count_by_status",
    "contents",
    "of",
    "submitted_in",
    "count",
    "oldest_waiting",
}
NEW_ROWS = {"insert", "add_outputs"}


@dataclass(frozen=True)
class Write:
    """A write of one request, and the statuses in which it may change the row."""

    method: str
    allowed: set[RequestStatus]
    call: Callable[[Any, DocumentRequest], object]


def change_status(before: RequestStatus, after_: RequestStatus) -> Write:
    failure = FAILURE if after_ is R.FAILED else None
    return Write(
        "change_status",
        {before},
        lambda tx, q: tx.batched.change_status(BATCH, before, after_, LATER, failure=failure),
    )


WRITES = [
    Write("cancel", {R.RECEIVED}, lambda tx, q: tx.requests.cancel(q, "topic", FAILURE, LATER)),
    Write("reprocess", {R.FAILED}, lambda tx, q: tx.requests.reprocess(q, LATER)),
    Write("bring_forward", {R.RECEIVED}, lambda tx, q: tx.requests.bring_forward(LATER)),
    *(
        Write(
            "take",
            {status},
            lambda tx, q, status=status: tx.claimed.take(  # type: ignore[misc]
                status, OWNER, MUCH_LATER, after(MUCH_LATER, 60), 10
            ),
        )
        for status in (R.RECEIVED, R.PROCESSING)
    ),
    Write(
        "renew", {R.PROCESSING}, lambda tx, q: tx.claimed.renew(OWNER, [q.request_id], MUCH_LATER)
    ),
    Write(
        "release",
        {R.PROCESSING},
        lambda tx, q: tx.claimed.release(OWNER, [q.request_id], LATER, MUCH_LATER),
    ),
    Write(
        "assign_to_batches",
        {R.PROCESSING},
        lambda tx, q: tx.claimed.assign_to_batches(OWNER, {q.request_id: BATCH}, "topic", LATER),
    ),
    Write(
        "fail",
        {R.PROCESSING},
        lambda tx, q: tx.claimed.fail(OWNER, [q.request_id], FAILURE, "topic", LATER),
    ),
    Write(
        "move",
        {R.PROCESSING},
        lambda tx, q: tx.batched.move([q.request_id], BATCH, OTHER_BATCH),
    ),
    *(
        Write(
            "note_submitted",
            {before},
            lambda tx, q, before=before: tx.batched.note_submitted(  # type: ignore[misc]
                [a_batch(batch_id=BATCH)], before, LATER
            ),
        )
        for before in R
    ),
    *(change_status(before, status) for before in R for status in R),
    Write(
        "note_generated_late",
        {R.FAILED},
        lambda tx, q: tx.batched.note_generated_late(BATCH, [q.request_id], LATER),
    ),
]


class Row:
    """One request in any status, the rest of its row as every write wants it."""

    def __init__(self, world: World, status: RequestStatus) -> None:
        self._world = world
        self.store = world.system.store
        [stored] = world.submit(letter("a"))
        self.request_id = stored.request.request_id
        self.store.write(
            lambda tx: tx.batches.insert([a_batch(batch_id=one) for one in (BATCH, OTHER_BATCH)])
        )
        with closing(sqlite3.connect(world.path)) as connection, connection:
            # Whatever else the database refuses: here the statements are on trial.
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute(
                "UPDATE document_requests"
                " SET status = ?, lease_owner = ?, batch_id = ?, due_at = ?",
                (status.value, OWNER.hex, BATCH.hex, f"{LATER:%Y-%m-%d %H:%M:%S.000001}"),
            )

    @property
    def request(self) -> DocumentRequest:
        found = self.store.read(lambda tx: tx.requests.get(self.request_id))
        assert found
        return found

    def dump(self) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._world.rows("SELECT * FROM document_requests")]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture(params=R)
def row(world: World, request: pytest.FixtureRequest) -> Row:
    return Row(world, request.param)


def test_a_write_changes_a_row_in_its_own_statuses_and_no_other(row: Row) -> None:
    seen = row.request
    for write in WRITES:
        before = row.dump()
        with row.store._engine.connect() as connection:
            write.call(SqlTransaction(connection), seen)
            rows = connection.exec_driver_sql("SELECT * FROM document_requests").all()
            has_changed = [tuple(one) for one in rows] != before
            connection.rollback()
        assert has_changed == (seen.status in write.allowed), write


def test_every_method_is_on_trial() -> None:
    methods = {
        name
        for table in (RequestsTable, ClaimedRequestsTable, BatchedRequestsTable)
        for name, _ in getmembers(table, isfunction)
        if not name.startswith("_")
    }
    assert methods == READS | NEW_ROWS | {write.method for write in WRITES}


@pytest.mark.parametrize("status", R)
def test_a_transition_that_the_table_does_not_know_is_rolled_back(
    row: Row, status: RequestStatus
) -> None:
    """`change_status` would write any: who records it sees to it that it is not committed."""
    before, dumped = row.request.status, row.dump()
    recorder = Recorder("local", "topic")

    def work(tx: Any) -> None:
        changed = tx.batched.change_status(BATCH, before, status, LATER)
        recorder.record(tx, changed, before, LATER, actor="test")

    if can_become(before, status):
        row.store.write(work)
        assert row.request.status is status
    else:
        with pytest.raises(AssertionError):
            row.store.write(work)
        assert row.dump() == dumped
