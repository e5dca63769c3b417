"""A run with nothing to do costs next to nothing (design, "Cost")."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event

from shared.composition import System
from tests.integration.jobs.world import World


@dataclass
class Work:
    statements: list[str] = field(default_factory=list)
    commits: int = 0
    writing_commits: int = 0


@contextmanager
def counted(system: System) -> Iterator[Work]:
    """Count statements, and the commits that had something to commit."""
    work, changes = Work(), {}

    def on_statement(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        work.statements.append(statement)

    def raw(connection: Any) -> sqlite3.Connection:
        driver: sqlite3.Connection = connection.connection.driver_connection
        return driver

    def on_begin(connection: Any) -> None:
        changes[id(connection)] = raw(connection).total_changes

    def on_commit(connection: Any) -> None:
        work.commits += 1
        work.writing_commits += raw(connection).total_changes > changes[id(connection)]

    engine = system.store._engine
    listeners = (
        ("before_cursor_execute", on_statement),
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
    statements = [s for s in work.statements if not s.startswith(("BEGIN", "SAVEPOINT"))]
    print(f"{job}: {len(statements)} statements, {work.commits} transactions")  # noqa: T201
    assert len(statements) <= 6, statements
    assert work.writing_commits == 1
    assert len(statements) == {"processing": 6, "monitoring": 5}[job]
