"""What there is at a moment: how much waits, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.statuses import RequestStatus

OPEN = (
    RequestStatus.RECEIVED,
    RequestStatus.PROCESSING,
    RequestStatus.SUBMITTED,
    RequestStatus.HELD,
)
"""Statuses that wait for something, in the order of the flow. The others only grow: their changes
are counted instead."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many wait."""

    count: int
    since: datetime | None
    """Since when the oldest of them does; None where there is none."""

    def seconds(self, now: datetime) -> float:
        """Return how long the oldest has waited; 0 where there is none."""
        return round((now - self.since).total_seconds(), 3) if self.since else 0.0


NOTHING = Waiting(0, None)


@dataclass(frozen=True, slots=True)
class Figures:
    """A count of what is open."""

    requests: Mapping[RequestStatus, Waiting]
    """For each status of OPEN."""
    outbox: Mapping[str, Waiting]
    """By state: PENDING, SET_ASIDE."""
    database_utilization: float | None
    """Used share of the database's largest size; None where it has none."""
