"""No scan and no sort on the hot path (design, "Cost"): what SQLite says of its plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, text

from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.timing import after
from shared.jobs.request_storage import RequestFilter
from shared.store.database import SqlStore
from tests.integration.clocks import START
from tests.integration.store.samples import request, store_requests

pytestmark = pytest.mark.sqlite_only("these are SQLite's plans")

Use = Callable[[Any], Any]
POSITION = (after(START, 30), uuid4())

USES: dict[str, tuple[Use, str]] = {
    "claim RECEIVED": (
        lambda tx: tx.claimed.take(RequestStatus.RECEIVED, uuid4(), START, START, 10),
        "ix_document_requests_received_due",
    ),
    "claim PROCESSING": (
        lambda tx: tx.claimed.take(RequestStatus.PROCESSING, uuid4(), START, START, 10),
        "ix_document_requests_processing_due",
    ),
    "claim SUBMITTING": (
        lambda tx: tx.batches.claim(BatchState.SUBMITTING, uuid4(), START, START, 10),
        "ix_batches_submitting_due",
    ),
    "claim SUBMITTED": (
        lambda tx: tx.batches.claim(BatchState.SUBMITTED, uuid4(), START, START, 10),
        "ix_batches_submitted_due",
    ),
    "claim HELD": (
        lambda tx: tx.batches.claim(BatchState.HELD, uuid4(), START, START, 10),
        "ix_batches_held_due",
    ),
    "list HELD": (lambda tx: tx.batches.held(100), "ix_batches_held"),
    "bring requests forward": (
        lambda tx: tx.requests.bring_forward(START),
        "ix_document_requests_received_due",
    ),
    "bring intents forward": (
        lambda tx: tx.batches.bring_forward(START),
        "ix_batches_submitting_due",
    ),
    "reprocess": (
        lambda tx: tx.requests.reprocess(request(), START),
        "uq_outbox_unpublished_request",
    ),
    "purge": (
        lambda tx: tx.retention.purge(after(START, 9999), {}, 200, START),
        "ix_document_requests_unpurged (completed_at>? AND completed_at<?)",
    ),
    "purge with exceptions": (
        lambda tx: tx.retention.purge(START, {"ARCADE": after(START, 9999)}, 200, START),
        "ix_document_requests_unpurged (completed_at>? AND completed_at<?)",
    ),
    "take up an event again": (
        lambda tx: tx.outbox.take_up_again(uuid4(), START),
        "uq_outbox_unpublished_request",
    ),
    "claim events": (
        lambda tx: tx.outbox.claim(uuid4(), START, START, 10),
        "ix_outbox_pending_due",
    ),
    "requests of a batch": (
        lambda tx: tx.batched.of(uuid4(), RequestStatus.SUBMITTED),
        "ix_document_requests_batch_id_status",
    ),
    "change the status of a batch": (
        lambda tx: tx.batched.change_status(
            uuid4(), RequestStatus.SUBMITTED, RequestStatus.HELD, START
        ),
        "ix_document_requests_batch_id_status",
    ),
    "page": (
        lambda tx: tx.requests.page(RequestFilter(), 50, POSITION),
        "ix_document_requests_received_at_request_id",
    ),
    "page by source system": (
        lambda tx: tx.requests.page(RequestFilter(source_system="ARCADE"), 50, POSITION),
        "ix_document_requests_source_system_received_at_request_id",
    ),
    "page of FAILED": (
        lambda tx: tx.requests.page(RequestFilter(status=RequestStatus.FAILED), 50, POSITION),
        "ix_document_requests_failed",
    ),
    "page of HELD": (
        lambda tx: tx.requests.page(RequestFilter(status=RequestStatus.HELD), 50, POSITION),
        "ix_document_requests_held",
    ),
    "page by source system and status": (
        lambda tx: tx.requests.page(
            RequestFilter(source_system="ARCADE", status=RequestStatus.RECEIVED), 50, POSITION
        ),
        "ix_document_requests_source_system_status_received_at_request_id",
    ),
    "history": (
        lambda tx: tx.history.of(uuid4()),
        "ix_status_history_request_id_history_id",
    ),
    "census": (
        lambda tx: tx.figures.take(),
        "ix_document_requests_batch_id_status (batch_id=? AND status=?)",
    ),
    "renew a claim": (lambda tx: tx.claimed.renew(uuid4(), [uuid4()], START), ""),
}


def plans(store: SqlStore, use: Use) -> list[str]:
    """Return the plans of all statements of a use, line by line."""
    found: list[str] = []

    def explain(_c: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.extend(row[3] for row in cursor.fetchall())

    engine: Engine = store._engine
    event.listen(engine, "before_cursor_execute", explain)
    try:
        store.write(use)
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    return found


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    """A planner that knows its tables: many rows, and statistics of them."""
    store_requests(store, [request(received_at=after(START, n)) for n in range(500)])
    with store._engine.begin() as connection:
        for status, remainder in (("FAILED", 0), ("HELD", 1)):
            change = (
                f"UPDATE document_requests SET status = '{status}' WHERE rowid % 25 = {remainder}"
            )
            connection.execute(text(change))
        connection.execute(
            text("UPDATE document_requests SET completed_at = updated_at WHERE status = 'FAILED'")
        )
        connection.execute(text("ANALYZE"))
    return store


@pytest.mark.parametrize("analyzed", [True, False])
@pytest.mark.parametrize("name", USES)
def test_a_statement_uses_its_index(
    request: pytest.FixtureRequest, name: str, analyzed: bool
) -> None:
    # Without statistics too: nobody runs ANALYZE on an embedded database.
    store = request.getfixturevalue("filled" if analyzed else "store")
    use, index = USES[name]
    lines = plans(store, use)
    assert lines
    assert not [line for line in lines if line.startswith("SCAN") and "INDEX" not in line], lines
    assert not [line for line in lines if "TEMP B-TREE" in line], lines
    assert index in " ".join(lines), lines
