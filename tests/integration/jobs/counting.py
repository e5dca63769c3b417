"""What work costs in whole numbers: statements, commits, calls and flushes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import Engine, event

from shared.domain.models import OutboxEvent
from shared.domain.statuses import RequestStatus
from shared.jobs import calls
from shared.jobs.ports import Publisher, PublishFailure
from tests.integration.jobs.world import World, invoice

NOT_COUNTED = ("BEGIN", "SAVE", "IF @@TRANCOUNT")
"""Transactions and savepoints begin with these, on either engine."""

DOCUMENTS, PER_BATCH = 1_000, 50
PATIENT_SECONDS = 60.0
PER_INTAKE = 500
"""Requests in one call of the API: as many as it takes."""


@dataclass(slots=True)
class Work:
    """What was asked of the database."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0
    """Those that had something to commit."""


@contextmanager
def counted(engine: Engine) -> Iterator[Work]:
    """Count statements, and the commits that had something to commit."""
    work = Work()
    changed: defaultdict[int, bool] = defaultdict(bool)
    cursors: defaultdict[int, list[Any]] = defaultdict(list)

    def on_statement(
        connection: Any, cursor: Any, statement: str, _p: Any, context: Any, _many: bool
    ) -> None:
        if not statement.startswith(NOT_COUNTED):
            work.statements.append(statement)
        if context.isinsert or context.isupdate or context.isdelete:
            changed[id(connection)] |= cursor.rowcount > 0
            cursors[id(connection)].append(cursor)

    def on_begin(connection: Any) -> None:
        changed.pop(id(connection), None)
        cursors.pop(id(connection), None)

    def on_commit(connection: Any) -> None:
        # What a statement with RETURNING has changed is known once its rows have been read.
        late = any(cursor.rowcount > 0 for cursor in cursors[id(connection)])
        work.commits += late or changed[id(connection)]

    listeners = (
        ("after_cursor_execute", on_statement),
        ("begin", on_begin),
        ("commit", on_commit),
    )
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield work
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step asked of the others."""

    commits: int
    statements: int
    calls: int
    """Over HTTP, as their receivers count them."""
    flushes: int = 0
    """How often the publisher was asked to send and wait."""


class Recording(StrEnum):
    """How outcomes of calls are recorded."""

    TOGETHER = "recorded together"
    ALONE = "each recorded alone"
    """The worst case: none comes while another waits for company."""


AT_A_TIME = {Recording.TOGETHER: 16, Recording.ALONE: 1}
"""Calls."""


def costs_of_a_thousand(world: World, recording: Recording) -> dict[str, Cost]:
    """Take 1,000 documents in, 500 in a call, and through one run of each job, 50 in a batch.

    A run waits for the outcomes that it records together however long that takes: what is
    written must not depend on which thread is quicker.
    """
    system = world.system(max_documents_per_batch=PER_BATCH, http_concurrency=AT_A_TIME[recording])
    publisher = _Counted(system.clients.publisher)
    publishing = replace(system.monitoring.publishing, publisher=publisher)
    monitoring = replace(system.monitoring, publishing=publishing)

    def take_in() -> None:
        for start in range(0, DOCUMENTS, PER_INTAKE):
            numbers = range(start, start + PER_INTAKE)
            world.submit(system, [invoice(f"REQ-{number:04}") for number in numbers])

    def cost_of(step: Callable[[], object]) -> Cost:
        calls_before, flushes_before = calls_received(world), publisher.flushes
        with counted(system.store._engine) as work:
            step()
        return Cost(
            work.commits,
            len(work.statements),
            calls_received(world) - calls_before,
            publisher.flushes - flushes_before,
        )

    # What is counted every few minutes, whatever there is to do, is not part of it.
    monitoring.run()
    costs = {"intake": cost_of(take_in)}
    with _recording(recording):
        costs["processing"] = cost_of(system.processing.run)
        world.clock.advance(60)
        costs["monitoring"] = cost_of(monitoring.run)
    assert world.statuses(system) == {RequestStatus.COMPLETED: DOCUMENTS}
    assert publisher.published == DOCUMENTS
    return costs


def _recording(recording: Recording) -> AbstractContextManager[Any]:
    match recording:
        case Recording.TOGETHER:
            return patch.object(calls, "GATHERING_SECONDS", PATIENT_SECONDS)
        case Recording.ALONE:
            return patch.object(
                calls.CallsUnderWay, "_gathered", lambda self, _wanted: iter([self._done.get()])
            )


def calls_received(world: World) -> int:
    """Count the calls over HTTP that the system's peers have had."""
    thunderhead = {
        name: number for name, number in world.calls().items() if not name.startswith("without")
    }
    return sum(thunderhead.values()) + world.reference_data_calls()


class _Counted:
    """A publisher whose flushes are counted: one for each call."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.flushes = 0
        self.published = 0

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        self.flushes += 1
        self.published += len(events)
        return self._publisher.publish(events)

    def close(self) -> None:
        self._publisher.close()


def total(*costs: Cost) -> Cost:
    """Add costs up."""
    return Cost(
        sum(cost.commits for cost in costs),
        sum(cost.statements for cost in costs),
        sum(cost.calls for cost in costs),
        sum(cost.flushes for cost in costs),
    )
