"""One order for many requests: each on its own terms, with its own result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.composition import System
from shared.domain.models import DocumentRequest
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.jobs.bulk import BulkOperations, BulkResult
from shared.jobs.console_models import ActionFilter, Position
from shared.jobs.queries import Caller, Page, Queries
from shared.jobs.request_storage import RequestFilter
from tests.integration.jobs.world import World, invoice

OPERATOR = Caller("operator")
WHY = "mended"
CANCELLED = RequestFilter(failure_category=FailureCategory.CANCELLED)


def cancelled(world: World, system: System, count: int) -> list[UUID]:
    """Requests that are FAILED, their events published."""
    ids = world.submit_invoices(system, count)
    results = system.bulk.cancel(dict.fromkeys(ids), OPERATOR, WHY)
    assert [result.request_id for result in results if result.is_done] == ids
    system.monitoring.run()
    return ids


def codes(results: list[BulkResult]) -> dict[UUID, str | None]:
    return {result.request_id: result.code for result in results}


def test_each_of_the_selected_has_its_own_result(world: World) -> None:
    system = world.system()
    done, again, changed = cancelled(world, system, 3)
    system.operations.reprocess(again, OPERATOR, WHY)
    unknown = uuid4()
    version = world.get(system, done).version
    selected = {done: version, again: None, changed: 1, unknown: None}

    results = system.bulk.reprocess(selected, OPERATOR, WHY)
    assert codes(list(results)) == {
        done: None,
        again: "NOT_REPROCESSABLE",
        changed: "CHANGED_MEANWHILE",
        unknown: "NO_SUCH_REQUEST",
    }
    assert [result.is_done for result in results] == [True, False, False, False]
    assert results[0].request == world.get(system, done)
    assert all(result.message for result in results[1:])
    assert world.get(system, changed).status is RequestStatus.FAILED
    outcomes = [
        action.outcome for action in system.audit.page(ActionFilter(), 4, None, OPERATOR).actions
    ]
    assert outcomes == ["NO_SUCH_REQUEST", "CHANGED_MEANWHILE", "NOT_REPROCESSABLE", "DONE"]


def test_all_that_match_are_reprocessed_step_by_step(world: World) -> None:
    system = world.system()
    ids = cancelled(world, system, 7)
    (received,) = world.submit(system, [invoice("ANOTHER")])
    assert system.queries.count(CANCELLED, 1000, OPERATOR).number == 7
    done: list[UUID] = []
    steps = 0
    position: Position | None = None
    while True:
        step = system.bulk.reprocess_matching(CANCELLED, 3, position, OPERATOR, WHY)
        steps += 1
        done += [result.request_id for result in step.results if result.is_done]
        position = step.next_position
        if position is None:
            break
    assert steps == 3
    assert sorted(done) == sorted(ids)
    assert {world.get(system, one).generation for one in ids} == {2}
    assert world.get(system, received).generation == 1


def test_what_is_refused_does_not_come_again(world: World) -> None:
    """The loop ends, also where nothing could be done."""
    system = world.system()
    ids = world.submit_invoices(system, 3)
    system.bulk.cancel(dict.fromkeys(ids), OPERATOR, WHY)
    first = system.bulk.reprocess_matching(CANCELLED, 2, None, OPERATOR, WHY)
    second = system.bulk.reprocess_matching(CANCELLED, 2, first.next_position, OPERATOR, WHY)
    assert second.next_position is None
    results = [*first.results, *second.results]
    assert codes(results) == dict.fromkeys(ids, "EVENT_UNPUBLISHED")


def test_what_has_changed_since_it_matched_is_refused(world: World) -> None:
    system = world.system()
    (one,) = cancelled(world, system, 1)

    class Late(Queries):
        """By the time that its pages are used, the requests have changed."""

        def page(self, *arguments: Any) -> Page:
            page = super().page(*arguments)
            return replace(page, requests=[replace(r, version=1) for r in page.requests])

    bulk = BulkOperations(system.operations, Late(system.store), world.clock)
    step = bulk.reprocess_matching(CANCELLED, 9, None, OPERATOR, WHY)
    assert codes([*step.results]) == {one: "CHANGED_MEANWHILE"}
    assert world.get(system, one).status is RequestStatus.FAILED


@pytest.fixture
def slow(world: World, monkeypatch: pytest.MonkeyPatch) -> System:
    """A system of which each order takes 25 s."""
    system = world.system()
    cancel = system.operations.cancel

    def after_a_while(*arguments: Any, **more: Any) -> DocumentRequest:
        world.clock.advance(25)
        return cancel(*arguments, **more)

    monkeypatch.setattr(system.operations, "cancel", after_a_while)
    return system


def test_a_call_that_takes_long_ends_early(world: World, slow: System) -> None:
    ids = world.submit_invoices(slow, 5)
    results = slow.bulk.cancel(dict.fromkeys(ids), OPERATOR, WHY)
    assert [(result.request_id, result.is_done) for result in results] == [
        (one, True) for one in ids[:3]
    ]


def test_a_step_that_takes_long_goes_on_where_it_ended(world: World, slow: System) -> None:
    ids = world.submit_invoices(slow, 5)
    where = RequestFilter(document_name="IVZRECPA")
    first = slow.bulk.cancel_matching(where, 9, None, OPERATOR, WHY)
    assert first.next_position
    second = slow.bulk.cancel_matching(where, 9, first.next_position, OPERATOR, WHY)
    assert (len(first.results), len(second.results)) == (3, 2)
    assert second.next_position is None
    done = [result.request_id for result in (*first.results, *second.results)]
    assert sorted(done) == sorted(ids)


def test_all_that_match_are_cancelled(world: World) -> None:
    system = world.system()
    ids = world.submit_invoices(system, 3)
    where = RequestFilter(document_name="IVZRECPA")
    step = system.bulk.cancel_matching(where, 100, None, OPERATOR, WHY)
    assert sorted(result.request_id for result in step.results if result.is_done) == sorted(ids)


def test_only_the_callers_own_are_touched(world: World) -> None:
    system = world.system()
    cancelled(world, system, 2)
    nova = Caller("nova", frozenset({"NOVA"}))
    assert system.bulk.reprocess_matching(CANCELLED, 9, None, nova, WHY).results == []
    assert system.queries.count(CANCELLED, 9, nova).number == 0


def test_a_filter_that_nothing_failed_matches_does_nothing(world: World) -> None:
    system = world.system()
    cancelled(world, system, 1)
    where = RequestFilter(statuses=(RequestStatus.COMPLETED,))
    step = system.bulk.reprocess_matching(where, 9, None, OPERATOR, WHY)
    assert (step.results, step.next_position) == ((), None)


def test_one_call_is_bounded(world: World) -> None:
    system = world.system()
    with pytest.raises(ValueError, match="1000"):
        system.bulk.reprocess({uuid4(): None for _ in range(1001)}, OPERATOR, WHY)
    for limit in (0, 1001):
        with pytest.raises(ValueError, match="1000"):
            system.bulk.reprocess_matching(CANCELLED, limit, None, OPERATOR, WHY)


def test_while_reference_data_is_out_nothing_is_cancelled(world: World) -> None:
    system = world.system(reference_data_base_url="http://127.0.0.1:1")
    other = world.system()
    (one,) = world.submit_invoices(other, 1)
    (result,) = system.bulk.cancel({one: None}, OPERATOR, WHY)
    assert result.code == "REFERENCE_DATA_UNAVAILABLE"
    assert world.get(other, one).status is RequestStatus.RECEIVED
