from __future__ import annotations

import json
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from shared.domain.enrichment import ConfigurationRow
from shared.domain.models import DocumentRequest
from shared.domain.resource import to_resource
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.errors import ActionRefused, ReferenceDataUnavailable, RequestNotFound
from shared.jobs.operations import Operations
from shared.jobs.outcomes import Recorder
from shared.jobs.queries import Caller
from shared.store.database import SqlStore
from shared.store.tables import outbox
from tests.unit.domain.builders import a_request
from tests.unit.jobs.fakes import (
    FakeReferenceData,
    InterruptedStore,
    ScriptedThunderhead,
    StandingClock,
    earlier_documents,
)

CALLER = Caller("arcade", frozenset({"ARCADE"}))
REQUEST = a_request()


@pytest.fixture
def interrupted(store: SqlStore) -> InterruptedStore:
    store.write(lambda tx: tx.requests.insert([REQUEST], ["{}"]))
    return InterruptedStore(store)


@pytest.fixture
def thunderhead() -> ScriptedThunderhead:
    return ScriptedThunderhead()


@pytest.fixture
def operations(
    interrupted: InterruptedStore,
    reference_data: FakeReferenceData,
    thunderhead: ScriptedThunderhead,
    clock: StandingClock,
) -> Operations:
    clock.advance(60)
    allowed = {"oms-letters"}
    return Operations(
        interrupted,
        reference_data,
        earlier_documents(interrupted, thunderhead, clock),
        Recorder("test", "oms-document-status"),
        lambda topic: topic if topic in allowed else "oms-document-status",
        clock,
    )


def claim(store: SqlStore, clock: StandingClock) -> None:
    now = clock()
    store.write(lambda tx: tx.claimed.take(RequestStatus.RECEIVED, UUID(int=9), now, now, limit=10))


def read(store: SqlStore) -> DocumentRequest:
    found = store.read(lambda tx: tx.requests.get(REQUEST.request_id))
    assert found
    return found


def events(engine: Engine) -> list[tuple[str, dict[str, object]]]:
    with engine.begin() as connection:
        rows = connection.execute(select(outbox.c.topic, outbox.c.payload))
        return [(row.topic, json.loads(row.payload)) for row in rows]


def test_a_received_request_is_cancelled_with_history_and_event(
    operations: Operations, store: SqlStore, engine: Engine, clock: StandingClock
) -> None:
    cancelled = operations.cancel(REQUEST.request_id, CALLER)
    assert cancelled == read(store)
    assert cancelled.status is RequestStatus.FAILED
    assert cancelled.failure
    assert cancelled.failure.category is FailureCategory.CANCELLED
    assert cancelled.completed_at == cancelled.updated_at == clock()
    [entry] = store.read(lambda tx: tx.history.of(REQUEST.request_id))
    assert (entry.from_status, entry.to_status) == (RequestStatus.RECEIVED, RequestStatus.FAILED)
    assert (entry.actor, entry.at) == ("arcade", clock())
    [(topic, event)] = events(engine)
    assert topic == "oms-document-status"
    assert event["type"] == "oms.documentrequest.failed.v1"
    assert event["data"] == to_resource(cancelled)


@pytest.mark.parametrize(
    ("configured", "topic"),
    [("oms-letters", "oms-letters"), ("not-allowed", "oms-document-status")],
)
def test_its_event_goes_where_processing_would_have_sent_it(
    operations: Operations,
    engine: Engine,
    reference_data: FakeReferenceData,
    configured: str,
    topic: str,
) -> None:
    reference_data.rows = [
        ConfigurationRow(
            "1", "0", "*", "TOPIC_NAME", configured, date(2020, 1, 1), date(4712, 12, 31)
        )
    ]
    operations.cancel(REQUEST.request_id, CALLER)
    assert [found for found, _ in events(engine)] == [topic]


def test_a_request_that_is_no_longer_received_is_not_cancelled(
    operations: Operations, store: SqlStore, engine: Engine, clock: StandingClock
) -> None:
    claim(store, clock)
    with pytest.raises(ActionRefused) as refused:
        operations.cancel(REQUEST.request_id, CALLER)
    assert refused.value.code == "NOT_CANCELLABLE"
    assert "PROCESSING" in str(refused.value)
    assert read(store).status is RequestStatus.PROCESSING
    assert events(engine) == []


def test_a_cancelled_request_is_not_cancelled_again(operations: Operations, engine: Engine) -> None:
    operations.cancel(REQUEST.request_id, CALLER)
    with pytest.raises(ActionRefused):
        operations.cancel(REQUEST.request_id, CALLER)
    assert len(events(engine)) == 1


def test_a_claim_that_is_faster_wins(
    operations: Operations,
    interrupted: InterruptedStore,
    store: SqlStore,
    engine: Engine,
    clock: StandingClock,
) -> None:
    interrupted.before_writes.append(lambda: claim(store, clock))
    with pytest.raises(ActionRefused) as refused:
        operations.cancel(REQUEST.request_id, CALLER)
    assert "PROCESSING" in str(refused.value)
    assert read(store).status is RequestStatus.PROCESSING
    assert store.read(lambda tx: tx.history.of(REQUEST.request_id)) == []
    assert events(engine) == []


def test_a_caller_cancels_only_what_it_may_see(operations: Operations, store: SqlStore) -> None:
    with pytest.raises(RequestNotFound):
        operations.cancel(REQUEST.request_id, Caller("nova", frozenset({"NOVA"})))
    with pytest.raises(RequestNotFound):
        operations.cancel(UUID(int=99), CALLER)
    assert read(store).status is RequestStatus.RECEIVED


def test_nothing_changes_while_the_topic_cannot_be_known(
    operations: Operations, store: SqlStore, reference_data: FakeReferenceData
) -> None:
    reference_data.is_out = True
    with pytest.raises(ReferenceDataUnavailable):
        operations.cancel(REQUEST.request_id, CALLER)
    assert read(store).status is RequestStatus.RECEIVED
