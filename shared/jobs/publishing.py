"""The outbox: events that are committed go to the broker, and are marked once it has them."""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.domain.models import OutboxEvent
from shared.domain.retrying import Backoff
from shared.domain.timing import after
from shared.jobs import pausing
from shared.jobs.leasing import Leases
from shared.jobs.pausing import Pauses
from shared.jobs.ports import Publisher, PublishFailure
from shared.jobs.runs import Run, Runs
from shared.jobs.storage import Store, Transaction
from shared.measures import PUBLICATION_DURATION

_logger = logging.getLogger(__name__)

EVENTS_PER_FLUSH = 500

_MOST_FLUSHES = 2
"""One that the broker has, and the next."""


@dataclass(frozen=True, slots=True)
class _Flush:
    """Events on their way to the broker, under one lease."""

    owner: UUID
    events: Sequence[OutboxEvent]
    results: Future[Mapping[UUID, PublishFailure | None]]


@dataclass(frozen=True, slots=True)
class Publishing:
    """Publishes what is due in the outbox.

    While the broker has some events, the next are claimed. So `leases` must be longer than the
    broker may take to acknowledge twice: an event whose lease ended meanwhile is published again.
    """

    store: Store
    publisher: Publisher
    leases: Leases
    runs: Runs
    backoff: Backoff

    def publish_due(self, run: Run, pauses: Pauses) -> None:
        """Publish until nothing is due, the broker is out, or the run's budget ends.

        One flush happens whatever the budget: its time is bounded by the broker's time-out, and
        polls must not be able to use up what events need.
        """
        if pauses.in_force(pausing.EVENTS) or self.runs.is_stopping:
            return
        under_way: deque[_Flush] = deque()
        done: _Flush | None = None
        goes_on = True
        # One thread: the producer takes one call at a time.
        with ThreadPoolExecutor(1, "events") as broker:
            while goes_on or done:
                owner, events = self._next(done, run, pauses, claims=goes_on)
                if events:
                    results = broker.submit(copy_context().run, self.publisher.publish, events)
                    under_way.append(_Flush(owner, events, results))
                goes_on = len(events) == EVENTS_PER_FLUSH and self.runs.may_go_on(run)
                done = None
                if under_way and (len(under_way) == _MOST_FLUSHES or not goes_on):
                    done = under_way.popleft()

    def _next(
        self, done: _Flush | None, run: Run, pauses: Pauses, *, claims: bool
    ) -> tuple[UUID, Sequence[OutboxEvent]]:
        """Record a flush, once it has ended, and claim what comes next: in one transaction."""
        results = done.results.result() if done else {}
        self._learn(results, pauses)
        claims = claims and not pauses.in_force(pausing.EVENTS)
        owner, now, until = self.leases.new_id(), self.leases.clock(), self.leases.until()

        def work(tx: Transaction) -> tuple[int, int, Sequence[OutboxEvent]]:
            marked, returned = self._record(tx, done, results, now) if done else (0, 0)
            claimed = tx.outbox.claim(owner, now, until, EVENTS_PER_FLUSH) if claims else ()
            return marked, returned, claimed

        marked, returned, claimed = self.store.write(work)
        if done:
            self._show(done, results, run, now)
            run.counts["published"] += marked
            run.counts["retried"] += returned
            run.counts["lost"] += len(done.events) - marked - returned
        return owner, claimed

    def _learn(self, results: Mapping[UUID, PublishFailure | None], pauses: Pauses) -> None:
        """Keep or end the patience with the broker."""
        if None in results.values():
            pauses.end(pausing.EVENTS)
            return
        passing = [failure for failure in results.values() if failure and not failure.is_final]
        if passing:
            # Nothing went through: the broker is out, and the next run need not find out again.
            pauses.begin(pausing.EVENTS, passing[0].reason)

    def _show(
        self,
        done: _Flush,
        results: Mapping[UUID, PublishFailure | None],
        run: Run,
        now: datetime,
    ) -> None:
        """Tell metrics and logs what became of events."""
        for event in done.events:
            failure = results.get(event.event_id)
            if failure is None and event.created_at:
                PUBLICATION_DURATION.record((now - event.created_at).total_seconds())
            elif failure and failure.is_final:
                _logger.error(
                    "event set aside",
                    extra={
                        "oms.requestId": str(event.request_id),
                        "oms.runId": str(run.run_id),
                        "event.reason": failure.reason,
                    },
                )

    def _record(
        self,
        tx: Transaction,
        done: _Flush,
        results: Mapping[UUID, PublishFailure | None],
        now: datetime,
    ) -> tuple[int, int]:
        """Write what became of events; returns how many of ours were published, and returned."""
        published = [event_id for event_id, failure in results.items() if failure is None]
        failures = {event_id: failure for event_id, failure in results.items() if failure}
        attempts = {event.event_id: event.attempts for event in done.events}
        marked = tx.outbox.mark_published(done.owner, published, now)
        return marked, self._record_failures(tx, done.owner, failures, attempts, now)

    def _record_failures(
        self,
        tx: Transaction,
        owner: UUID,
        failures: dict[UUID, PublishFailure],
        attempts: dict[UUID, int],
        now: datetime,
    ) -> int:
        """Set aside what the broker refuses, give back the rest; returns how many were ours."""
        ours = 0
        by_wait: defaultdict[tuple[int, str], list[UUID]] = defaultdict(list)
        for event_id, failure in failures.items():
            if failure.is_final:
                ours += tx.outbox.set_aside(owner, [event_id], failure.reason)
            else:
                by_wait[attempts[event_id], failure.reason].append(event_id)
        for (tried, reason), event_ids in by_wait.items():
            due_at = after(now, self.backoff.seconds(tried + 1))
            ours += tx.outbox.retry_later(owner, event_ids, due_at, reason)
        return ours
