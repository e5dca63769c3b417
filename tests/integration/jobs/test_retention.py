"""What a request carried is removed after its time; the request and its history stay."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from shared.composition import System
from shared.domain.statuses import RequestStatus
from shared.errors import ActionRefused
from shared.jobs import retention
from shared.jobs.queries import Caller
from shared.store.tables import (
    batch_messages,
    batches,
    document_requests,
    outbox,
    request_contents,
    request_metadata,
    status_history,
)
from tests.integration.jobs.world import World, invoice
from tests.unit.jobs.fakes import arrivals

DAY = 86_400
BAD: dict[str, Any] = {"content": {"Document": {"InvoiceNumber": "1"}}}


def count(system: System, table: Any, *where: Any) -> int:
    with system.store._engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


def test_everything_that_may_be_personal_goes_and_the_rest_stays(world: World) -> None:
    system = world.system(content_retention_days=2)
    good, bad = world.submit(system, [invoice("GOOD"), invoice("BAD", **BAD)])
    world.drain(system)
    before = {one: world.get(system, one) for one in (good, bad)}
    assert count(system, batch_messages) > 0

    world.clock.advance(2 * DAY - 60)
    assert system.monitoring.run()["purged"] == 0
    assert count(system, request_contents) == 2
    world.clock.advance(120)
    assert system.monitoring.run()["purged"] == 2

    for table in (request_contents, request_metadata, batch_messages):
        assert count(system, table) == 0, table
    with system.store._engine.connect() as connection:
        assert set(connection.scalars(select(outbox.c.payload))) == {b""}
    assert count(system, batches, batches.c.vendor_status_text.is_not(None)) == 0
    assert count(system, status_history) == 8
    for request_id, was in before.items():
        now = world.get(system, request_id)
        assert (now.status, now.generation, now.completed_at, now.outputs) == (
            was.status,
            was.generation,
            was.completed_at,
            was.outputs,
        )
        assert (now.metadata, now.purged_at) == ({}, world.clock())
    failure = world.get(system, bad).failure
    assert failure
    assert failure.code == before[bad].failure.code  # type: ignore[union-attr]
    assert failure.message == "Removed when its retention ended."
    assert system.monitoring.run()["purged"] == 0


def test_what_was_removed_cannot_be_reprocessed_but_is_still_answered(world: World) -> None:
    system = world.system(content_retention_days=1)
    (bad,) = world.submit(system, [invoice("BAD", **BAD)])
    world.drain(system)
    world.clock.advance(2 * DAY)
    system.monitoring.run()

    with pytest.raises(ActionRefused) as refused:
        system.operations.reprocess(bad, Caller("operator"), "again")
    assert refused.value.code == "CONTENT_REMOVED"
    # The digest of the body stays: the same pair is still the same request.
    (again,) = system.intake.submit(arrivals([invoice("BAD", **BAD)]))
    assert again.request.request_id == bad  # type: ignore[union-attr]


def test_source_systems_have_times_of_their_own(world: World) -> None:
    system = world.system(
        content_retention_days=10,
        content_retention_days_by_source_system={"ARCADE": 1, "NOVA": 20},
    )
    world.submit(system, [invoice("A"), invoice("P", sourceSystem="POLARIS")])
    world.drain(system)

    world.clock.advance(60)
    purged = []
    for _ in range(12):
        world.clock.advance(DAY)
        purged.append(system.monitoring.run()["purged"])

    assert [day for day, number in enumerate(purged, 1) if number] == [1, 10]
    assert sum(purged) == 2


def test_what_is_not_terminal_or_not_published_stays(world: World) -> None:
    cut_off = world.system(
        content_retention_days=1,
        kafka_bootstrap_servers="127.0.0.1:9",
        events_timeout_seconds=0.1,
    )
    world.submit(cut_off, [invoice("ENDED")])
    world.drain(cut_off)
    world.submit(cut_off, [invoice("WAITS")])
    world.clock.advance(10 * DAY)
    assert cut_off.monitoring.run()["purged"] == 0
    assert count(cut_off, request_contents) == 2

    system = world.system(content_retention_days=1)
    world.clock.advance(DAY)
    system.monitoring.run()
    system.monitoring.run()
    assert count(system, request_contents) == 1
    assert world.statuses(system)[RequestStatus.RECEIVED] == 1


def test_a_reprocessed_request_keeps_its_content(world: World) -> None:
    system = world.system(content_retention_days=1)
    world.arm({"operation": "submit", "kind": "stopped", "times": 1})
    (one,) = world.submit_invoices(system, 1)
    world.drain(system)
    system.operations.reprocess(one, Caller("operator"), "again")
    world.clock.advance(2 * DAY)
    assert system.monitoring.run()["purged"] == 0
    world.drain(system)
    assert world.get(system, one).status is RequestStatus.COMPLETED


def test_it_goes_on_in_bounded_transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "REQUESTS_PER_TRANSACTION", 2)
    monkeypatch.setattr(retention, "TRANSACTIONS_PER_RUN", 3)
    system = world.system(content_retention_days=1)
    world.submit_invoices(system, 9)
    world.drain(system)
    world.clock.advance(2 * DAY)
    assert [system.monitoring.run()["purged"] for _ in range(3)] == [6, 3, 0]
    assert count(system, document_requests, document_requests.c.purged_at.is_(None)) == 0


def test_a_run_without_time_left_removes_something_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "REQUESTS_PER_TRANSACTION", 2)
    system = world.system(content_retention_days=1)
    world.submit_invoices(system, 3)
    world.drain(system)
    world.clock.advance(2 * DAY)
    hurried = world.system(content_retention_days=1, run_budget_seconds=1e-9)
    assert hurried.monitoring.run()["purged"] == 2
