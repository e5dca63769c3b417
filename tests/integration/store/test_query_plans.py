"""No scan and no sort on the hot path (design, "Cost"): what SQLite says of its plans."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from shared.composition import open_store
from shared.domain.statuses import BatchState, FailureCategory, RequestStatus
from shared.domain.timing import after
from shared.jobs.console_models import ActionFilter, ActionName, BatchFilter, TargetKind
from shared.jobs.request_storage import RequestFilter
from shared.store import request_search
from shared.store.database import SqlStore
from tests.integration.clocks import START
from tests.integration.store.explaining import Plan, explained
from tests.integration.store.samples import batch, request, store_requests

pytestmark = pytest.mark.sqlite_only("these are SQLite's plans")

COMPLETED = RequestStatus.COMPLETED
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
    "requests of batches: SUBMITTED": (
        lambda tx: tx.batched.note_submitted(
            [batch(uuid4(), START), batch(uuid4(), START)], RequestStatus.PROCESSING, START
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
    **{
        f"page of {status}": (
            lambda tx, status=status: tx.requests.page(
                RequestFilter(statuses=(status,)), 50, POSITION
            ),
            "ix_document_requests_unfinished (status=? AND received_at<?)",
        )
        for status in RequestStatus
        if status is not RequestStatus.COMPLETED
    },
    "page of what is RECEIVED and has changed since": (
        lambda tx: tx.requests.page(
            RequestFilter(updated_from=START, statuses=(RequestStatus.RECEIVED,)), 50, POSITION
        ),
        "ix_document_requests_unfinished (status=?",
    ),
    "page of a failure": (
        lambda tx: tx.requests.page(
            RequestFilter(failure_category=FailureCategory.TIMEOUT), 50, POSITION
        ),
        "ix_document_requests_failure",
    ),
    "page of a failure that is FAILED": (
        lambda tx: tx.requests.page(
            RequestFilter(
                statuses=(RequestStatus.FAILED,), failure_category=FailureCategory.TIMEOUT
            ),
            50,
            POSITION,
        ),
        "ix_document_requests_",
    ),
    "page by document name": (
        lambda tx: tx.requests.page(RequestFilter(document_name="IVZRECPA"), 50, POSITION),
        "ix_document_requests_document_name_received_at_request_id",
    ),
    "page by document type": (
        lambda tx: tx.requests.page(RequestFilter(document_type="INVOICE"), 50, POSITION),
        "ix_document_requests_document_type_received_at_request_id",
    ),
    "page by document name and status": (
        lambda tx: tx.requests.page(
            RequestFilter(document_name="IVZRECPA", statuses=(RequestStatus.HELD,)), 50, POSITION
        ),
        "ix_document_requests_unfinished",
    ),
    "page by source system and status": (
        lambda tx: tx.requests.page(
            RequestFilter(source_system="ARCADE", statuses=(RequestStatus.RECEIVED,)), 50, POSITION
        ),
        "ix_document_requests_source_system_status_received_at_request_id",
    ),
    "oldest waiting": (
        lambda tx: tx.requests.oldest_waiting(RequestStatus.SUBMITTED, None),
        "COVERING INDEX ix_document_requests_waiting",
    ),
    "count of a status": (
        lambda tx: tx.requests.count(RequestFilter(statuses=(RequestStatus.RECEIVED,)), 1000),
        "COVERING INDEX ix_document_requests_unfinished",
    ),
    "count of a status in some source systems": (
        lambda tx: tx.requests.count(
            RequestFilter(source_systems=["ARCADE"], statuses=(RequestStatus.RECEIVED,)), 1000
        ),
        "ix_document_requests_source_system_status_received_at_request_id",
    ),
    "outbox depth": (lambda tx: tx.outbox.depth(1000), "COVERING INDEX ix_outbox_unpublished"),
    "events set aside": (lambda tx: tx.outbox.refused(None, 200), "ix_outbox_unpublished"),
    "events of a request": (lambda tx: tx.outbox.of(uuid4()), "ix_outbox_request_id"),
    "batches": (
        lambda tx: tx.batches.page(BatchFilter(), 50, POSITION),
        "ix_batches_created_at_batch_id",
    ),
    **{
        f"batches {state}": (
            lambda tx, state=state: tx.batches.page(BatchFilter(state=state), 50, POSITION),
            "ix_batches_unsettled",
        )
        for state in BatchState
        if state is not BatchState.SETTLED
    },
    "batches of a configuration": (
        lambda tx: tx.batches.page(BatchFilter(batch_config_id="1"), 50, POSITION),
        "ix_batches_batch_config_id_created_at_batch_id",
    ),
    "messages of a batch": (
        lambda tx: tx.batches.messages(uuid4(), 100, uuid4()),
        "ix_batch_messages_batch_id",
    ),
    "actions": (lambda tx: tx.operator_actions.page(ActionFilter(), 50, 9), "PRIMARY KEY"),
    "actions of a person": (
        lambda tx: tx.operator_actions.page(ActionFilter(actor="operator"), 50, 9),
        "ix_operator_actions_actor_action_id",
    ),
    "actions of a kind": (
        lambda tx: tx.operator_actions.page(ActionFilter(action=ActionName.CANCEL), 50, 9),
        "ix_operator_actions_action_action_id",
    ),
    "actions on a target": (
        lambda tx: tx.operator_actions.page(
            ActionFilter(target_kind=TargetKind.REQUEST, target_id="x"), 50, 9
        ),
        "ix_operator_actions_target_id_action_id",
    ),
    "history": (
        lambda tx: tx.history.of(uuid4()),
        "ix_status_history_request_id_history_id",
    ),
    "census": (
        lambda tx: tx.figures.take(),
        "INDEX ix_document_requests_waiting SCAN outbox USING COVERING INDEX ix_outbox_unpublished",
    ),
    "renew a claim": (lambda tx: tx.claimed.renew(uuid4(), [uuid4()], START), ""),
}

SORTED: dict[str, tuple[Use, str]] = {
    "page of requests by id": (
        lambda tx: tx.requests.page(RequestFilter(request_ids=(uuid4(), uuid4())), 50, POSITION),
        "sqlite_autoindex_document_requests_1",
    ),
    "page of a batch": (
        lambda tx: tx.requests.page(RequestFilter(batch_ids=(str(uuid4()),)), 50, POSITION),
        "ix_document_requests_batch_id_status (batch_id=?)",
    ),
    "page of a batch of Thunderhead": (
        lambda tx: tx.requests.page(RequestFilter(batch_ids=("7", str(uuid4()))), 50, POSITION),
        "ix_document_requests_batch_id_status (batch_id=?)",
    ),
    "page of a correlation id": (
        lambda tx: tx.requests.page(RequestFilter(request_correlation_id="X"), 50, POSITION),
        "sqlite_autoindex_document_requests_2",
    ),
    "page of rare metadata": (
        lambda tx: tx.requests.page(RequestFilter(metadata={"K": "v"}), 50, POSITION),
        "ix_request_metadata_metadata_key_metadata_value_request_id",
    ),
    "page of COMPLETED, of which there are few": (
        lambda tx: tx.requests.page(RequestFilter(statuses=(COMPLETED,)), 50, POSITION),
        "ix_document_requests_changed",
    ),
    "page of what has changed since": (
        lambda tx: tx.requests.page(
            RequestFilter(updated_from=after(START, 9999), source_systems=["ARCADE", "NOVA"]),
            50,
            POSITION,
        ),
        "USING COVERING INDEX ix_document_requests_changed (updated_at>?)",
    ),
    "count what has ended and changed in some time": (
        lambda tx: tx.requests.count(
            RequestFilter(
                updated_from=START,
                updated_to=after(START, 9),
                statuses=(COMPLETED, RequestStatus.FAILED),
            ),
            100,
        ),
        "USING COVERING INDEX ix_document_requests_changed (updated_at>? AND updated_at<?)",
    ),
    "page of some statuses": (
        lambda tx: tx.requests.page(
            RequestFilter(statuses=(RequestStatus.HELD, COMPLETED)), 50, POSITION
        ),
        "ix_document_requests_unfinished",
    ),
    "a batch of Thunderhead": (
        lambda tx: tx.batches.page(BatchFilter(thunderhead_batch_id="1"), 50, POSITION),
        "ix_batches_thunderhead_batch_id",
    ),
    "count an hour": (
        lambda tx: tx.statistics.happened(START, after(START, 100)),
        "received_at>? AND received_at<?",
    ),
    "count what ended in an hour": (
        lambda tx: tx.statistics.happened(START, after(START, 100)),
        "ix_status_history_ended (at>? AND at<?)",
    ),
    "what happened": (
        lambda tx: tx.statistics.by_hour(START, after(START, 100), None),
        "sqlite_autoindex_request_statistics_1 (hour_start>? AND hour_start<?)",
    ),
    "what happened in source systems": (
        lambda tx: tx.statistics.by_source_system(START, after(START, 100), None),
        "sqlite_autoindex_request_statistics_1 (hour_start>? AND hour_start<?)",
    ),
    "what failed": (
        lambda tx: tx.statistics.failures(START, after(START, 100), None, 10),
        "sqlite_autoindex_request_statistics_1 (hour_start>? AND hour_start<?)",
    ),
}
"""Few rows, found by an index, and sorted."""


def plans(store: SqlStore, use: Use) -> list[Plan]:
    """Return the plans of all statements of a use."""
    with explained(store._engine) as found:
        store.write(use)
    return found


FILLING = (
    *(
        f"UPDATE document_requests SET status = '{status}' WHERE rowid % 25 = {remainder}"
        for status, remainder in (("FAILED", 0), ("HELD", 1))
    ),
    "UPDATE document_requests SET completed_at = updated_at, waiting_since = NULL "
    "WHERE status = 'FAILED'",
    "UPDATE batches SET thunderhead_batch_id = rowid",
    "UPDATE document_requests SET batch_id = "
    "(SELECT batch_id FROM batches WHERE batches.rowid = document_requests.rowid % 250 + 1)",
    "INSERT INTO status_history (request_id, generation, to_status, at, actor) "
    "SELECT request_id, 1, status, updated_at, 'test' FROM document_requests",
    "ANALYZE",
)


@pytest.fixture(scope="module")
def filled_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planner that knows its tables: many rows, and statistics of them."""
    path = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("filled")))
    store = open_store(f"sqlite:///{path}")
    store_requests(
        store,
        [request(received_at=after(START, n), metadata={"K": str(n)}) for n in range(500)],
    )
    intents = [batch(uuid4(), START, created_at=after(START, n)) for n in range(250)]
    store.write(lambda tx: tx.batches.insert(intents))
    with store._engine.begin() as connection:
        for statement in FILLING:
            connection.execute(text(statement))
    store.close()
    return path


