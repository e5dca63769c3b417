from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain import strict_json
from shared.domain.models import NewRequest
from shared.domain.statuses import Priority, RequestStatus
from shared.domain.strict_json import Number
from shared.errors import DatabaseUnavailable, DuplicateCorrelationId
from shared.jobs.intake import (
    Intake,
    Invalid,
    Replayed,
    Reused,
    Stored,
    Unverifiable,
    body_digest,
)
from shared.jobs.request_storage import RequestFilter
from shared.store.database import SqlStore
from tests.unit.domain.builders import NOON, TRACEPARENT
from tests.unit.jobs.fakes import (
    CountingIds,
    FakeReferenceData,
    InterruptedStore,
    StandingClock,
    arrivals,
)

REQUEST = NewRequest(
    source_system="ARCADE",
    request_correlation_id="REQ-1",
    document_type="INVOICE",
    document_name="IVZRECPA",
    language="EN",
    priority=Priority.NORMAL,
    metadata={"INVOICE_ID": "490634", "FOOTER_ID": "2"},
    content={"total": Number("1.10")},
)
OTHER_BODY = replace(REQUEST, content={"total": Number("1.20")})


def numbered(number: int) -> NewRequest:
    return replace(REQUEST, request_correlation_id=f"REQ-{number}")


@pytest.fixture
def racing(store: SqlStore) -> InterruptedStore:
    return InterruptedStore(store)


@pytest.fixture
def intake(
    racing: InterruptedStore,
    reference_data: FakeReferenceData,
    clock: StandingClock,
    new_id: CountingIds,
) -> Intake:
    return Intake(racing, reference_data, clock, new_id)


def submit(intake: Intake, *requests: NewRequest) -> list[Any]:
    return intake.submit(arrivals(requests, "arcade"))


def count(store: SqlStore) -> int:
    return len(store.read(lambda tx: tx.requests.page(RequestFilter(), 1000, None)))


def test_a_request_is_stored_whole_with_its_first_transition(
    intake: Intake, store: SqlStore
) -> None:
    [answer] = submit(intake, REQUEST)
    assert isinstance(answer, Stored)
    request_id = answer.request.request_id
    stored = store.read(lambda tx: tx.requests.get(request_id))
    assert stored == answer.request
    assert stored.status is RequestStatus.RECEIVED
    assert (stored.generation, stored.received_at, stored.updated_at) == (1, NOON, NOON)
    assert stored.traceparent == TRACEPARENT
    assert stored.metadata == REQUEST.metadata
    contents = store.read(lambda tx: tx.requests.contents([request_id]))
    assert contents == {request_id: '{"total":1.10}'}
    [entry] = store.read(lambda tx: tx.history.of(request_id))
    assert (entry.from_status, entry.to_status) == (None, RequestStatus.RECEIVED)
    assert (entry.at, entry.actor) == (NOON, "arcade")


# --- the same pair again --------------------------------------------------------------------


def test_the_same_request_again_is_answered_with_the_first(intake: Intake, store: SqlStore) -> None:
    [first] = submit(intake, REQUEST)
    [again] = submit(intake, replace(REQUEST, metadata=dict(reversed(REQUEST.metadata.items()))))
    assert again == Replayed(first.request)
    assert count(store) == 1


def test_another_body_under_the_same_pair_is_refused(intake: Intake, store: SqlStore) -> None:
    [first] = submit(intake, REQUEST)
    assert submit(intake, OTHER_BODY) == [Reused(first.request.request_id)]
    assert count(store) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"document_type": "LETTER"},
        {"document_name": "OTHER"},
        {"language": "DE"},
        {"priority": Priority.HIGH},
        {"metadata": {}},
        {"metadata": {"INVOICE_ID": "490635", "FOOTER_ID": "2"}},
        {"content": {}},
        {"content": {"total": Number("1.1")}},
    ],
)
def test_every_field_is_part_of_the_body(intake: Intake, change: dict[str, Any]) -> None:
    [first] = submit(intake, REQUEST)
    assert submit(intake, replace(REQUEST, **change)) == [Reused(first.request.request_id)]


