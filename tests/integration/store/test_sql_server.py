"""What SQL Server would be sent; the statements themselves, since none can run here."""

from __future__ import annotations

import inspect
import re
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event as event_listeners
from sqlalchemy.schema import (
    CreateIndex,
    CreateTable,
    PrimaryKeyConstraint,
    UniqueConstraint,
)

from shared.domain.models import AcceptedBatch, HistoryEntry, JobMessage, JobRun, Output, Pause
from shared.domain.statuses import BatchState, FailureCategory, RequestStatus
from shared.domain.thunderhead import BatchReport
from shared.domain.timing import after
from shared.jobs.console_models import (
    ActionFilter,
    ActionName,
    BatchFilter,
    OperatorAction,
    TargetKind,
)
from shared.jobs.request_storage import RequestFilter
from shared.store.batched_requests import BatchedRequestsTable
from shared.store.batches import BatchesTable
from shared.store.claimed_requests import ClaimedRequestsTable
from shared.store.database import SqlStore
from shared.store.generation_times import GenerationTimesTable
from shared.store.history import HistoryTable
from shared.store.job_runs import JobRunsTable
from shared.store.operator_actions import OperatorActionsTable
from shared.store.outbox import OutboxTable
from shared.store.pauses import PausesTable
from shared.store.requests import RequestsTable
from shared.store.retention import RetentionTables
from shared.store.statistics import StatisticsTables
from shared.store.tables import metadata
from tests.integration.clocks import START
from tests.integration.store.recording import DIALECT, recorded, to_sql_server
from tests.integration.store.samples import FAILURE, TOPIC, batch, event, request, store_requests

TABLES = (
    BatchedRequestsTable,
    BatchesTable,
    ClaimedRequestsTable,
    GenerationTimesTable,
    HistoryTable,
    JobRunsTable,
    OutboxTable,
    PausesTable,
    RequestsTable,
    RetentionTables,
    OperatorActionsTable,
    StatisticsTables,
)
LATER = after(START, 60)
HINTS = "WITH (ROWLOCK, UPDLOCK, READPAST, READCOMMITTEDLOCK)"
METHODS = {
    (table.__name__, name)
    for table in TABLES
    for name, _ in inspect.getmembers(table, inspect.isfunction)
    if not name.startswith("_")
}


class Called:
    """A transaction that notes which methods of its tables are called."""

    def __init__(self, tx: Any, seen: set[tuple[str, str]]) -> None:
        self._tx, self._seen = tx, seen

    def __getattr__(self, table: str) -> Any:
        target = getattr(self._tx, table)
        outer = self

        class Table:
            def __getattr__(self, method: str) -> Any:
                outer._seen.add((type(target).__name__, method))
                return getattr(target, method)

        return Table()


