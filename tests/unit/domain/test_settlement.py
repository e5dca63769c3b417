from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import settlement
from shared.domain.models import Output
from shared.domain.settlement import is_ended, is_overdue, time_out
from shared.domain.statuses import FailureCategory
from shared.domain.thunderhead import BatchReport, DocumentReport, DocumentStatus
from tests.unit.domain.builders import NOON, ids

UNDER_WAY = ["QUEUED", "RUNNING", "PAUSED", "STOPPING"]
ENDED_WELL = ["COMPLETED", "FINISHED", "COMPLETED_WITH_ERRORS"]
ENDED_BADLY = ["FAILED", "ERRORED", "STOPPED", "CANCELLED"]
DONE, REFUSED, STOPPED, PENDING, MISSING = ids(5)
EXPECTED = ids(5)
OUTPUTS = (Output("PRINT", "application/pdf", 2, "IVZRECPA", "parts/1"),)
DAY = timedelta(days=1)


def report_of(request_id: object, status: DocumentStatus, **values: Any) -> DocumentReport:
    return DocumentReport(str(request_id), status, **values)


DOCUMENTS = {
    report.document_reference: report
    for report in (
        report_of(DONE, DocumentStatus.COMPLETED, outputs=OUTPUTS),
        report_of(
            REFUSED, DocumentStatus.FAILED, error_code="FONT", error_message="A font is missing."
        ),
        report_of(STOPPED, DocumentStatus.STOPPED),
        report_of(PENDING, DocumentStatus.PENDING),
    )
}


def settle(vendor_status: str, *, grace_is_over: bool) -> settlement.Settlement:
    return settlement.settle(
        EXPECTED, BatchReport(vendor_status), DOCUMENTS, grace_is_over=grace_is_over
    )


# --- the batch ------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor_status", ENDED_WELL + ENDED_BADLY)
def test_these_statuses_end_a_batch(vendor_status: str) -> None:
    assert is_ended(BatchReport(vendor_status))


@pytest.mark.parametrize("vendor_status", [*UNDER_WAY, "ARCHIVING", "", "completed "])
def test_these_and_unknown_ones_keep_it_polled(vendor_status: str) -> None:
    assert not is_ended(BatchReport(vendor_status))


# --- its documents --------------------------------------------------------------------------


@pytest.mark.parametrize("grace_is_over", [False, True])
@pytest.mark.parametrize("vendor_status", ENDED_WELL + ENDED_BADLY)
def test_a_document_with_an_outcome_has_it_however_the_batch_ended(
    vendor_status: str, grace_is_over: bool
) -> None:
    found = settle(vendor_status, grace_is_over=grace_is_over)
    assert found.completed == {DONE: OUTPUTS}
    refused, stopped = found.failed[REFUSED], found.failed[STOPPED]
    assert (refused.category, refused.code) == (FailureCategory.GENERATION, "FONT")
    assert refused.message == "A font is missing."
    assert (stopped.category, stopped.code) == (FailureCategory.GENERATION, "STOPPED")
    assert stopped.message


@pytest.mark.parametrize("vendor_status", ENDED_WELL + ENDED_BADLY)
def test_pending_and_missing_documents_have_a_period_of_grace(vendor_status: str) -> None:
    found = settle(vendor_status, grace_is_over=False)
    assert found.open == {PENDING, MISSING}
    assert found.held == frozenset()
    assert found.failed.keys() == {REFUSED, STOPPED}
    assert not found.is_final


@pytest.mark.parametrize("vendor_status", ENDED_BADLY)
def test_after_it_those_of_a_batch_that_ended_badly_fail(vendor_status: str) -> None:
    found = settle(vendor_status, grace_is_over=True)
    assert found.is_final
    assert found.held == frozenset()
    for request_id in (PENDING, MISSING):
        assert found.failed[request_id].category is FailureCategory.GENERATION
        assert vendor_status in found.failed[request_id].message


@pytest.mark.parametrize("vendor_status", ENDED_WELL)
def test_after_it_those_of_a_batch_that_ended_well_are_held(vendor_status: str) -> None:
    found = settle(vendor_status, grace_is_over=True)
    assert found.is_final
    assert found.held == {PENDING, MISSING}
    assert found.failed.keys() == {REFUSED, STOPPED}


def test_a_failure_without_words_gets_some() -> None:
    documents = {str(DONE): report_of(DONE, DocumentStatus.FAILED)}
    found = settlement.settle([DONE], BatchReport("FAILED"), documents, grace_is_over=False)
    assert found.failed[DONE].code
    assert found.failed[DONE].message


def test_documents_of_others_are_left_alone() -> None:
    found = settlement.settle([DONE], BatchReport("COMPLETED"), DOCUMENTS, grace_is_over=True)
    assert found == settlement.Settlement(completed={DONE: OUTPUTS})


some_documents = st.dictionaries(
    st.sampled_from(EXPECTED).map(str),
    st.builds(DocumentReport, st.just(""), st.sampled_from(DocumentStatus)),
)


@given(st.sampled_from(ENDED_WELL + ENDED_BADLY), some_documents, st.booleans())
def test_every_document_is_in_exactly_one_place(
    vendor_status: str, documents: dict[str, DocumentReport], grace_is_over: bool
) -> None:
    found = settlement.settle(
        EXPECTED, BatchReport(vendor_status), documents, grace_is_over=grace_is_over
    )
    placed = [*found.completed, *found.failed, *found.held, *found.open]
    assert sorted(placed) == sorted(EXPECTED)
    assert found.is_final == (not found.open)
    assert found.is_final or not grace_is_over


# --- the deadline ---------------------------------------------------------------------------


def test_past_the_deadline_what_is_not_done_times_out() -> None:
    found = time_out(EXPECTED, DOCUMENTS, DAY)
    assert found.is_final
    assert found.completed == {DONE: OUTPUTS}
    assert found.failed[REFUSED].category is FailureCategory.GENERATION
    for request_id in (STOPPED, PENDING, MISSING):
        assert found.failed[request_id].category is FailureCategory.TIMEOUT
        assert "86400 seconds" in found.failed[request_id].message


@given(some_documents)
def test_past_the_deadline_every_document_has_an_outcome(
    documents: dict[str, DocumentReport],
) -> None:
    found = time_out(EXPECTED, documents, DAY)
    assert sorted([*found.completed, *found.failed]) == sorted(EXPECTED)
    assert not found.held


@pytest.mark.parametrize(
    ("age", "overdue"),
    [(timedelta(0), False), (DAY, False), (DAY + timedelta(milliseconds=1), True)],
)
def test_a_batch_has_its_whole_time(age: timedelta, overdue: bool) -> None:
    assert is_overdue(NOON, NOON + age, DAY) == overdue
