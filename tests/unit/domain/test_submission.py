from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.statuses import FailureCategory
from shared.domain.submission import (
    Adopt,
    Dissolve,
    Doubt,
    Guarantees,
    Hold,
    Record,
    Resend,
    Wait,
    after_comparison,
    after_lookup,
    decide,
    next_step,
    with_patience,
)
from shared.domain.thunderhead import (
    Accepted,
    CallFailed,
    DocumentProblem,
    DocumentReport,
    DocumentStatus,
    Duplicate,
    Forbidden,
    Found,
    NotFound,
    NotSent,
    Rejected,
    Throttled,
    TooLarge,
    Unexpected,
    Unknown,
)
from tests.unit.domain.builders import NOON, a_batch, ids

CLEAR = a_batch(unknown_since=None)
IN_DOUBT = a_batch(unknown_since=NOON)
FOUR = ids(4)
VISIBILITY = timedelta(seconds=300)


def guarantees(lookup: bool = True, unique: bool = True, most: int = 5) -> Guarantees:
    return Guarantees(lookup, unique, VISIBILITY, most)


def problem(request_id: UUID | str | None, code: str = "BAD") -> DocumentProblem:
    return DocumentProblem(str(request_id) if request_id else None, code, f"{code} it is")


# --- answers to a submission, row by row ----------------------------------------------------


@pytest.mark.parametrize("batch", [CLEAR, IN_DOUBT], ids=["clear", "in doubt"])
@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (Accepted("76647"), Record("76647")),
        (Accepted("76647", 12.0), Record("76647", 12.0)),
        (Duplicate("76647"), Adopt("76647")),
        (Unknown("500"), Doubt("500")),
        (Unknown("503", 120.0), Doubt("503", 120.0)),
        (Unexpected("409"), Hold("409")),
        (NotSent("connection refused"), Wait("connection refused")),
        (Forbidden("403"), Wait("403", is_forbidden=True)),
    ],
)
def test_an_answer_means_the_same_with_and_without_doubt(
    batch: Any, answer: Any, decision: Any
) -> None:
    assert decide(answer, batch, FOUR) == decision


@pytest.mark.parametrize("batch", [CLEAR, IN_DOUBT], ids=["clear", "in doubt"])
@pytest.mark.parametrize("retry_after", [None, 30.0])
def test_throttled_waits_as_long_as_it_is_told_to(batch: Any, retry_after: float | None) -> None:
    decision = decide(Throttled(retry_after), batch, FOUR)
    assert isinstance(decision, Wait)
    assert decision.retry_after == retry_after
    assert decision.pauses


def test_named_documents_fail_and_the_rest_go_on_together() -> None:
    first, second, third, fourth = FOUR
    decision = decide(Rejected((problem(second, "X"), problem(fourth, "Y"))), CLEAR, FOUR)
    assert isinstance(decision, Dissolve)
    assert decision.remaining == ((first, third),)
    failures = {
        request_id: (failure.category, failure.code, failure.message)
        for request_id, failure in decision.failures.items()
    }
    assert failures == {
        second: (FailureCategory.SUBMISSION, "X", "X it is"),
        fourth: (FailureCategory.SUBMISSION, "Y", "Y it is"),
    }


def test_when_every_document_is_named_none_goes_on() -> None:
    decision = decide(Rejected(tuple(map(problem, FOUR))), CLEAR, FOUR)
    assert isinstance(decision, Dissolve)
    assert decision.failures.keys() == set(FOUR)
    assert decision.remaining == ()


@pytest.mark.parametrize(
    "answer",
    [
        Rejected(()),
        Rejected((problem(None),)),
        Rejected((problem("somebody else's"),)),
        Rejected((problem(UUID(int=99)),)),
        TooLarge(),
    ],
)
def test_where_none_of_ours_is_named_the_batch_is_split(answer: Any) -> None:
    decision = decide(answer, CLEAR, FOUR)
    assert decision == Dissolve({}, (FOUR[:2], FOUR[2:]))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Rejected(()), "REJECTED"),
        (Rejected((problem(None, "SCHEMA"),)), "SCHEMA"),
        (TooLarge(), "DOCUMENT_TOO_LARGE"),
    ],
)
def test_the_bad_one_that_is_alone_fails(answer: Any, code: str) -> None:
    decision = decide(answer, CLEAR, FOUR[:1])
    assert isinstance(decision, Dissolve)
    assert decision.remaining == ()
    failure = decision.failures[FOUR[0]]
    assert (failure.category, failure.code) == (FailureCategory.SUBMISSION, code)
    assert failure.message


@pytest.mark.parametrize(
    "answer", [Rejected((problem(FOUR[0]),)), Rejected(()), TooLarge()], ids=repr
)
def test_a_rejection_after_an_unknown_outcome_proves_nothing(answer: Any) -> None:
    assert isinstance(decide(answer, IN_DOUBT, FOUR), Doubt)


# --- the central rule: never dissolve when in doubt -----------------------------------------