def use_everything(tx: Any, owner: UUID, ids: list[UUID]) -> None:
    """Call every method of every table, in each of its forms."""
    everything = RequestFilter(
        source_systems=["ARCADE", "POLARIS"],
        source_system="ARCADE",
        statuses=(RequestStatus.RECEIVED, RequestStatus.COMPLETED),
        document_type="INVOICE",
        document_name="IVZRECPA",
        request_correlation_id="x",
        received_from=START,
        received_to=LATER,
        updated_from=START,
        metadata={"K": "v", "L": "w"},
    )
    by_id = RequestFilter(
        request_ids=tuple(ids),
        batch_ids=(str(ids[0]), "1"),
        updated_to=LATER,
        failure_category=FailureCategory.TIMEOUT,
    )
    intents = [batch(owner, LATER) for _ in range(4)]
    first, second, third, fourth = intents
    tx.requests.insert([request("NEW", metadata={"K": "v"})], ["{}"])
    tx.requests.find_by_correlation([("ARCADE", "NEW"), ("ARCADE", "x")])
    tx.requests.get(ids[0])
    changed = RequestFilter(updated_from=START, updated_to=LATER)
    for where in (RequestFilter(), everything, by_id, changed):
        for position in (None, (START, ids[0])):
            tx.requests.page(where, 5, position)
        tx.requests.count_by_status(where)
        tx.requests.count(where, 5)
    for systems in (None, ["ARCADE"]):
        tx.requests.oldest_waiting(RequestStatus.RECEIVED, systems)
    for status in (RequestStatus.PROCESSING, RequestStatus.RECEIVED):
        tx.claimed.take(status, owner, LATER, LATER, 20)
    tx.claimed.renew(owner, ids, LATER)
    tx.requests.contents(ids)
    tx.claimed.release(owner, ids[:1], LATER, LATER)
    tx.requests.cancel(request(), TOPIC, FAILURE, LATER)
    tx.requests.reprocess(request(), LATER)
    tx.requests.bring_forward(START)
    tx.claimed.fail(owner, ids[1:2], FAILURE, TOPIC, LATER)
    tx.batches.insert(intents)
    tx.claimed.assign_to_batches(owner, dict.fromkeys(ids[2:], first.batch_id), TOPIC, LATER)
    tx.batched.of(first.batch_id, RequestStatus.PROCESSING)
    tx.batched.submitted_in([first.batch_id])
    tx.batched.move(ids[2:4], first.batch_id, second.batch_id)
    tx.batched.note_submitted([first, second], RequestStatus.PROCESSING, LATER)
    rows = tx.batched.change_status(
        first.batch_id,
        RequestStatus.SUBMITTED,
        RequestStatus.FAILED,
        LATER,
        request_ids=ids,
        failure=FAILURE,
    )
    tx.batched.note_generated_late(first.batch_id, ids, LATER)
    tx.batched.add_outputs(
        [type(row)(**{**_fields(row), "outputs": (Output("PRINT"),)}) for row in rows]
    )
    tx.history.add([HistoryEntry(ids[0], 1, None, RequestStatus.RECEIVED, START, "a")])
    tx.history.of(ids[0])
    tx.batches.renew(first, LATER)
    tx.batches.mark_sending(first)
    tx.batches.record_wait(third, LATER, LATER)
    tx.batches.dissolve(second, LATER)
    tx.batches.hold(fourth, "why", LATER)
    tx.batches.record_submitted([AcceptedBatch(one, "1", LATER) for one in (first, second)], LATER)
    (submitted,) = tx.batches.claim(BatchState.SUBMITTED, owner, LATER, LATER, 5)
    for state in (BatchState.SUBMITTING, BatchState.HELD):
        tx.batches.claim(state, owner, LATER, LATER, 5)
    tx.batches.record_poll(submitted, BatchReport("RUNNING"), LATER, LATER, None)
    tx.batches.record_poll(submitted, None, LATER, LATER, START)
    tx.batches.settle(submitted, BatchReport("COMPLETED"), LATER)
    tx.batches.make_due(submitted, LATER)
    for state in (None, BatchState.HELD, BatchState.SETTLED):
        tx.batches.page(BatchFilter(state, "1709524441", "1"), 5, (START, ids[0]))
    tx.batches.records([first.batch_id])
    for about in (None, ids[0]):
        tx.batches.messages(first.batch_id, 5, about)
    tx.batches.get(first.batch_id)
    tx.batches.held(5)
    tx.batches.look_again(fourth, LATER)
    tx.batches.decide(fourth, BatchState.SUBMITTED, LATER, due_at=LATER)
    tx.batches.bring_forward(START)
    tx.batches.add_messages(first.batch_id, [JobMessage("I", "text")], LATER)
    events = [event(one) for one in ids[:3]]
    tx.outbox.add(events, START)
    tx.outbox.claim(owner, LATER, LATER, 5)
    tx.outbox.mark_published(owner, [events[0].event_id], LATER)
    tx.outbox.retry_later(owner, [events[1].event_id], LATER, "why")
    tx.outbox.set_aside(owner, [events[2].event_id], "why")
    for _ in range(2):
        tx.pauses.extend(Pause("x", START, None, 1, "why", "a"))
        tx.job_runs.record(JobRun("processing", owner, START, START, {}))
        tx.generation_times.note("1709524441", 60)
    tx.generation_times.all()
    tx.pauses.all()
    tx.pauses.clear_ended("x", LATER)
    tx.pauses.remove("x")
    tx.job_runs.last()
    tx.outbox.take_up_again(ids[2], LATER)
    tx.outbox.of(ids[0])
    tx.outbox.depth(5)
    tx.outbox.refused(None, 5)
    tx.outbox.refused({"ARCADE"}, 5)
    action = (ActionName.CANCEL, TargetKind.REQUEST, str(ids[0]))
    tx.operator_actions.add(OperatorAction(START, "a", *action, None))
    tx.operator_actions.page(ActionFilter("a", *action), 5, 9)
    mark = tx.statistics.begin(START)
    tx.statistics.begin(START)
    tx.statistics.advance(mark, START, None)
    tx.statistics.put(START, tx.statistics.happened(START, after(LATER, 60)))
    tx.statistics.mark()
    for systems in (None, ["ARCADE"]):
        tx.statistics.by_hour(START, LATER, systems)
        tx.statistics.by_source_system(START, LATER, systems)
        tx.statistics.failures(START, LATER, systems, 5)
    for exceptions in ({}, {"ARCADE": LATER, "NOVA": START}):
        tx.retention.purge(after(LATER, 60), exceptions, 20, LATER)


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


@pytest.fixture
def statements(store: SqlStore, owner: UUID) -> list[str]:
    """Everything that the tables can send, compiled for SQL Server."""
    ids = store_requests(store, [request() for _ in range(6)])
    seen: set[tuple[str, str]] = set()
    with recorded(store._engine) as found:
        store.write(lambda tx: use_everything(Called(tx, seen), owner, ids))
        store.read(lambda tx: Called(tx, seen).pauses.all())
    assert seen == METHODS, "a method of a table is not exercised"
    return found


