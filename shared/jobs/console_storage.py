"""What operators' views and the statistics need from the database: ports of their tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from shared.jobs.console_models import (
    ActionFilter,
    FailureTally,
    HourCount,
    OperatorAction,
    Outcome,
    StatisticsMark,
)


class OperatorActions(Protocol):
    """Table operator_actions: the audit."""

    def add(self, action: OperatorAction) -> None:
        """Keep an action; the database gives it its number."""

    def page(self, where: ActionFilter, limit: int, before: int | None) -> Sequence[OperatorAction]:
        """Return actions, newest first, that come after a number."""


class Statistics(Protocol):
    """Tables request_statistics and statistics_mark: what happened in each hour."""

    def mark(self) -> StatisticsMark | None:
        """Return how far the statistics are; None before their begin."""

    def begin(self, now: datetime) -> StatisticsMark | None:
        """Set the mark before the first request ever; None if somebody else has."""

    def advance(
        self, mark: StatisticsMark, closed_until: datetime, counted_until: datetime | None
    ) -> bool:
        """Move the mark, as it is here; False, and nothing was changed, if somebody else has."""

    def happened(self, start: datetime, end: datetime) -> Sequence[HourCount]:
        """Count what happened in a time, from the requests and their history."""

    def put(self, hour: datetime, counts: Sequence[HourCount]) -> None:
        """Keep the counts of an hour in place of those it had."""

    def by_hour(
        self, start: datetime, end: datetime, source_systems: Collection[str] | None
    ) -> Sequence[tuple[datetime, Outcome, int]]:
        """Return how often each outcome happened in each hour."""

    def by_source_system(
        self, start: datetime, end: datetime, source_systems: Collection[str] | None
    ) -> Sequence[tuple[str, Outcome, int]]:
        """Return how often each outcome happened in each source system."""

    def failures(
        self, start: datetime, end: datetime, source_systems: Collection[str] | None, limit: int
    ) -> Sequence[FailureTally]:
        """Return the most frequent reasons of failures, most frequent first."""
