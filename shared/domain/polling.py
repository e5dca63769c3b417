"""When a batch is polled: first when batches of its configuration usually end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from shared.domain.models import Batch
from shared.domain.thunderhead import BatchReport

_ENOUGH_SAMPLES = 5
"""Before so many batches of a configuration have ended, nothing is known of the next."""

_STEPS_PER_MEDIAN = 4
"""Some 2.8 polls a batch, and 95 % found ended within a third of a median, where sigma is 0.5
(`benchmarks/polls.py`); fewer steps find it later, more ask more often."""

_EVEN_POLLS = 8
"""After so many, it takes longer than batches of its kind do: polls become rarer."""

_GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class GenerationTime:
    """How long batches of a configuration take: the logarithm of seconds, as a distribution.

    Durations are skewed, their logarithms are not: mean and variance describe them well.
    """

    log_mean: float
    log_variance: float
    samples: int

    @property
    def is_known(self) -> bool:
        """Enough batches have ended to expect anything of the next."""
        return self.samples >= _ENOUGH_SAMPLES

    @property
    def median(self) -> float:
        """The seconds within which half of all batches end."""
        return math.exp(self.log_mean)

    @property
    def soonest(self) -> float:
        """The seconds within which hardly any batch (2 %) ends."""
        return math.exp(self.log_mean - 2 * math.sqrt(self.log_variance))

    @property
    def step(self) -> float:
        """The seconds between two polls, so that one finds several batches ended."""
        return self.median / _STEPS_PER_MEDIAN


@dataclass(frozen=True, slots=True)
class PollingBounds:
    """How often one batch may be polled, in seconds."""

    min_seconds: float
    max_seconds: float

    def first_poll(
        self, expected: GenerationTime | None = None, retry_after: float | None = None
    ) -> float:
        """Return the wait after the submission: a step beyond the end of the quickest."""
        if expected is None or not expected.is_known:
            return self.next_poll(0, retry_after)
        return self._bounded(expected.soonest + expected.step, retry_after)

    def next_poll(
        self,
        polls: int,
        retry_after: float | None = None,
        expected: GenerationTime | None = None,
    ) -> float:
        """Return the wait after so many polls, bounded, Retry-After respected.

        Even steps for as long as batches of this kind take, geometric ones from then on; where
        nothing is known of them, from the beginning.
        """
        if expected is None or not expected.is_known:
            return self._bounded(self.min_seconds * _grown(polls), retry_after)
        return self._bounded(expected.step * _grown(polls - _EVEN_POLLS), retry_after)

    def _bounded(self, seconds: float, retry_after: float | None) -> float:
        wanted = max(seconds, self.min_seconds, retry_after or 0.0)
        return min(wanted, self.max_seconds)


def _grown(times: int) -> float:
    return _GROWTH ** min(max(times, 0), 50)


def generation_seconds(batch: Batch, report: BatchReport, now: datetime) -> float | None:
    """Return how long a batch took, from its submission to its end; None if nobody knows.

    The vendor's clock may differ from ours: where its times cannot be, its own duration is
    taken. The time of our poll says nothing: it would make every batch seem to end when we look.
    """
    if report.finished_at is None:
        return None
    if batch.submitted_at and batch.submitted_at < report.finished_at <= now:
        return (report.finished_at - batch.submitted_at).total_seconds()
    if report.started_at and report.started_at < report.finished_at:
        return (report.finished_at - report.started_at).total_seconds()
    return None