def test_every_statement_compiles(statements: list[str]) -> None:
    assert len(statements) > len(METHODS)
    for statement in statements:
        assert "RETURNING" not in statement
        assert "LIMIT" not in statement
        assert "POSTCOMPILE" not in statement


def test_every_statement_stays_below_the_limit_of_parameters(statements: list[str]) -> None:
    assert max(statement.count("?") + statement.count(":") for statement in statements) < 2100


CLAIMS = {
    ("document_requests", "request_id", "status", "RECEIVED"),
    ("document_requests", "request_id", "status", "PROCESSING"),
    ("batches", "batch_id", "state", "SUBMITTING"),
    ("batches", "batch_id", "state", "SUBMITTED"),
    ("batches", "batch_id", "state", "HELD"),
    ("outbox", "event_id", "state", "PENDING"),
}


def test_there_is_one_claim_per_table_and_state_and_all_have_the_shape(
    statements: list[str],
) -> None:
    """Literal state, twice; hints inside; TOP and ORDER BY inside; OUTPUT."""
    updates = {one for one in statements if one.startswith("UPDATE")}
    claims = {one for one in updates if "TOP" in one and "OUTPUT" in one}
    found = set()
    for statement in claims:
        flat = " ".join(statement.split())
        match = re.fullmatch(
            r"UPDATE (\w+) SET .+? OUTPUT (?:inserted\.\[?\w+\]?(?:, )?)+ "
            r"WHERE \1\.(\w+) IN \(SELECT TOP (?:20|5) \1\.\2 FROM \1 "
            rf"{re.escape(HINTS)} "
            r"WHERE \1\.(\w+) = '(\w+)' AND \1\.due_at <= :\w+ ORDER BY \1\.due_at\) "
            r"AND \1\.\3 = '\4'",
            flat,
        )
        assert match, flat
        found.add(match.groups())
    assert found == CLAIMS


def test_nothing_but_claims_is_hinted(statements: list[str]) -> None:
    assert {HINTS in one for one in statements if "TOP" not in one or "SELECT" in one[:6]} == {
        False
    }


def test_guarded_writes_count_what_the_statement_returned(statements: list[str]) -> None:
    """Rows are needed back: then they come by OUTPUT of the very statement."""
    updates = [one for one in statements if one.startswith("UPDATE document_requests")]
    with_rows = [one for one in updates if "OUTPUT" in one]
    assert len(with_rows) > len(updates) / 2


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_every_table_and_index_compiles(table: Any) -> None:
    ddl = to_sql_server(CreateTable(table))
    assert "DATETIME2(7)" in ddl or not any("_at" in column.name for column in table.columns)
    for index in table.indexes:
        statement = to_sql_server(CreateIndex(index))
        where = index.dialect_options["mssql"]["where"]
        assert ("WHERE" in statement) == (where is not None)
    assert "DEFAULT" not in ddl, "a downgrade could not drop it by a name of ours"
    if table.name == "document_requests":
        assert "request_correlation_id NVARCHAR(100) COLLATE Latin1_General_BIN2" in ddl
        assert "status VARCHAR(12) COLLATE Latin1_General_BIN2" in ddl


def _bytes(column: Any) -> int:
    """How much of an index's key a column may take."""
    kind = column.type.compile(dialect=DIALECT).partition("(")[0]
    each = {"NVARCHAR": 2, "VARCHAR": 1}
    if kind in each:
        return each[kind] * int(column.type.length)
    return {"UNIQUEIDENTIFIER": 16, "DATETIME2": 8, "BIGINT": 8, "INTEGER": 4}[kind]


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_no_key_of_an_index_is_longer_than_sql_server_takes(table: Any) -> None:
    keys = list(table.indexes) + [
        one for one in table.constraints if isinstance(one, PrimaryKeyConstraint | UniqueConstraint)
    ]
    assert keys
    for key in keys:
        clustered = key.dialect_options["mssql"]["clustered"]
        if clustered is None:
            clustered = isinstance(key, PrimaryKeyConstraint)
        assert sum(map(_bytes, key.columns)) <= (900 if clustered else 1700), key.name


def test_no_update_sends_null_as_a_parameter(store: SqlStore, owner: UUID) -> None:
    """pyodbc would ask the server for its type first: a round trip."""
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("UPDATE"):
            sent.append((statement, parameters))

    ids = store_requests(store, [request() for _ in range(6)])
    event_listeners.listen(store._engine, "before_cursor_execute", note)
    store.write(lambda tx: use_everything(tx, owner, ids))
    assert len(sent) > 20
    assert [one for one in sent if None in one[1]] == []


def test_a_column_that_is_null_in_all_rows_is_not_inserted(statements: list[str]) -> None:
    inserts = [one for one in statements if one.startswith("INSERT INTO status_history")]
    assert inserts
    assert not [one for one in inserts if "reason" in one]


def test_a_moment_is_never_compared_for_equality(statements: list[str]) -> None:
    for statement in statements:
        condition = statement.partition("WHERE")[2]
        assert not re.search(r"_at = :", condition), statement
