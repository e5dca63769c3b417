from __future__ import annotations

import json

import pytest

from shared.jobs.runs import MONITORING, PROCESSING, Runs
from shared.store.database import SqlStore
from tests.unit.domain.builders import NOON
from tests.unit.jobs.fakes import CountingIds, StandingClock


@pytest.fixture
def runs(store: SqlStore, clock: StandingClock, new_id: CountingIds) -> Runs:
    return Runs(store, clock, new_id, budget_seconds=480)


def test_a_run_may_go_on_until_its_budget_ends(runs: Runs, clock: StandingClock) -> None:
    run = runs.start(PROCESSING)
    assert runs.may_go_on(run)
    clock.advance(479.999)
    assert runs.may_go_on(run)
    clock.advance(0.001)
    assert not runs.may_go_on(run)


def test_each_run_has_its_own_id_and_budget(runs: Runs, clock: StandingClock) -> None:
    first = runs.start(PROCESSING)
    clock.advance(300)
    second = runs.start(PROCESSING)
    assert first.run_id != second.run_id
    clock.advance(300)
    assert not runs.may_go_on(first)
    assert runs.may_go_on(second)


def test_a_stop_ends_the_runs_under_way_and_those_to_come(runs: Runs) -> None:
    run = runs.start(PROCESSING)
    runs.stop()
    assert not runs.may_go_on(run)
    assert not runs.may_go_on(runs.start(MONITORING))


def test_the_summary_says_what_the_contract_asks_for(runs: Runs, clock: StandingClock) -> None:
    run = runs.start(PROCESSING)
    run.counts.update(claimed=3, submitted=2, failed=1)
    clock.advance(1.5)
    summary = json.loads(json.dumps(runs.finish(run)))
    assert (
        summary.items()
        >= {
            "claimed": 3,
            "submitted": 2,
            "completed": 0,
            "failed": 1,
            "retried": 0,
            "held": 0,
            "published": 0,
            "seconds": 1.5,
        }.items()
    )
    assert summary["job"] == "processing"
    assert summary["runId"] == str(run.run_id)


def test_the_last_run_of_each_job_is_kept(
    runs: Runs, store: SqlStore, clock: StandingClock
) -> None:
    runs.finish(runs.start(PROCESSING))
    clock.advance(10)
    for job in (PROCESSING, MONITORING):
        run = runs.start(job)
        clock.advance(1)
        runs.finish(run)
    kept = {run.job: run for run in store.read(lambda tx: tx.job_runs.last())}
    assert kept.keys() == {PROCESSING, MONITORING}
    assert kept[PROCESSING].started_at > NOON
    assert kept[PROCESSING].finished_at > kept[PROCESSING].started_at
    assert kept[PROCESSING].summary["claimed"] == 0