texts = st.sampled_from(["", "x", "00000000-0000-0000-0000-000000000002"])
waits = st.none() | st.floats(0, 1e6)
problems = st.lists(
    st.builds(DocumentProblem, st.none() | texts | st.sampled_from(FOUR).map(str), texts, texts),
    max_size=4,
).map(tuple)
proofs = st.builds(Rejected, problems) | st.just(TooLarge())
others = st.one_of(
    st.builds(Accepted, texts, waits),
    st.builds(Duplicate, texts),
    st.builds(Unknown, texts, waits),
    st.builds(Unexpected, texts),
    st.builds(Throttled, waits),
    st.builds(NotSent, texts),
    st.builds(Forbidden, texts),
)
batches = st.builds(
    a_batch,
    unknown_since=st.sampled_from([None, NOON]),
    attempts=st.integers(0, 9),
    failures=st.integers(0, 9),
    in_flight=st.booleans(),
)
any_guarantees = st.builds(guarantees, st.booleans(), st.booleans(), st.integers(1, 5))
counts = st.integers(1, 9)


@given(proofs | others, batches, counts)
def test_nothing_in_doubt_is_ever_dissolved(answer: Any, batch: Any, count: int) -> None:
    decision = decide(answer, batch, ids(count))
    if batch.unknown_since is not None:
        assert not isinstance(decision, Dissolve)


@given(others, batches, counts)
def test_only_a_proof_of_non_acceptance_dissolves(answer: Any, batch: Any, count: int) -> None:
    assert not isinstance(decide(answer, batch, ids(count)), Dissolve)


@given(proofs, counts)
def test_dissolving_keeps_every_document_once_and_in_order(answer: Any, count: int) -> None:
    documents = ids(count)
    decision = decide(answer, CLEAR, documents)
    assert isinstance(decision, Dissolve)
    going_on = [request_id for group in decision.remaining for request_id in group]
    assert going_on == [request_id for request_id in documents if request_id in set(going_on)]
    assert decision.failures.keys() | set(going_on) == set(documents)
    assert len(decision.failures) + len(going_on) == count
    assert all(group and len(group) < count for group in decision.remaining)


@given(st.integers(1, 64), st.data(), st.booleans())
def test_splitting_ends_with_the_bad_ones_alone(count: int, data: Any, named: bool) -> None:
    documents = ids(count)
    bad = set(data.draw(st.lists(st.sampled_from(documents), max_size=4)))
    failed: set[UUID] = set()
    accepted: list[UUID] = []
    pending, sends = [documents], 0
    while pending:
        batch, sends = pending.pop(), sends + 1
        found = bad & set(batch)
        if not found:
            accepted += batch
            continue
        decision = decide(Rejected(tuple(map(problem, found)) if named else ()), CLEAR, batch)
        assert isinstance(decision, Dissolve)
        failed |= decision.failures.keys()
        pending.extend(decision.remaining)
    assert failed == bad
    assert sorted(accepted) == sorted(set(documents) - bad)
    assert sends <= 1 + 2 * len(bad) * 7  # at most two batches a level for each bad one


lookups = (
    st.builds(Found, texts)
    | st.just(NotFound())
    | st.builds(CallFailed, texts, waits, st.booleans())
)
ages = st.timedeltas(timedelta(0), timedelta(days=1))


@given(lookups, batches, any_guarantees, ages)
def test_a_look_up_never_dissolves(lookup: Any, batch: Any, tenant: Any, age: timedelta) -> None:
    assert not isinstance(after_lookup(lookup, batch, tenant, NOON + age), Dissolve)


@given(lookups, batches, any_guarantees, ages)
def test_nothing_is_sent_again_unless_the_tenant_refuses_a_second_batch(
    lookup: Any, batch: Any, tenant: Any, age: timedelta
) -> None:
    batch = replace(batch, unknown_since=batch.unknown_since or NOON)
    decisions = [after_lookup(lookup, batch, tenant, NOON + age), next_step(tenant, batch)]
    if not tenant.reference_unique:
        assert not any(isinstance(decision, Resend) for decision in decisions)


# --- finding out ----------------------------------------------------------------------------


@pytest.mark.parametrize("unique", [True, False])
def test_a_batch_in_doubt_is_looked_up_where_that_can_be_done(unique: bool) -> None:
    assert next_step(guarantees(lookup=True, unique=unique), IN_DOUBT) is None


def test_without_a_look_up_the_identical_bytes_are_sent_again() -> None:
    assert next_step(guarantees(lookup=False, unique=True), IN_DOUBT) == Resend()


@pytest.mark.parametrize("lookup", [True, False])
@pytest.mark.parametrize("unique", [True, False])
def test_what_is_not_in_doubt_or_ordered_by_a_person_is_sent(lookup: bool, unique: bool) -> None:
    ordered = replace(IN_DOUBT, resend_ordered_at=NOON)
    for batch in (CLEAR, ordered):
        assert next_step(guarantees(lookup=lookup, unique=unique), batch) == Resend()


def test_without_a_look_up_and_without_unique_references_a_person_decides() -> None:
    assert isinstance(next_step(guarantees(lookup=False, unique=False), IN_DOUBT), Hold)


