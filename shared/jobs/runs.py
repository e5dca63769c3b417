"""One run of a job: its id, its budget, what it did, and its heartbeat."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared import tracing
from shared.domain.models import JobRun
from shared.domain.timing import Clock, after
from shared.errors import OmsError
from shared.jobs.storage import Store
from shared.measures import JOB_ITEMS, RUN_DURATION

_logger = logging.getLogger(__name__)

PROCESSING = "processing"
MONITORING = "monitoring"

COUNTERS = (
    "claimed",
    "submitted",
    "completed",
    "failed",
    "retried",
    "held",
    "published",
    "lost",
    "purged",
)
"""What a summary counts: documents, except `claimed` of the monitoring job (batches) and
`published` (events). `lost` is work that another worker took over meanwhile; `purged` are
requests whose content was removed, their retention being over."""


@dataclass(slots=True)
class Run:
    """A run under way."""

    job: str
    run_id: UUID
    started_at: datetime
    ends_at: datetime
    """When the run stops taking up new work."""
    counts: Counter[str] = field(default_factory=Counter)

    def summary(self, now: datetime) -> dict[str, Any]:
        """Return what the run did, as its summary line says it."""
        return {
            "job": self.job,
            "runId": str(self.run_id),
            **{name: self.counts[name] for name in COUNTERS},
            "seconds": round((now - self.started_at).total_seconds(), 3),
        }


class Runs:
    """Starts runs, says how long they may go on, and keeps their heartbeats."""

    def __init__(
        self, store: Store, clock: Clock, new_id: Callable[[], UUID], budget_seconds: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._budget_seconds = budget_seconds
        self.is_stopping = False
        """Somebody asked the process to end."""

    def start(self, job: str) -> Run:
        """Begin a run."""
        now = self._clock()
        return Run(job, self._new_id(), now, after(now, self._budget_seconds))

    @contextmanager
    def watched(self, run: Run) -> Iterator[None]:
        """Put a run into a span of its own, and measure it however it ends."""
        measured = {"oms.job": run.job}
        attributes = {"oms.job": run.job, "oms.run.id": str(run.run_id)}
        with tracing.span(f"{run.job} run", attributes=attributes):
            try:
                yield
            except OmsError as error:
                measured["error.type"] = type(error).__qualname__
                raise
            finally:
                seconds = (self._clock() - run.started_at).total_seconds()
                RUN_DURATION.record(seconds, measured)

    def stop(self) -> None:
        """Let runs finish what they hold and take up nothing new. May be called by a signal."""
        self.is_stopping = True

    def may_go_on(self, run: Run) -> bool:
        """Tell whether a run may take up new work."""
        return not self.is_stopping and self._clock() < run.ends_at

    def finish(self, run: Run) -> dict[str, Any]:
        """Keep the run as the job's last and return its summary. Raises DatabaseUnavailable."""
        now = self._clock()
        summary = run.summary(now)
        heartbeat = JobRun(run.job, run.run_id, run.started_at, now, summary)
        self._store.write(lambda tx: tx.job_runs.record(heartbeat))
        for result in COUNTERS:
            if run.counts[result]:
                JOB_ITEMS.record(run.counts[result], {"oms.job": run.job, "oms.job.result": result})
        _logger.info(
            "job run finished", extra={f"oms.{name}": value for name, value in summary.items()}
        )
        return summary
