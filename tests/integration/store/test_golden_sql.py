"""The hot statements as SQL Server gets them, to be read in golden/sql_server.sql.

A change that is meant: OMS_REWRITE_GOLDEN=1 make test ARGS="-k golden", and read the difference.
"""

from __future__ import annotations

import difflib
import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.domain.models import AcceptedBatch, HistoryEntry, JobRun
from shared.domain.statuses import BatchState, RequestStatus
from shared.domain.thunderhead import BatchReport
from shared.domain.timing import after
from shared.jobs.console_models import (
    ActionName,
    BatchFilter,
    HourCount,
    OperatorAction,
    Outcome,
    StatisticsMark,
    TargetKind,
)
from shared.jobs.request_storage import RequestFilter
from shared.store.database import SqlStore
from tests.integration.clocks import START
from tests.integration.store.recording import recorded
from tests.integration.store.samples import FAILURE, TOPIC, batch, event, request, store_requests

GOLDEN = Path(__file__).parent / "golden" / "sql_server.sql"
LATER = after(START, 60)
OWNER = uuid4()
REPORT = BatchReport("COMPLETED")
ONE, TWO = request("ONE", metadata={"K": "v"}), request("TWO")
BATCH, OTHER_BATCH = batch(OWNER, LATER), batch(OWNER, LATER)

ACTION = OperatorAction(
    START, "operator", ActionName.CANCEL, TargetKind.REQUEST, str(ONE.request_id), "why"
)

RECEIVED, PROCESSING = RequestStatus.RECEIVED, RequestStatus.PROCESSING
SUBMITTED, COMPLETED = RequestStatus.SUBMITTED, RequestStatus.COMPLETED

