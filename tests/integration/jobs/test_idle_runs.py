"""A run with nothing to do costs next to nothing (design, "Cost")."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from shared.errors import DatabaseUnavailable
from shared.jobs.runs import MONITORING
from tests.integration.jobs.counting import calls_received, counted
from tests.integration.jobs.world import World


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
    calls = calls_received(world)

    with counted(system.store._engine) as work:
        summary = run()

    assert summary["claimed"] == summary["published"] == 0
    assert calls_received(world) == calls
    assert len(work.statements) == 6, work.statements
    assert work.commits == 1


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
