"""The audit: every order of a person, the refused ones too, in the transaction that obeyed it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from shared.composition import System
from shared.domain.statuses import RequestStatus
from shared.errors import ActionRefused, RequestNotFound
from shared.jobs.console_models import ActionFilter, ActionName, OperatorAction, TargetKind
from shared.jobs.queries import Caller
from tests.integration.jobs.world import World, WorldStarter

OPERATOR = Caller("operator")
WHY = "the customer called"


def actions(system: System, **where: Any) -> list[OperatorAction]:
    """Everything, oldest first."""
    page = system.audit.page(ActionFilter(**where), 100, None, OPERATOR)
    assert page.next_position is None
    return list(page.actions)[::-1]


def outcomes(system: System, **where: Any) -> list[tuple[ActionName, str, str]]:
    return [(one.action, one.target_id, one.outcome) for one in actions(system, **where)]


def refused(act: Any, *arguments: Any, **guard: Any) -> str:
    with pytest.raises(ActionRefused) as refusal:
        act(*arguments, OPERATOR, WHY, **guard)
    return refusal.value.code


def test_what_is_done_to_a_request_is_recorded(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    system.operations.cancel(one, OPERATOR, WHY)
    assert refused(system.operations.reprocess, one) == "EVENT_UNPUBLISHED"
    system.monitoring.run()
    system.operations.reprocess(one, OPERATOR, WHY)
    assert refused(system.operations.publish_again, one) == "NOT_SET_ASIDE"
    assert refused(system.operations.cancel, one, version=1) == "CHANGED_MEANWHILE"
    unknown = uuid4()
    with pytest.raises(RequestNotFound):
        system.operations.reprocess(unknown, OPERATOR, WHY)

    assert outcomes(system) == [
        (ActionName.CANCEL, str(one), "DONE"),
        (ActionName.REPROCESS, str(one), "EVENT_UNPUBLISHED"),
        (ActionName.REPROCESS, str(one), "DONE"),
        (ActionName.PUBLISH_AGAIN, str(one), "NOT_SET_ASIDE"),
        (ActionName.CANCEL, str(one), "CHANGED_MEANWHILE"),
        (ActionName.REPROCESS, str(unknown), "NO_SUCH_REQUEST"),
    ]
    for action in actions(system):
        assert (action.actor, action.reason, action.at) == ("operator", WHY, world.clock())
        assert action.target_kind is TargetKind.REQUEST


def test_a_source_system_that_takes_its_request_back_is_no_operator(world: World) -> None:
    system = world.system()
    (one,) = world.submit_invoices(system, 1)
    system.operations.cancel(one, Caller("arcade", frozenset({"ARCADE"})))
    with pytest.raises(ActionRefused):
        system.operations.cancel(one, Caller("arcade", frozenset({"ARCADE"})))
    assert actions(system) == []


def test_pausing_and_resuming_is_recorded(world: World) -> None:
    system = world.system()
    system.submissions.pause(OPERATOR, WHY)
    system.submissions.pause(OPERATOR, WHY, "1709524441")
    system.submissions.resume(OPERATOR, WHY)
    assert refused(system.submissions.resume) == "NOT_PAUSED"
    assert outcomes(system) == [
        (ActionName.PAUSE, "submissions", "DONE"),
        (ActionName.PAUSE, "submissions:1709524441", "DONE"),
        (ActionName.RESUME, "submissions", "DONE"),
        (ActionName.RESUME, "submissions", "NOT_PAUSED"),
    ]


def test_a_decision_on_what_is_held_is_recorded(start: WorldStarter) -> None:
    world = start(references_unique=False, lookup_supported=False)
    system = world.system(thunderhead_reference_unique=False, thunderhead_lookup_supported=False)
    world.submit_invoices(system, 2)
    world.arm({"operation": "submit", "kind": "reset-before", "times": 1})
    world.drain(system)
    (held,) = system.held.waiting(9)
    batch_id, nobodys = held.batch.batch_id, uuid4()
    assert refused(system.held.adopt, batch_id, "4711") == "NOT_OURS"
    assert refused(system.held.abandon, nobodys) == "NO_SUCH_BATCH"
    system.held.delivered(batch_id, OPERATOR, WHY)
    assert refused(system.held.resend, batch_id) == "NOT_HELD"
    assert outcomes(system) == [
        (ActionName.ADOPT, str(batch_id), "NOT_OURS"),
        (ActionName.ABANDON, str(nobodys), "NO_SUCH_BATCH"),
        (ActionName.DELIVERED, str(batch_id), "DONE"),
        (ActionName.RESEND, str(batch_id), "NOT_HELD"),
    ]


def test_what_was_not_committed_was_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is part of the transaction: without it, the order is not carried out."""
    system = world.system()
    (one,) = world.submit_invoices(system, 1)

    def fails(*_: object) -> None:
        raise RuntimeError("the record cannot be written")

    monkeypatch.setattr("shared.store.operator_actions.OperatorActionsTable.add", fails)
    with pytest.raises(RuntimeError):
        system.operations.cancel(one, OPERATOR, WHY)
    assert world.get(system, one).status is RequestStatus.RECEIVED


def test_it_is_read_page_by_page_newest_first(world: World) -> None:
    system = world.system()
    ids = world.submit_invoices(system, 5)
    for one in ids:
        system.operations.cancel(one, OPERATOR, WHY)
    seen: list[str] = []
    position = None
    while True:
        page = system.audit.page(ActionFilter(), 2, position, OPERATOR)
        seen += [action.target_id for action in page.actions]
        position = page.next_position
        if position is None:
            break
    assert seen == [str(one) for one in reversed(ids)]


def test_it_is_narrowed_by_who_what_and_on_what(world: World) -> None:
    system = world.system()
    one, two = world.submit_invoices(system, 2)
    system.operations.cancel(one, OPERATOR, WHY)
    system.operations.cancel(two, Caller("another"), WHY)
    system.submissions.pause(OPERATOR, WHY)
    assert outcomes(system, actor="another") == [(ActionName.CANCEL, str(two), "DONE")]
    assert outcomes(system, action=ActionName.PAUSE) == [(ActionName.PAUSE, "submissions", "DONE")]
    assert outcomes(system, target_kind=TargetKind.REQUEST, target_id=str(one)) == [
        (ActionName.CANCEL, str(one), "DONE")
    ]


def test_who_is_not_entitled_to_every_source_system_sees_none(world: World) -> None:
    system = world.system()
    system.submissions.pause(OPERATOR, WHY)
    some = Caller("arcade", frozenset({"ARCADE"}))
    assert system.audit.page(ActionFilter(), 10, None, some).actions == ()