HOT: dict[str, Callable[[Any], object]] = {
    "intake: look the pair up": lambda tx: tx.requests.find_by_correlation([("ARCADE", "X")]),
    "intake: store a request": lambda tx: tx.requests.insert([ONE], ["{}"]),
    "intake: its history": lambda tx: tx.history.add(
        [HistoryEntry(ONE.request_id, 1, None, RECEIVED, START, "caller")]
    ),
    "claim requests that are RECEIVED": lambda tx: tx.claimed.take(
        RECEIVED, OWNER, START, LATER, 100
    ),
    "claim requests that a dead run held": lambda tx: tx.claimed.take(
        PROCESSING, OWNER, START, LATER, 100
    ),
    "requests of a claim: renew the lease": lambda tx: tx.claimed.renew(
        OWNER, [ONE.request_id, TWO.request_id], LATER
    ),
    "requests of a claim: give back": lambda tx: tx.claimed.release(
        OWNER, [ONE.request_id, TWO.request_id], LATER, LATER
    ),
    "requests of a claim: hand over to batches": lambda tx: tx.claimed.assign_to_batches(
        OWNER, {ONE.request_id: BATCH.batch_id, TWO.request_id: uuid4()}, TOPIC, LATER
    ),
    "requests of a claim: end": lambda tx: tx.claimed.fail(
        OWNER, [ONE.request_id], FAILURE, TOPIC, LATER
    ),
    "intent: store a batch": lambda tx: tx.batches.insert([BATCH]),
    "claim intents": lambda tx: tx.batches.claim(BatchState.SUBMITTING, OWNER, START, LATER, 20),
    "claim batches to poll": lambda tx: tx.batches.claim(
        BatchState.SUBMITTED, OWNER, START, LATER, 20
    ),
    "claim batches that are HELD": lambda tx: tx.batches.claim(
        BatchState.HELD, OWNER, START, LATER, 20
    ),
    "batch: renew the lease": lambda tx: tx.batches.renew(BATCH, LATER),
    "batch: about to be sent again": lambda tx: tx.batches.mark_sending(BATCH),
    "batches: SUBMITTED": lambda tx: tx.batches.record_submitted(
        [AcceptedBatch(BATCH, "1", LATER), AcceptedBatch(OTHER_BATCH, "2", LATER)], LATER
    ),
    "batch: waits": lambda tx: tx.batches.record_wait(BATCH, LATER, LATER),
    "batch: polled": lambda tx: tx.batches.record_poll(BATCH, REPORT, LATER, LATER, None),
    "batch: HELD": lambda tx: tx.batches.hold(BATCH, "why", LATER),
    "batch: DISSOLVED": lambda tx: tx.batches.dissolve(BATCH, LATER),
    "batch: SETTLED": lambda tx: tx.batches.settle(BATCH, REPORT, LATER),
    "requests of a batch: read": lambda tx: tx.batched.of(BATCH.batch_id, SUBMITTED),
    "requests of batches: SUBMITTED": lambda tx: tx.batched.note_submitted(
        [BATCH, OTHER_BATCH], PROCESSING, LATER
    ),
    "requests of a batch: end": lambda tx: tx.batched.change_status(
        BATCH.batch_id, SUBMITTED, COMPLETED, LATER, request_ids=[ONE.request_id, TWO.request_id]
    ),
    "outbox: queue an event": lambda tx: tx.outbox.add([event(ONE.request_id)], START),
    "claim events": lambda tx: tx.outbox.claim(OWNER, START, LATER, 100),
    "outbox: published": lambda tx: tx.outbox.mark_published(OWNER, [uuid4(), uuid4()], LATER),
    "outbox: later": lambda tx: tx.outbox.retry_later(OWNER, [uuid4()], LATER, "why"),
    "outbox: set aside": lambda tx: tx.outbox.set_aside(OWNER, [uuid4()], "why"),
    "console: requests of some statuses": lambda tx: tx.requests.page(
        RequestFilter(statuses=(RECEIVED, COMPLETED)), 50, (LATER, ONE.request_id)
    ),
    "console: requests by metadata": lambda tx: tx.requests.page(
        RequestFilter(metadata={"K": "v"}), 50, None
    ),
    "console: count requests": lambda tx: tx.requests.count(
        RequestFilter(statuses=(SUBMITTED,)), 1000
    ),
    "console: the request that waits longest": lambda tx: tx.requests.oldest_waiting(
        SUBMITTED, None
    ),
    "console: events on their way": lambda tx: tx.outbox.depth(1000),
    "console: events set aside": lambda tx: tx.outbox.refused(None, 200),
    "console: batches": lambda tx: tx.batches.page(
        BatchFilter(state=BatchState.HELD), 50, (START, BATCH.batch_id)
    ),
    "console: poll now": lambda tx: tx.batches.make_due(BATCH, LATER),
    "console: audit": lambda tx: tx.operator_actions.add(ACTION),
    "statistics: count an hour": lambda tx: tx.statistics.happened(START, LATER),
    "statistics: keep an hour": lambda tx: tx.statistics.put(
        START, [HourCount("ARCADE", Outcome.ACCEPTED, 1)]
    ),
    "statistics: the fence": lambda tx: tx.statistics.advance(
        StatisticsMark(START, None, 1), START, LATER
    ),
    "console: what happened": lambda tx: tx.statistics.by_hour(START, LATER, None),
    "console: what failed": lambda tx: tx.statistics.failures(START, LATER, ["ARCADE"], 10),
    "heartbeat of a job": lambda tx: tx.job_runs.record(
        JobRun("processing", OWNER, START, START, {})
    ),
    "census: what is open": lambda tx: tx.figures.take(),
}


@pytest.mark.sqlite_only("they are compiled here; a server is also asked how full it is")
def test_the_hot_statements_are_the_golden_ones(store: SqlStore) -> None:
    store_requests(store, [TWO])
    found = "\n".join(_written(store, name, use) for name, use in HOT.items())
    if os.environ.get("OMS_REWRITE_GOLDEN"):
        GOLDEN.write_text(found)
    expected = GOLDEN.read_text()
    difference = difflib.unified_diff(
        expected.splitlines(), found.splitlines(), "golden", "found", lineterm="", n=8
    )
    assert found == expected, "\n".join(difference)


def _written(store: SqlStore, name: str, use: Callable[[Any], object]) -> str:
    with recorded(store._engine) as statements:
        store.write(use)
    assert statements, name
    return f"-- {name}\n" + "".join(f"{_folded(one)};\n" for one in statements)


def _folded(statement: str) -> str:
    """Begin a line with each clause, and keep it within the width of a page."""
    flat = " ".join(statement.split())
    clauses = re.split(r" (?=(?:SET|OUTPUT|WHERE|VALUES|FROM|LEFT OUTER JOIN|ORDER BY)\b)", flat)
    return "\n".join(
        textwrap.fill(clause, 100, subsequent_indent="    ", break_long_words=False)
        for clause in clauses
    )
