"""A run with nothing to do costs next to nothing (design, "Cost")."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import event

from shared.composition import System
from shared.errors import DatabaseUnavailable
from shared.jobs.runs import MONITORING
from tests.integration.jobs.world import World

NOT_COUNTED = ("BEGIN", "SAVE", "IF @@TRANCOUNT")
"""Transactions and savepoints begin with these, on either engine."""


@dataclass
class Work:
    statements: list[str] = field(default_factory=list)
    commits: int = 0
    writing_commits: int = 0


@contextmanager
def counted(system: System) -> Iterator[Work]:
    """Count statements, and the commits that had something to commit."""
    work, changes = Work(), Counter[int]()

    def on_statement(
        connection: Any, cursor: Any, statement: str, _p: Any, context: Any, _many: bool
    ) -> None:
        work.statements.append(statement)
        if context.isinsert or context.isupdate or context.isdelete:
            changes[id(connection)] += max(cursor.rowcount, 0)

    def on_begin(connection: Any) -> None:
        changes[id(connection)] = 0

    def on_commit(connection: Any) -> None:
        work.commits += 1
        work.writing_commits += changes[id(connection)] > 0

    engine = system.store._engine
    listeners = (
        ("after_cursor_execute", on_statement),
        ("begin", on_begin),
        ("commit", on_commit),
    )
    for name, listener in listeners:
        event.listen(engine, name, listener)
    yield work
    for name, listener in listeners:
        event.remove(engine, name, listener)


@pytest.mark.parametrize("job", ["processing", "monitoring"])
def test_an_idle_run_takes_at_most_six_statements_one_commit_and_no_call(
    world: World, job: str
) -> None:
    system = world.system()
    world.submit_invoices(system, 3)
    world.drain(system)
    world.clock.advance(60)
    run = getattr(system, job).run
    run()
    calls = world.calls(), world.reference_data_calls()

    with counted(system) as work:
        summary = run()

    assert summary["claimed"] == summary["published"] == 0
    assert (world.calls(), world.reference_data_calls()) == calls
    statements = [s for s in work.statements if not s.startswith(NOT_COUNTED)]
    print(f"{job}: {len(statements)} statements, {work.commits} transactions")  # noqa: T201
    assert len(statements) <= 6, statements
    assert work.writing_commits == 1
    assert len(statements) == 6


def test_what_is_open_is_told_every_few_minutes(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    system, other = world.system(), world.system()
    for run in (system.monitoring.run, other.monitoring.run):
        run()
    assert caplog.messages.count("figures taken") == 1
    world.clock.advance(system.settings.statistics_seconds)
    other.monitoring.run()
    assert caplog.messages.count("figures taken") == 2


class Uncountable:
    def update_if_due(self, _run: object) -> bool:
        raise DatabaseUnavailable("it has gone away")


def test_a_job_that_cannot_count_is_not_dead(world: World) -> None:
    system = world.system()
    monitoring = replace(system.monitoring, statistics=Uncountable())  # type: ignore[arg-type]
    with pytest.raises(DatabaseUnavailable):
        monitoring.run()
    [run] = system.store.read(lambda tx: tx.job_runs.last())
    assert (run.job, run.finished_at) == (MONITORING, world.clock())
