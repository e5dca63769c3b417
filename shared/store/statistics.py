"""SQL of request_statistics and statistics_mark: what happened in each hour."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from shared.domain.statuses import FailureCategory
from shared.jobs.console_models import FailureTally, HourCount, Outcome, StatisticsMark
from shared.jobs.statistics import CLOSED_AFTER, HOUR, hour_of
from shared.store.statements import insert_rows, setting
from shared.store.tables import (
    document_requests,
    request_statistics,
    statistics_mark,
    status_history,
)

_THE_ONLY = 1
"""Key of the one row of statistics_mark."""

s = request_statistics.c
m = statistics_mark.c
r = document_requests.c
h = status_history.c


class StatisticsTables:
    """Port `Statistics` on SQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def mark(self) -> StatisticsMark | None:
        """Return how far the statistics are; None before their begin."""
        row = self._connection.execute(select(statistics_mark)).first()
        return StatisticsMark(row.closed_until, row.counted_until, row.version) if row else None

    def begin(self, now: datetime) -> StatisticsMark | None:
        """Set the mark before the first request ever; None if somebody else has."""
        first = self._connection.scalar(select(func.min(r.received_at)))
        # An older request may be committed still.
        mark = StatisticsMark(hour_of((first or now) - CLOSED_AFTER), None, 1)
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(statistics_mark).values(
                        mark_id=_THE_ONLY, closed_until=mark.closed_until, version=mark.version
                    )
                )
        except IntegrityError:
            return None
        return mark

    def advance(
        self, mark: StatisticsMark, closed_until: datetime, counted_until: datetime | None
    ) -> bool:
        """Move the mark, as it is here; False, and nothing was changed, if somebody else has."""
        values = {"closed_until": closed_until, "counted_until": counted_until}
        changed = self._connection.execute(
            update(statistics_mark)
            .where(m.mark_id == _THE_ONLY, m.version == mark.version)
            .values(version=m.version + 1, **setting(values))
        )
        return changed.rowcount == 1

    def happened(self, start: datetime, end: datetime) -> Sequence[HourCount]:
        """Count what happened in a time, from the requests and their history."""
        accepted = (
            select(r.source_system, func.count().label("number"))
            .where(r.received_at >= start, r.received_at < end)
            .group_by(r.source_system)
        )
        reason = (r.source_system, h.to_status, h.failure_category, h.failure_code)
        ended = (
            select(*reason, func.count().label("number"))
            .join_from(status_history, document_requests, r.request_id == h.request_id)
            .where(
                h.at >= start,
                h.at < end,
                # As the index says it: SQL Server uses a filtered one for nothing else.
                h.to_status.in_([literal_column("'COMPLETED'"), literal_column("'FAILED'")]),
            )
            .group_by(*reason)
        )
        execute = self._connection.execute
        return [
            *(
                HourCount(row.source_system, Outcome.ACCEPTED, row.number)
                for row in execute(accepted)
            ),
            *(_to_count(row) for row in execute(ended)),
        ]

    def put(self, hour: datetime, counts: Sequence[HourCount]) -> None:
        """Keep the counts of an hour in place of those it had."""
        is_of_it = and_(s.hour_start >= hour, s.hour_start < hour + HOUR)
        self._connection.execute(delete(request_statistics).where(is_of_it))
        rows = [
            {
                "hour_start": hour,
                "source_system": one.source_system,
                "outcome": one.outcome.value,
                "failure_category": one.failure_category.value if one.failure_category else "",
                "failure_code": one.failure_code,
                "number": one.count,
            }
            for one in counts
        ]
        insert_rows(self._connection, request_statistics, rows)

    def by_hour(
        self, start: datetime, end: datetime, source_systems: Collection[str] | None
    ) -> Sequence[tuple[datetime, Outcome, int]]:
        """Return how often each outcome happened in each hour."""
        statement = (
            select(s.hour_start, s.outcome, func.sum(s.number).label("number"))
            .where(*_within(start, end, source_systems))
            .group_by(s.hour_start, s.outcome)
        )
        return [
            (row.hour_start, Outcome(row.outcome), row.number)
            for row in self._connection.execute(statement)
        ]

    def by_source_system(
        self, start: datetime, end: datetime, source_systems: Collection[str] | None
    ) -> Sequence[tuple[str, Outcome, int]]:
        """Return how often each outcome happened in each source system."""
        statement = (
            select(s.source_system, s.outcome, func.sum(s.number).label("number"))
            .where(*_within(start, end, source_systems))
            .group_by(s.source_system, s.outcome)
        )
        return [
            (row.source_system, Outcome(row.outcome), row.number)
            for row in self._connection.execute(statement)
        ]

    def failures(
        self, start: datetime, end: datetime, source_systems: Collection[str] | None, limit: int
    ) -> Sequence[FailureTally]:
        """Return the most frequent reasons of failures, most frequent first."""
        number = func.sum(s.number).label("number")
        statement = (
            select(s.failure_category, s.failure_code, number)
            .where(*_within(start, end, source_systems), s.outcome == Outcome.FAILED.value)
            .group_by(s.failure_category, s.failure_code)
            .order_by(number.desc(), s.failure_category, s.failure_code)
            .limit(limit)
        )
        return [
            FailureTally(FailureCategory(row.failure_category), row.failure_code, row.number)
            for row in self._connection.execute(statement)
        ]


def _within(
    start: datetime, end: datetime, source_systems: Collection[str] | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [s.hour_start >= start, s.hour_start < end]
    if source_systems is not None:
        conditions.append(s.source_system.in_(sorted(source_systems)))
    return conditions


def _to_count(row: Row[Any]) -> HourCount:
    return HourCount(
        row.source_system,
        Outcome(row.to_status),
        row.number,
        FailureCategory(row.failure_category) if row.failure_category else None,
        row.failure_code or "",
    )