def test_pairs_differ_in_case_and_in_their_source_system(intake: Intake, store: SqlStore) -> None:
    answers = submit(
        intake,
        REQUEST,
        replace(REQUEST, request_correlation_id="req-1"),
        replace(REQUEST, source_system="NOVA"),
    )
    assert all(isinstance(answer, Stored) for answer in answers)
    assert count(store) == 3


def test_a_replay_is_answered_while_reference_data_is_out(
    intake: Intake, reference_data: FakeReferenceData
) -> None:
    [first] = submit(intake, REQUEST)
    reference_data.is_out = True
    calls = reference_data.calls
    assert submit(intake, REQUEST) == [Replayed(first.request)]
    assert submit(intake, OTHER_BODY) == [Reused(first.request.request_id)]
    assert reference_data.calls == calls


def test_a_replay_is_answered_when_its_codes_have_closed(
    intake: Intake, reference_data: FakeReferenceData
) -> None:
    [first] = submit(intake, REQUEST)
    reference_data.by_type["LANGUAGE"] = set()
    assert submit(intake, REQUEST) == [Replayed(first.request)]


# --- codes ----------------------------------------------------------------------------------


def test_nothing_is_called_invalid_while_reference_data_is_out(
    intake: Intake, store: SqlStore, reference_data: FakeReferenceData
) -> None:
    reference_data.is_out = True
    assert submit(intake, REQUEST, replace(REQUEST, language="XX")) == [Unverifiable()] * 2
    assert reference_data.calls == 1, "one waits for the answer, not each"
    assert count(store) == 0


def test_an_outage_in_the_middle_of_the_check_is_an_outage(
    intake: Intake, store: SqlStore, reference_data: FakeReferenceData
) -> None:
    class Failing(set[str]):
        def __contains__(self, code: object) -> bool:
            reference_data.is_out = True
            return False

    reference_data.by_type["SOURCE_SYSTEM"] = Failing()
    assert submit(intake, REQUEST) == [Unverifiable()]
    assert count(store) == 0


def test_each_code_that_is_not_in_effect_is_named(intake: Intake, store: SqlStore) -> None:
    wrong = replace(
        REQUEST,
        source_system="A",
        document_type="B",
        document_name="C",
        language="D",
        metadata={"INVOICE_ID": "1", "UNKNOWN": "2"},
    )
    [answer] = submit(intake, wrong)
    assert isinstance(answer, Invalid)
    fields = [violation.field for violation in answer.violations]
    assert fields == [
        "sourceSystem",
        "documentType",
        "documentName",
        "language",
        "metadata.UNKNOWN",
    ]
    assert all("2026-03-02" in violation.message for violation in answer.violations)
    assert count(store) == 0


# --- several in one call --------------------------------------------------------------------


def test_each_is_taken_on_its_own_terms_and_answered_in_order(
    intake: Intake, store: SqlStore
) -> None:
    [known] = submit(intake, numbered(1))
    answers = submit(
        intake,
        numbered(2),
        replace(numbered(3), language="XX"),
        numbered(1),
        replace(numbered(1), language="DE"),
        numbered(4),
    )
    kinds = [type(answer) for answer in answers]
    assert kinds == [Stored, Invalid, Replayed, Reused, Stored]
    assert answers[0].request.request_correlation_id == "REQ-2"
    assert answers[2].request == known.request
    assert answers[4].request.request_correlation_id == "REQ-4"
    assert count(store) == 3


def test_the_accepted_ones_are_stored_in_one_transaction(
    intake: Intake, racing: InterruptedStore
) -> None:
    submit(intake, *map(numbered, range(20)))
    assert racing.writes == 1


def test_repeats_inside_a_call_follow_the_same_rule_in_index_order(
    intake: Intake, store: SqlStore
) -> None:
    first, again, other, once_more = submit(intake, REQUEST, REQUEST, OTHER_BODY, REQUEST)
    assert isinstance(first, Stored)
    assert again == once_more == Replayed(first.request)
    assert other == Reused(first.request.request_id)
    assert count(store) == 1