@pytest.mark.parametrize("unique", [True, False])
def test_a_batch_that_is_found_is_adopted(unique: bool) -> None:
    found = after_lookup(Found("76647"), IN_DOUBT, guarantees(unique=unique), NOON)
    assert found == Adopt("76647")


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("retry_after", [None, 7.0])
def test_a_look_up_that_failed_says_nothing(unique: bool, retry_after: float | None) -> None:
    failed = CallFailed("503", retry_after)
    later = NOON + 10 * VISIBILITY
    decision = after_lookup(failed, IN_DOUBT, guarantees(unique=unique), later)
    assert decision == Doubt("503", retry_after)


def test_a_look_up_that_is_refused_makes_everybody_wait() -> None:
    refused = CallFailed("429", 7.0, refused=True)
    assert after_lookup(refused, IN_DOUBT, guarantees(), NOON) == Wait("429", 7.0)


@pytest.mark.parametrize(
    ("age", "clears"), [(timedelta(0), False), (VISIBILITY, True), (2 * VISIBILITY, True)]
)
def test_not_found_is_sent_again_where_references_are_unique(age: timedelta, clears: bool) -> None:
    """Past the visibility window nothing found proves that nothing was accepted."""
    decision = after_lookup(NotFound(), IN_DOUBT, guarantees(), NOON + age)
    assert decision == Resend(clears_doubt=clears)


@pytest.mark.parametrize(
    ("age", "kind"),
    [
        (timedelta(0), Wait),
        (VISIBILITY - timedelta(milliseconds=1), Wait),
        (VISIBILITY, Hold),
        (2 * VISIBILITY, Hold),
    ],
)
def test_not_found_is_looked_up_through_the_window_then_held_where_they_are_not(
    age: timedelta, kind: type
) -> None:
    assert isinstance(
        after_lookup(NotFound(), IN_DOUBT, guarantees(unique=False), NOON + age), kind
    )


def test_waiting_for_a_batch_to_be_visible_stops_nobody_else() -> None:
    decision = after_lookup(NotFound(), IN_DOUBT, guarantees(unique=False), NOON)
    assert isinstance(decision, Wait)
    assert not decision.pauses


def test_the_window_begins_with_the_latest_send_in_doubt() -> None:
    sent_again = a_batch(unknown_since=NOON, last_send_at=NOON + VISIBILITY)
    decision = after_lookup(NotFound(), sent_again, guarantees(unique=False), NOON + VISIBILITY)
    assert isinstance(decision, Hold)


# --- patience -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempts", "kind"), [(0, Resend), (4, Resend), (5, Hold), (6, Hold), (99, Hold)]
)
def test_too_many_unknown_outcomes_are_held(attempts: int, kind: type) -> None:
    assert isinstance(with_patience(Resend(), attempts, guarantees(most=5)), kind)


@pytest.mark.parametrize(
    "decision", [Record("1"), Dissolve({}, ()), Wait("x"), Doubt("x"), Adopt("1"), Hold("x")]
)
def test_patience_is_only_about_sending_again(decision: Any) -> None:
    assert with_patience(decision, 99, guarantees(most=1)) is decision


# --- is it ours? ----------------------------------------------------------------------------


def reports(*references: object) -> dict[str, DocumentReport]:
    return {str(r): DocumentReport(str(r), DocumentStatus.PENDING) for r in references}


def test_a_batch_with_exactly_our_documents_is_ours() -> None:
    found = reports(*FOUR[::-1])
    assert after_comparison(found, FOUR, "76647", is_visible_by_now=False) == Record("76647")


@pytest.mark.parametrize(
    "found",
    [reports(), reports(*FOUR[:3]), reports(*FOUR, UUID(int=99)), reports("a", "b", "c", "d")],
    ids=["none", "fewer", "more", "others"],
)
def test_a_batch_with_other_documents_is_held(found: dict[str, DocumentReport]) -> None:
    assert isinstance(after_comparison(found, FOUR, "76647", is_visible_by_now=True), Hold)


@pytest.mark.parametrize("found", [reports(), reports(*FOUR[:3])], ids=["none", "fewer"])
def test_documents_may_take_a_while_to_be_visible(found: dict[str, DocumentReport]) -> None:
    decision = after_comparison(found, FOUR, "76647", is_visible_by_now=False)
    assert isinstance(decision, Doubt)


@pytest.mark.parametrize("found", [reports(*FOUR, UUID(int=99)), reports("a", "b", "c", "d")])
def test_documents_of_others_are_never_ours(found: dict[str, DocumentReport]) -> None:
    assert isinstance(after_comparison(found, FOUR, "76647", is_visible_by_now=False), Hold)


def test_documents_that_could_not_be_read_say_nothing() -> None:
    """The batch exists, so the doubt stays: it must not count as not accepted."""
    failed = CallFailed("503", 5.0)
    decision = after_comparison(failed, FOUR, "76647", is_visible_by_now=True)
    assert decision == Doubt("503", 5.0, is_found=True)
