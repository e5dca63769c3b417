"""Statistics: how many requests were accepted, completed and failed, by hour and source system.

They are counted anew from the requests and their history, hour by hour, until an hour is so old
that nothing can be committed in it any more. What a run counts is therefore the same however
often it is counted, and by whom. Why so: docs/decisions/0021.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.timing import Clock
from shared.jobs.console_models import StatisticsMark
from shared.jobs.runs import Run, Runs
from shared.jobs.storage import Store, Transaction

HOUR = timedelta(hours=1)

CLOSED_AFTER = timedelta(minutes=30)
"""How long after its end an hour is final. A commit carries the time at which its work began:
it comes later by what a call or a transaction takes at most, repeats and clocks that differ
included, which is minutes."""

HOURS_PER_RUN = 48
"""A run has other work; what is missing after days without a run is counted by the next ones."""


@dataclass(frozen=True, slots=True)
class StatisticsUpdate:
    """Brings the statistics up to date, every few minutes, in small steps."""

    store: Store
    runs: Runs
    clock: Clock
    every: timedelta

    def update_if_due(self, run: Run) -> bool:
        """Count the hours that are not final yet; False where it is not due.

        That costs one statement. Of two runs at the same time one gives way. Raises
        DatabaseUnavailable.
        """
        now = self.clock()
        mark = self.store.read(lambda tx: tx.statistics.mark())
        if mark and mark.counted_until and now < mark.counted_until + self.every:
            return False
        if mark is None:
            mark = self.store.write(lambda tx: tx.statistics.begin(now))
        hour = mark.closed_until if mark else now
        for _ in range(HOURS_PER_RUN):
            if mark is None or hour > now or not self.runs.may_go_on(run):
                break
            mark = self._count(mark, hour, now)
            hour += HOUR
        return True

    def _count(self, mark: StatisticsMark, hour: datetime, now: datetime) -> StatisticsMark | None:
        """Count an hour; None if another run does so too."""
        counts = self.store.read(lambda tx: tx.statistics.happened(hour, hour + HOUR))
        moved = mark
        if now >= hour + HOUR + CLOSED_AFTER:
            moved = replace(moved, closed_until=hour + HOUR)
        if now < hour + HOUR:
            moved = replace(moved, counted_until=now)

        def work(tx: Transaction) -> bool:
            # The mark first: it is the fence of those that counted an older state of the hour.
            if not tx.statistics.advance(mark, moved.closed_until, moved.counted_until):
                return False
            tx.statistics.put(hour, counts)
            return True

        return replace(moved, version=mark.version + 1) if self.store.write(work) else None


def hour_of(moment: datetime) -> datetime:
    """Return the begin of the hour (in UTC) that a time lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)