def test_a_refused_one_does_not_take_the_pair(intake: Intake) -> None:
    invalid, valid = submit(intake, replace(REQUEST, language="XX"), REQUEST)
    assert isinstance(invalid, Invalid)
    assert isinstance(valid, Stored)


def test_no_request_is_no_work(intake: Intake, racing: InterruptedStore) -> None:
    assert submit(intake) == []
    assert racing.writes == 0


# --- races ----------------------------------------------------------------------------------


@pytest.fixture
def rival(
    store: SqlStore, reference_data: FakeReferenceData, clock: StandingClock, new_id: CountingIds
) -> Intake:
    """Another instance of the API, on the same database."""
    return Intake(store, reference_data, clock, new_id)


def test_the_loser_of_a_race_reads_the_winners_row(
    intake: Intake, racing: InterruptedStore, rival: Intake, store: SqlStore
) -> None:
    winners: list[Any] = []
    racing.before_writes.append(lambda: winners.extend(submit(rival, REQUEST)))
    assert submit(intake, REQUEST) == [Replayed(winners[0].request)]
    assert count(store) == 1


def test_the_loser_with_another_body_is_told_so(
    intake: Intake, racing: InterruptedStore, rival: Intake
) -> None:
    winners: list[Any] = []
    racing.before_writes.append(lambda: winners.extend(submit(rival, OTHER_BODY)))
    assert submit(intake, REQUEST) == [Reused(winners[0].request.request_id)]


def test_a_lost_race_costs_the_rest_of_the_call_nothing(
    intake: Intake, racing: InterruptedStore, rival: Intake, store: SqlStore
) -> None:
    racing.before_writes.append(lambda: submit(rival, numbered(2)))
    racing.before_writes.append(lambda: submit(rival, numbered(3)))
    invalid = replace(numbered(9), language="XX")
    answers = submit(intake, numbered(1), numbered(2), invalid, numbered(3), numbered(1))
    assert [type(answer) for answer in answers] == [Stored, Replayed, Invalid, Replayed, Replayed]
    assert count(store) == 3


def test_races_without_end_are_given_up(intake: Intake, racing: InterruptedStore) -> None:
    class Teasing(InterruptedStore):
        def write(self, work: Any) -> Any:
            raise DuplicateCorrelationId

    intake._store = Teasing(racing._store)
    with pytest.raises(DatabaseUnavailable):
        submit(intake, REQUEST)


# --- a slow obvious oracle ------------------------------------------------------------------

items = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(["EN", "XX"]),
        st.sampled_from([Number("1"), Number("2")]),
    ),
    max_size=6,
)


@given(st.lists(items, max_size=2))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_calls_are_answered_as_if_their_items_came_one_by_one(
    intake: Intake, new_id: CountingIds, calls: list[list[tuple[int, str, Number]]]
) -> None:
    example = new_id()  # the database outlives an example
    known: dict[str, tuple[str, UUID]] = {}
    for call in calls:
        requests = [
            replace(
                REQUEST,
                request_correlation_id=f"{example}/{number}",
                language=language,
                content={"n": value},
            )
            for number, language, value in call
        ]
        for request, answer in zip(requests, submit(intake, *requests), strict=True):
            key, digest = request.request_correlation_id, body_digest(request)
            if key in known:
                first_digest, request_id = known[key]
                if digest == first_digest:
                    assert isinstance(answer, Replayed)
                    assert answer.request.request_id == request_id
                else:
                    assert answer == Reused(request_id)
            elif request.language != "EN":
                assert isinstance(answer, Invalid)
            else:
                assert isinstance(answer, Stored)
                known[key] = (digest, answer.request.request_id)


def test_the_digest_is_that_of_the_body_as_the_contract_names_its_fields() -> None:
    assert body_digest(REQUEST) == strict_json.digest(
        strict_json.loads(
            b'{"sourceSystem":"ARCADE","requestCorrelationId":"REQ-1","documentType":"INVOICE",'
            b'"documentName":"IVZRECPA","language":"EN","priority":"NORMAL","metadata":'
            b'{"INVOICE_ID":"490634","FOOTER_ID":"2"},"content":{"total":1.10}}'
        )
    )
