"""An operator pauses submissions, all or those of one batch configuration."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.statuses import RequestStatus
from shared.errors import ActionRefused
from shared.jobs.queries import Caller
from tests.integration.jobs.world import World, invoice, rows

OPERATOR = Caller("operator")
WHY = "wrong letterhead"


def test_nothing_is_submitted_until_somebody_resumes(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 3)
    system.submissions.pause(OPERATOR, WHY)

    for _ in range(3):
        assert system.processing.run()["claimed"] == 0
        world.clock.advance(3600)
    assert world.statuses(system) == {RequestStatus.RECEIVED: 3}
    assert world.calls()["submit"] == 0
    (pause,) = system.queries.readiness().pauses
    assert (pause.until, pause.actor, pause.reason) == (None, "operator", WHY)

    system.submissions.resume(OPERATOR, WHY)
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 3}


def test_polls_and_events_go_on_meanwhile(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 2)
    system.processing.run()
    system.submissions.pause(OPERATOR, WHY)
    world.drain(system)
    assert world.statuses(system) == {RequestStatus.COMPLETED: 2}
    world.assert_one_event_each(system)


def test_one_batch_configuration_is_paused_and_the_others_go_on(world: World) -> None:
    system = world.system()
    policy = invoice("POL", documentName="POMOTNEW", documentType="POLICY")
    (waits,) = world.submit(system, [policy])
    goes_on = world.submit_invoices(system, 2)
    system.processing.run()
    batch_id = world.get(system, waits).batch_id
    assert batch_id
    batch = system.store.read(lambda tx: tx.batches.get(batch_id))
    assert batch
    paused = batch.batch_config_id
    world.drain(system)

    system.submissions.pause(OPERATOR, WHY, paused)
    (waits,) = world.submit(
        system, [invoice("POL-2", documentName="POMOTNEW", documentType="POLICY")]
    )
    goes_on = world.submit(system, [invoice("INV-2")])
    for _ in range(5):
        system.processing.run()
        system.monitoring.run()
        world.clock.advance(15)

    assert {world.get(system, one).status for one in goes_on} == {RequestStatus.COMPLETED}
    assert world.get(system, waits).status is RequestStatus.RECEIVED
    history = system.store.read(lambda tx: tx.history.of(waits))
    assert "its batch configuration is paused" in {entry.reason for entry in history}

    system.submissions.resume(OPERATOR, WHY, paused)
    assert system.processing.run()["submitted"] == 1, "due at once, whatever it was waiting for"


def test_an_intent_of_a_paused_configuration_is_not_sent_either(world: World) -> None:
    system = world.system()
    world.submit_invoices(system, 1)
    world.arm({"operation": "submit", "kind": "reset-before", "times": 1})
    system.processing.run()
    (batch,) = rows(system, "SELECT batch_config_id FROM batches")
    system.submissions.pause(OPERATOR, WHY, batch["batch_config_id"])
    before = world.calls()["submit"]

    for _ in range(5):
        world.clock.advance(60)
        system.processing.run()
    assert world.calls()["submit"] == before

    system.submissions.resume(OPERATOR, WHY, batch["batch_config_id"])
    assert system.processing.run()["submitted"] == 1
    world.assert_each_once(system)


def test_what_is_not_paused_is_not_resumed(world: World) -> None:
    system = world.system()
    for batch_config_id in (None, "1709524441"):
        with pytest.raises(ActionRefused) as refused:
            system.submissions.resume(OPERATOR, WHY, batch_config_id)
        assert refused.value.code == "NOT_PAUSED"


def test_what_somebody_has_paused_is_not_paused_again(world: World) -> None:
    system = world.system()
    system.submissions.pause(OPERATOR, WHY)
    system.submissions.pause(OPERATOR, WHY, "1709524441")
    for batch_config_id in (None, "1709524441"):
        with pytest.raises(ActionRefused) as refused:
            system.submissions.pause(Caller("a colleague"), "another reason", batch_config_id)
        assert refused.value.code == "ALREADY_PAUSED"
        assert "by operator" in str(refused.value)
    assert {(one.actor, one.reason) for one in system.queries.readiness().pauses} == {
        ("operator", WHY)
    }


def test_a_run_under_way_notices_within_seconds(world: World) -> None:
    system = world.system(max_documents_per_batch=1, http_concurrency=1)
    world.submit_invoices(system, 20)
    submit = system.clients.thunderhead.submit
    sent: list[bytes] = []

    def paused_after_the_first(payload: bytes, traceparent: str) -> object:
        sent.append(payload)
        if len(sent) == 1:
            system.submissions.pause(OPERATOR, WHY)
        world.clock.advance(6)
        return submit(payload, traceparent)

    system.clients.thunderhead.submit = paused_after_the_first  # type: ignore[method-assign,assignment]

    system.processing.run()

    assert len(sent) < 10, "what was claimed before is sent, and nothing more is claimed"
    assert world.statuses(system)[RequestStatus.RECEIVED] > 10


def test_a_paused_configuration_costs_little_history(world: World) -> None:
    system = world.system()
    (waits,) = world.submit_invoices(system, 1)
    system.submissions.pause(OPERATOR, WHY, "1709524441")
    for _ in range(6 * 60):
        system.processing.run()
        world.clock.advance(60)
    assert len(system.store.read(lambda tx: tx.history.of(waits))) <= 1 + 2 * 6


def test_what_waited_is_due_in_the_order_of_its_priorities(world: World) -> None:
    system = world.system()
    priorities = ("LOW", "HIGH", "NORMAL")
    world.submit(system, [invoice(one, priority=one) for one in priorities])
    system.submissions.pause(OPERATOR, WHY, "1709524441")
    system.processing.run()
    system.submissions.resume(OPERATOR, WHY, "1709524441")
    found = rows(system, "SELECT priority FROM document_requests ORDER BY due_at")
    assert [row["priority"] for row in found] == ["HIGH", "NORMAL", "LOW"]
    assert system.processing.run()["submitted"] == 3


def test_a_resumption_leaves_what_was_given_back_meanwhile(world: World) -> None:
    """Another configuration is paused still: its requests come back as fast as they are taken."""
    system = world.system()
    world.submit_invoices(system, 2)
    system.submissions.pause(OPERATOR, WHY, "1709524441")
    now = world.clock()
    world.clock.advance(1)
    system.processing.run()
    assert system.store.write(lambda tx: tx.requests.bring_forward(now)) == 0
    assert system.store.write(lambda tx: tx.requests.bring_forward(world.clock())) == 2


def test_a_request_can_be_cancelled_although_a_run_gave_it_back_meanwhile(world: World) -> None:
    system = world.system()
    (waits,) = world.submit_invoices(system, 1)
    system.submissions.pause(OPERATOR, WHY, "1709524441")
    configurations = system.clients.reference_data.configurations
    is_first = True

    def after_a_run(*question: Any) -> Any:
        nonlocal is_first
        if is_first:
            is_first = False
            system.processing.run()
        return configurations(*question)

    system.clients.reference_data.configurations = after_a_run  # type: ignore[method-assign]

    assert system.operations.cancel(waits, OPERATOR).status is RequestStatus.FAILED
