"""How things stand: what an operator looks at first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.domain.figures import OPEN
from shared.domain.models import JobRun, Pause
from shared.domain.statuses import RequestStatus
from shared.domain.timing import Clock
from shared.jobs import pausing
from shared.jobs.console_models import (
    AlertLimits,
    Count,
    FailureTally,
    OutboxDepth,
    Outcome,
    Tally,
    Waiting,
)
from shared.jobs.queries import Caller
from shared.jobs.request_storage import RequestFilter
from shared.jobs.runs import MONITORING, PROCESSING
from shared.jobs.statistics import HOUR, hour_of
from shared.jobs.storage import Store, Transaction

MOST_COUNTED = 10_000
"""Counts say "more than" this beyond it: a look must cost the same whatever has piled up."""

MOST_DAYS = 92
"""The longest period of an activity."""

MOST_REASONS = 10
"""Reasons of failures that an activity names."""

DEPENDENCIES = (pausing.THUNDERHEAD, pausing.REFERENCE_DATA, pausing.EVENTS)


class DependencyState(StrEnum):
    """How the last runs saw another system."""

    UP = "up"
    PAUSED = "paused"
    """Nobody calls it before its pause ends."""
    RETRYING = "retrying"
    """Its pause is over; it has not given a good answer since."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another system as the last runs saw it."""

    name: str
    state: DependencyState
    pause: Pause | None
    """Since when, until when, why and by which job; None while it is up."""


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's last run."""

    job: str
    last_run: JobRun | None
    """None: it has never ended a run."""
    is_overdue: bool
    """No run has ended for longer than the limit: the job may be dead."""


@dataclass(frozen=True, slots=True)
class WaitingState:
    """What waits in a status, next to its limit."""

    waiting: Waiting
    age: timedelta | None
    """Of the oldest; None where nothing waits."""
    limit: timedelta

    @property
    def is_late(self) -> bool:
        """The oldest has waited longer than it should."""
        return self.age is not None and self.age > self.limit


@dataclass(frozen=True, slots=True)
class Overview:
    """How things stand at a time."""

    at: datetime
    dependencies: Sequence[Dependency]
    paused_submissions: Sequence[Pause]
    """By hand: name `submissions` for all, `submissions:<batch configuration>` for one."""
    refused_submissions: Dependency
    """Whether Thunderhead lets us submit: paused by the runs themselves while it does not."""
    jobs: Sequence[JobState]
    waiting: Sequence[WaitingState]
    failed: Count
    """Requests that are FAILED now. Those that are COMPLETED are in the activity alone."""
    outbox: OutboxDepth
    limits: AlertLimits


class Step(StrEnum):
    """The width of an activity's buckets."""

    HOUR = "hour"
    DAY = "day"

    @property
    def width(self) -> timedelta:
        """How long a bucket is."""
        return HOUR if self is Step.HOUR else timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened within one step of an activity."""

    start: datetime
    tally: Tally


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened in a period."""

    start: datetime
    end: datetime
    step: Step
    buckets: Sequence[Bucket]
    """Without gaps, oldest first; the last may be shorter than a step."""
    total: Tally
    by_source_system: Mapping[str, Tally]
    failures: Sequence[FailureTally]
    """The most frequent reasons, most frequent first."""
    counted_until: datetime | None
    """What was committed later is not counted yet; None while nothing was counted."""


