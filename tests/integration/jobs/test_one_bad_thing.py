"""One bad answer, one bad document, one slow dependency stops nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete

from shared.domain.enrichment import ConfigurationRow
from shared.domain.statuses import RequestStatus
from shared.errors import ReferenceDataInvalid
from shared.store.tables import request_contents
from tests.integration.jobs.world import World, invoice, rows


def test_an_unusable_configuration_answer_holds_up_its_own_requests_alone(world: World) -> None:
    system = world.system()
    world.submit(system, [invoice("BAD", documentName="IVBRKCOM"), *map(invoice, "abc")])
    real = system.clients.reference_data.configurations

    def configurations(name: str, footer: str, day: date) -> Sequence[ConfigurationRow]:
        if name == "IVBRKCOM":
            raise ReferenceDataInvalid("a row without a value")
        return real(name, footer, day)

    system.clients.reference_data.configurations = configurations  # type: ignore[method-assign]
    for _ in range(3):
        system.processing.run()
        assert system.store.read(lambda tx: tx.pauses.all()) == {}, "nobody else has to wait"
        world.clock.advance(60)

    assert world.statuses(system) == {RequestStatus.SUBMITTED: 3, RequestStatus.RECEIVED: 1}
    assert (
        rows(system, "SELECT failures FROM document_requests WHERE status = 'RECEIVED'")[0][
            "failures"
        ]
        == 3
    )


def test_content_that_cannot_be_rendered_fails_alone(world: World) -> None:
    system = world.system()
    bad, *_ = world.submit(system, [invoice("BAD"), *map(invoice, "abc")])
    with system.store._engine.begin() as connection:
        connection.execute(delete(request_contents).where(request_contents.c.request_id == bad))

    world.drain(system)

    failure = world.get(system, bad).failure
    assert failure
    assert failure.code == "CONTENT_UNUSABLE"
    assert world.statuses(system) == {RequestStatus.COMPLETED: 3, RequestStatus.FAILED: 1}


def test_events_do_not_wait_for_polls_that_use_up_the_budget(world: World) -> None:
    system = world.system(max_documents_per_batch=1, http_concurrency=1, run_budget_seconds=3)
    world.submit_invoices(system, 12)
    for _ in range(12):
        system.processing.run()
    world.clock.advance(30)
    poll = system.clients.thunderhead.poll

    def slow_poll(batch_id: str, traceparent: str) -> object:
        world.clock.advance(2)
        return poll(batch_id, traceparent)

    system.clients.thunderhead.poll = slow_poll  # type: ignore[method-assign,assignment]
    summary = system.monitoring.run()

    assert 0 < summary["completed"] < 12
    assert summary["published"] == summary["completed"]


def test_refusals_that_go_on_are_asked_about_less_and_less(world: World) -> None:
    system = world.system(retry_base_seconds=1, retry_max_seconds=600)
    world.submit_invoices(system, 1)
    world.arm({"operation": "submit", "kind": "status", "status": 429})
    for failures in range(1, 6):
        system.processing.run()
        (pause,) = system.store.read(lambda tx: tx.pauses.all()).values()
        assert pause.failures == failures
        world.clock.advance(600)