@pytest.fixture
def filled(filled_file: Path, tmp_path: Path) -> Iterator[SqlStore]:
    store = open_store(f"sqlite:///{shutil.copy(filled_file, tmp_path)}")
    yield store
    store.close()


@pytest.mark.parametrize("analyzed", [True, False])
@pytest.mark.parametrize("name", USES)
def test_a_statement_uses_its_index(
    request: pytest.FixtureRequest, name: str, analyzed: bool
) -> None:
    # Without statistics too: nobody runs ANALYZE on an embedded database.
    store = request.getfixturevalue("filled" if analyzed else "store")
    use, index = USES[name]
    found = plans(store, use)
    assert not [plan for plan in found if plan.sorts]
    assert_uses(found, index)


@pytest.mark.parametrize("analyzed", [True, False])
@pytest.mark.parametrize("name", SORTED)
def test_a_statement_that_sorts_finds_few_rows_by_an_index(
    request: pytest.FixtureRequest, name: str, analyzed: bool
) -> None:
    store = request.getfixturevalue("filled" if analyzed else "store")
    use, index = SORTED[name]
    assert_uses(plans(store, use), index)


def test_where_much_has_ended_the_newest_are_looked_through(
    filled: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_search, "MOST_RARE", 0)
    where = RequestFilter(statuses=(COMPLETED,))
    found = plans(filled, lambda tx: tx.requests.page(where, 50, POSITION))
    assert not [plan for plan in found if plan.sorts]
    assert_uses(found, "ix_document_requests_received_at_request_id")


def assert_uses(found: list[Plan], index: str) -> None:
    assert found
    assert not [plan for plan in found if plan.scanned]
    assert index in " ".join(line for plan in found for line in plan.lines), found
