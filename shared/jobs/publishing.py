"""The outbox: events that are committed go to the broker, and are marked once it has them."""

from __future__ import annotations

import logging
from collections import defaultdict
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


@dataclass(frozen=True, slots=True)
class Publishing:
    """Publishes what is due in the outbox.

    `leases` must be longer than the broker may take to acknowledge: an event whose lease ended
    meanwhile is published again.
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
        is_first = True
        while not pauses.in_force(pausing.EVENTS):
            if self.runs.is_stopping or not (is_first or self.runs.may_go_on(run)):
                return
            is_first = False
            owner, now, until = self.leases.new_id(), self.leases.clock(), self.leases.until()
            events = self.store.write(
                lambda tx: tx.outbox.claim(owner, now, until, EVENTS_PER_FLUSH)  # noqa: B023
            )
            if not events:
                return
            self._publish(owner, list(events), run, pauses)

    def _publish(self, owner: UUID, events: list[OutboxEvent], run: Run, pauses: Pauses) -> None:
        results = self.publisher.publish(events)
        published = [event_id for event_id, failure in results.items() if failure is None]
        failures = {event_id: failure for event_id, failure in results.items() if failure}
        passing = [failure for failure in failures.values() if not failure.is_final]
        if passing and not published:
            # Nothing went through: the broker is out, and the next run need not find out again.
            pauses.begin(pausing.EVENTS, passing[0].reason)
        elif published:
            pauses.end(pausing.EVENTS)
        attempts = {event.event_id: event.attempts for event in events}
        now = self.leases.clock()
        for event in events:
            failure = failures.get(event.event_id)
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

        def work(tx: Transaction) -> tuple[int, int]:
            marked = tx.outbox.mark_published(owner, published, now)
            return marked, self._record_failures(tx, owner, failures, attempts, now)

        marked, returned = self.store.write(work)
        run.counts["published"] += marked
        run.counts["retried"] += returned
        run.counts["lost"] += len(events) - marked - returned

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