class Overviews:
    """Tells how things stand, with bounded queries. Raises DatabaseUnavailable."""

    def __init__(self, store: Store, limits: AlertLimits, clock: Clock) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock

    def now(self, caller: Caller) -> Overview:
        """Return how things stand.

        Counts and ages are those of the caller's source systems; the rest is of the whole system.
        """
        now, systems = self._clock(), caller.source_systems

        def work(tx: Transaction) -> Overview:
            pauses = tx.pauses.all()
            runs = {run.job: run for run in tx.job_runs.last()}
            return Overview(
                at=now,
                dependencies=[_dependency(name, pauses.get(name), now) for name in DEPENDENCIES],
                paused_submissions=[
                    pause
                    for name, pause in sorted(pauses.items())
                    if pause.is_by_hand and name not in DEPENDENCIES
                ],
                refused_submissions=_dependency(
                    pausing.SUBMISSIONS, _by_itself(pauses.get(pausing.SUBMISSIONS)), now
                ),
                jobs=[self._job(job, runs.get(job), now) for job in (PROCESSING, MONITORING)],
                waiting=[self._waiting(tx, status, systems, now) for status in OPEN],
                failed=_count(tx, RequestStatus.FAILED, systems),
                outbox=tx.outbox.depth(MOST_COUNTED),
                limits=self._limits,
            )

        return self._store.read(work)

    def activity(self, start: datetime, end: datetime, step: Step, caller: Caller) -> Activity:
        """Return what happened from `start` (whole hours; rounded down) until before `end`.

        Days are counted from `start`, so that they are those of any time zone. Raises
        ValueError if the period is empty or longer than MOST_DAYS.
        """
        start, end = hour_of(start), _next_hour(end)
        if not timedelta(0) < end - start <= timedelta(days=MOST_DAYS):
            raise ValueError(f"a period has 1 hour to {MOST_DAYS} days")
        systems = caller.source_systems

        def work(tx: Transaction) -> Activity:
            mark = tx.statistics.mark()
            by_start: defaultdict[datetime, dict[Outcome, int]] = defaultdict(dict)
            for hour, outcome, count in tx.statistics.by_hour(start, end, systems):
                begin = start + (hour - start) // step.width * step.width
                by_start[begin][outcome] = by_start[begin].get(outcome, 0) + count
            by_system: defaultdict[str, dict[Outcome, int]] = defaultdict(dict)
            for system, outcome, count in tx.statistics.by_source_system(start, end, systems):
                by_system[system][outcome] = count
            number_of_buckets = -((start - end) // step.width)
            buckets = [
                Bucket(begin, _tally(by_start.get(begin, {})))
                for begin in (start + n * step.width for n in range(number_of_buckets))
            ]
            return Activity(
                start=start,
                end=end,
                step=step,
                buckets=buckets,
                total=_sum([bucket.tally for bucket in buckets]),
                by_source_system={name: _tally(by_system[name]) for name in sorted(by_system)},
                failures=tx.statistics.failures(start, end, systems, MOST_REASONS),
                counted_until=mark.counted_until if mark else None,
            )

        return self._store.read(work)

    def _job(self, job: str, run: JobRun | None, now: datetime) -> JobState:
        is_overdue = run is None or now - run.finished_at > self._limits.job_silence
        return JobState(job, run, is_overdue)

    def _waiting(
        self,
        tx: Transaction,
        status: RequestStatus,
        systems: Collection[str] | None,
        now: datetime,
    ) -> WaitingState:
        request_id: UUID | None = None
        since: datetime | None = None
        if oldest := tx.requests.oldest_waiting(status, systems):
            request_id, since = oldest
        waiting = Waiting(status, _count(tx, status, systems), request_id, since)
        return WaitingState(waiting, now - since if since else None, self._limits.waiting[status])


def _count(tx: Transaction, status: RequestStatus, systems: Collection[str] | None) -> Count:
    where = RequestFilter(source_systems=systems, statuses=(status,))
    return tx.requests.count(where, MOST_COUNTED)


def _dependency(name: str, pause: Pause | None, now: datetime) -> Dependency:
    if pause is None:
        return Dependency(name, DependencyState.UP, None)
    has_ended = pause.until is not None and pause.until <= now
    # A pause is forgotten when the dependency answers again, not when its time is over.
    state = DependencyState.RETRYING if has_ended else DependencyState.PAUSED
    return Dependency(name, state, pause)


def _by_itself(pause: Pause | None) -> Pause | None:
    return None if pause is None or pause.is_by_hand else pause


def _next_hour(moment: datetime) -> datetime:
    hour = hour_of(moment)
    return hour if hour == moment else hour + HOUR


def _tally(counts: Mapping[Outcome, int]) -> Tally:
    return Tally(
        counts.get(Outcome.ACCEPTED, 0),
        counts.get(Outcome.COMPLETED, 0),
        counts.get(Outcome.FAILED, 0),
    )


def _sum(some: Sequence[Tally]) -> Tally:
    return Tally(
        sum(one.accepted for one in some),
        sum(one.completed for one in some),
        sum(one.failed for one in some),
    )
