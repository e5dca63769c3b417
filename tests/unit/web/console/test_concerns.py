"""The verdict on how things stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.models import JobRun
from shared.jobs.console_models import Count, OutboxDepth
from shared.jobs.overview import Dependency, DependencyState, JobState, Overview
from shared.web.console.concerns import Concern, Tone, concerns_of, verdict_on
from tests.unit.web.console.fakes import HELD, NOW, RUN, FakeUseCases, ago


def quiet() -> Overview:
    """Nothing is wrong."""
    given = FakeUseCases().now(None)
    run = JobRun("processing", RUN, ago(seconds=31), ago(seconds=30), {})
    idle = [
        replace(s, age=None, waiting=replace(s.waiting, count=Count(0), since=None))
        for s in given.waiting
    ]
    return replace(
        given,
        dependencies=[Dependency(d.name, DependencyState.UP, None) for d in given.dependencies],
        paused_submissions=[],
        jobs=[JobState("processing", run, False), JobState("monitoring", run, False)],
        waiting=idle,
        outbox=OutboxDepth(Count(0), None, Count(0)),
    )


def one_of(overview: Overview) -> Concern:
    [concern] = concerns_of(overview)
    return concern


def test_where_nothing_is_wrong_all_is_well() -> None:
    assert concerns_of(quiet()) == []
    assert verdict_on([]).title == "All is well"
    assert "paused" not in verdict_on([]).text


def test_a_job_that_is_silent_is_urgent() -> None:
    silent = JobRun("monitoring", RUN, ago(minutes=26), ago(minutes=25), {})
    jobs = [quiet().jobs[0], JobState("monitoring", silent, True)]
    concern = one_of(replace(quiet(), jobs=jobs))
    assert (concern.tone, concern.since) == (Tone.BAD, silent.finished_at)
    assert concern.title == "The monitoring job has ended no run for 25 min"
    assert "no event is published" in concern.touches


@pytest.mark.parametrize("name", ["thunderhead", "reference-data", "events"])
def test_a_dependency_that_is_out_mends_itself(name: str) -> None:
    pause = replace(FakeUseCases().pauses()[0], name=name)
    others = [d for d in quiet().dependencies if d.name != name]
    out = Dependency(name, DependencyState.PAUSED, pause)
    concern = one_of(replace(quiet(), dependencies=[*others, out]))
    assert (concern.tone, concern.since, concern.reason) == (Tone.WARN, pause.since, pause.reason)
    assert "by themselves" in concern.advice
    assert not concern.links


def test_requests_that_wait_too_long_are_urgent() -> None:
    late = FakeUseCases().now(None).waiting[0]
    concern = one_of(replace(quiet(), waiting=[late, *quiet().waiting[1:]]))
    assert concern.tone is Tone.BAD
    assert "132 requests RECEIVED" in concern.touches
    assert "42 min, the limit is 30 min" in concern.touches
    assert [link.path for link in concern.links] == [
        f"/console/requests/{HELD}",
        "/console/requests?status=RECEIVED",
    ]


@pytest.mark.parametrize(("minutes", "tone"), [(10, Tone.WARN), (95, Tone.BAD)])
def test_what_is_held_waits_for_a_decision(minutes: int, tone: Tone) -> None:
    held = FakeUseCases().now(None).waiting[3]
    state = replace(held, age=timedelta(minutes=minutes))
    concern = one_of(replace(quiet(), waiting=[*quiet().waiting[:3], state]))
    assert concern.tone is tone
    assert concern.links[0].path == "/console/batches?state=HELD"


def test_events_that_were_refused_are_urgent() -> None:
    depth = OutboxDepth(Count(0), None, Count(10_000, True), ago(minutes=5))
    concern = one_of(replace(quiet(), outbox=depth))
    assert concern.since == ago(minutes=5)
    assert concern.title == "more than 10\N{NARROW NO-BREAK SPACE}000 events refused by the broker"
    assert concern.links[0].path == "/console/events"


@pytest.mark.parametrize(("minutes", "count"), [(14, 0), (16, 1)])
def test_events_may_wait_for_a_while(minutes: int, count: int) -> None:
    depth = OutboxDepth(Count(3), ago(minutes=minutes), Count(0))
    assert len(concerns_of(replace(quiet(), outbox=depth))) == count


def test_a_pause_by_hand_is_only_a_note() -> None:
    pause = FakeUseCases().pauses()[2]
    concern = one_of(replace(quiet(), paused_submissions=[pause]))
    assert concern.tone is Tone.INFO
    assert "configuration 1709524441" in concern.title
    verdict = verdict_on([concern])
    assert verdict.title == "All is well"
    assert "Submissions are paused" in verdict.text


@pytest.mark.parametrize("state", [DependencyState.PAUSED, DependencyState.RETRYING])
def test_submissions_that_thunderhead_refuses_are_urgent(state: DependencyState) -> None:
    pause = replace(FakeUseCases().pauses()[0], name="submissions")
    refused = Dependency("submissions", state, pause)
    concern = one_of(replace(quiet(), refused_submissions=refused))
    assert (concern.tone, concern.since, concern.reason) == (Tone.BAD, pause.since, pause.reason)
    assert concern.title == "Thunderhead refuses our submissions"
    assert verdict_on([concern]).title == "1 thing needs you"


def test_the_worst_comes_first_and_is_counted() -> None:
    concerns = concerns_of(FakeUseCases().now(None))
    tones = [concern.tone for concern in concerns]
    assert tones == sorted(tones, key=list(Tone).index)
    verdict = verdict_on(concerns)
    assert verdict.title == "5 things need you"
    assert "1 more thing" in verdict.text
    assert verdict_on([c for c in concerns if c.tone is Tone.WARN]).tone == "warn"
    assert NOW  # the samples' own time
