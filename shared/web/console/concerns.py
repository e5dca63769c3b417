"""What is wrong, since when, what it touches, and what can be done: the verdict on an overview."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.models import Pause
from shared.domain.statuses import RequestStatus
from shared.jobs import pausing
from shared.jobs.console_models import Count
from shared.jobs.overview import Dependency, DependencyState, JobState, Overview, WaitingState
from shared.jobs.runs import MONITORING, PROCESSING
from shared.web.console.wording import duration, number, plural

SYSTEMS = {
    pausing.THUNDERHEAD: "Thunderhead",
    pausing.REFERENCE_DATA: "Reference Data",
    pausing.EVENTS: "Event Hubs",
    pausing.SUBMISSIONS: "Submissions to Thunderhead",
}
"""What people call the systems that we depend on, and what the jobs pause by themselves."""

_COMMANDS = {PROCESSING: "process", MONITORING: "monitor"}
_WAITING_FOR = {
    RequestStatus.RECEIVED: "to be processed",
    RequestStatus.PROCESSING: "to be submitted",
    RequestStatus.SUBMITTED: "for Thunderhead's outcome",
}


class Tone(StrEnum):
    """How bad something is."""

    BAD = "bad"
    """Somebody has to act."""
    WARN = "warn"
    """Somebody has to decide, or should keep an eye on it."""
    INFO = "info"
    """Somebody wanted it so."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where to go on."""

    words: str
    path: str


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that an operator should know of."""

    tone: Tone
    title: str
    since: datetime | None
    touches: str
    """What it affects."""
    advice: str
    """What can be done, or that nothing needs to be."""
    reason: str | None = None
    """In somebody else's words."""
    links: tuple[Link, ...] = ()
    """The first is the safe action."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All of it in one line."""

    tone: str
    icon: str
    title: str
    text: str


def verdict_on(concerns: Sequence[Concern]) -> Verdict:
    """Sum concerns up."""
    urgent = sum(concern.tone is Tone.BAD for concern in concerns)
    watched = sum(concern.tone is Tone.WARN for concern in concerns)
    if urgent:
        also = f" {plural(watched, 'more thing')} to keep an eye on." if watched else ""
        verb = "needs" if urgent == 1 else "need"
        return Verdict("bad", "bad", f"{plural(urgent, 'thing')} {verb} you", f"See below.{also}")
    if watched:
        return Verdict(
            "warn", "warn", f"{plural(watched, 'thing')} to keep an eye on", "Nothing is overdue."
        )
    paused = " Submissions are paused, see below." if concerns else ""
    return Verdict(
        "ok",
        "ok",
        "All is well",
        f"Both jobs run, nothing is late, nothing waits for a decision.{paused}",
    )


def concerns_of(overview: Overview) -> list[Concern]:
    """Return what is wrong or unusual, worst first."""
    found = [
        *_jobs(overview),
        *_dependencies(overview),
        *_refused(overview),
        *_waiting(overview),
        *_events(overview),
        *_paused(overview),
    ]
    return sorted(found, key=lambda concern: list(Tone).index(concern.tone))


def _jobs(overview: Overview) -> Iterator[Concern]:
    effects = {
        PROCESSING: "Nothing is submitted: new requests wait.",
        MONITORING: "No outcome is noticed and no event is published.",
    }
    for job in overview.jobs:
        if job.is_overdue:
            yield Concern(
                Tone.BAD,
                f"The {job.job} job {_silence(job, overview)}",
                job.last_run.finished_at if job.last_run else None,
                effects[job.job],
                "Look at its timer in the Functions app. Started by hand, “python -m shared "
                f"{_COMMANDS[job.job]}” does the same work, also beside a run that hangs.",
            )


def _silence(job: JobState, overview: Overview) -> str:
    if job.last_run is None:
        return "has never ended a run"
    return f"has ended no run for {duration(overview.at - job.last_run.finished_at)}"


def _dependencies(overview: Overview) -> Iterator[Concern]:
    counts = {state.waiting.status: state.waiting.count for state in overview.waiting}
    to_submit = _sum(counts[RequestStatus.RECEIVED], counts[RequestStatus.PROCESSING])
    touches = {
        pausing.THUNDERHEAD: f"{_requests(to_submit)} to be submitted, "
        f"{_requests(counts[RequestStatus.SUBMITTED])} to be polled.",
        pausing.REFERENCE_DATA: f"{_requests(to_submit)} to be processed; new requests that need "
        "codes nobody has looked up lately are refused with 503.",
        pausing.EVENTS: f"{_many(overview.outbox.pending, 'event')} to be published.",
    }
    for dependency in overview.dependencies:
        if dependency.pause:
            yield _dependency(dependency, dependency.pause, touches[dependency.name])


