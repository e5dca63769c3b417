"""Retention: what a terminal request carried is removed after its time; row and history stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.timing import Clock
from shared.jobs.runs import Run, Runs
from shared.jobs.storage import Store

REQUESTS_PER_TRANSACTION = 200
TRANSACTIONS_PER_RUN = 20
"""A run has other work: 4,000 requests at most, which once a minute is 5 million a day."""


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """How long what requests carried is kept after their end."""

    default: timedelta
    by_source_system: Mapping[str, timedelta]


@dataclass(frozen=True, slots=True)
class Retention:
    """Removes what is due, in bounded transactions."""

    store: Store
    periods: RetentionPeriods
    runs: Runs
    clock: Clock

    def purge_due(self, run: Run) -> None:
        """Remove what is due within the run's budget. Raises DatabaseUnavailable."""
        for number in range(TRANSACTIONS_PER_RUN):
            # Once whatever the budget: polls may use up all of it, run after run.
            if self.runs.is_stopping or (number and not self.runs.may_go_on(run)):
                return
            purged = self._purge()
            run.counts["purged"] += purged
            if purged < REQUESTS_PER_TRANSACTION:
                return

    def _purge(self) -> int:
        now = self.clock()
        limits = {system: now - period for system, period in self.periods.by_source_system.items()}
        return self.store.write(
            lambda tx: tx.retention.purge(
                now - self.periods.default, limits, REQUESTS_PER_TRANSACTION, now
            )
        )