def _dependency(dependency: Dependency, pause: Pause, touches: str) -> Concern:
    name = SYSTEMS[dependency.name]
    is_paused = dependency.state is DependencyState.PAUSED
    return Concern(
        Tone.WARN,
        f"{name} is not called for now" if is_paused else f"{name} is being tried again",
        pause.since,
        touches,
        "Nothing is lost and no attempt is used up: the runs go on by themselves once it answers.",
        reason=pause.reason,
    )


def _refused(overview: Overview) -> Iterator[Concern]:
    if pause := overview.refused_submissions.pause:
        yield Concern(
            Tone.BAD,
            "Thunderhead refuses our submissions",
            pause.since,
            "Nothing is submitted: what is due waits as RECEIVED. Polls and events go on.",
            "Look at our credentials and rights in Thunderhead. The runs try again by themselves.",
            reason=pause.reason,
            links=(Link("Pauses", "/console/pauses"),),
        )


def _waiting(overview: Overview) -> Iterator[Concern]:
    for state in overview.waiting:
        if state.waiting.status is RequestStatus.HELD:
            if state.waiting.since:
                yield _held(state)
        elif state.is_late:
            yield _late(state)


def _held(state: WaitingState) -> Concern:
    waiting = state.waiting
    return Concern(
        Tone.BAD if state.is_late else Tone.WARN,
        f"{_requests(waiting.count)} HELD",
        waiting.since,
        "Nobody can tell by machine whether Thunderhead has them. They are neither sent nor lost.",
        "Find out in Thunderhead, then decide for each batch.",
        links=(
            Link("Decide", "/console/batches?state=HELD"),
            Link("Requests", "/console/requests?status=HELD"),
        ),
    )


def _late(state: WaitingState) -> Concern:
    waiting = state.waiting
    return Concern(
        Tone.BAD,
        f"Requests wait too long {_WAITING_FOR[waiting.status]}",
        waiting.since,
        f"{_requests(waiting.count)} {waiting.status}; the oldest has waited "
        f"{duration(state.age or 0)}, the limit is {duration(state.limit)}.",
        "Look at the oldest: its history says what it waits for.",
        links=(
            Link("The oldest", f"/console/requests/{waiting.oldest_request_id}"),
            Link("All", f"/console/requests?status={waiting.status}"),
        ),
    )


def _events(overview: Overview) -> Iterator[Concern]:
    outbox = overview.outbox
    if outbox.set_aside.number:
        yield Concern(
            Tone.BAD,
            f"{_many(outbox.set_aside, 'event')} refused by the broker",
            outbox.oldest_set_aside_since,
            "Their consumers do not know the outcome, and the requests cannot be reprocessed.",
            "Mend the cause (often a topic that does not exist, or is too small), then publish "
            "again from the request.",
            links=(Link("Events set aside", "/console/events"),),
        )
    since = outbox.oldest_pending_since
    if since and overview.at - since > overview.limits.unpublished:
        yield Concern(
            Tone.BAD,
            "Events wait too long to be published",
            since,
            f"{_many(outbox.pending, 'event')} not published yet; the limit is "
            f"{duration(overview.limits.unpublished)}.",
            "Look at Event Hubs, and at the monitoring job.",
        )


def _paused(overview: Overview) -> Iterator[Concern]:
    for pause in overview.paused_submissions:
        config = pause.name.partition(":")[2]
        which = f"of configuration {config} " if config else ""
        yield Concern(
            Tone.INFO,
            f"Submissions {which}are paused by {pause.actor}",
            pause.since,
            "What is due waits as RECEIVED; polls and events go on.",
            "Resume once the reason is gone.",
            reason=pause.reason,
            links=(Link("Resume", "/console/pauses"),),
        )


def _sum(one: Count, other: Count) -> Count:
    return Count(one.number + other.number, one.is_more or other.is_more)


def _requests(count: Count) -> str:
    return _many(count, "request")


def _many(count: Count, word: str) -> str:
    if count.is_more:
        return f"more than {number(count.number)} {word}s"
    return plural(count.number, word)
