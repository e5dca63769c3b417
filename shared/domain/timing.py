"""Times as the system keeps them: aware, in UTC, whole milliseconds.

SQL Server's datetime2(3) rounds up; truncating in the clock keeps a stored time from lying
in the future of the moment that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shared.domain.statuses import Priority

Clock = Callable[[], datetime]
"""Gives the present time as `utc_now` does; passed in, so that tests can move it."""

HEAD_START: dict[Priority, timedelta] = {
    Priority.HIGH: timedelta(minutes=30),
    Priority.NORMAL: timedelta(minutes=15),
    Priority.LOW: timedelta(0),
}
"""How far before its receipt a request counts as due.

One index order (due_at) serves all priorities: a HIGH request overtakes NORMAL ones up to 15
minutes older, a LOW one lets those up to 15 minutes younger pass. Nobody waits when there is
no queue, since no due time lies after the receipt.
"""


def utc_now() -> datetime:
    """Return the present time in UTC, truncated to milliseconds."""
    return to_milliseconds(datetime.now(UTC))


def to_milliseconds(moment: datetime) -> datetime:
    """Truncate an aware time to whole milliseconds, in UTC."""
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


# What is written together has its times in common.
@lru_cache(maxsize=256)
def rfc3339(moment: datetime) -> str:
    """Write a time as the contracts do: `2026-01-31T09:30:00.000Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def first_due(received_at: datetime, priority: Priority) -> datetime:
    """Return when a new request counts as due, its priority folded in."""
    return received_at - HEAD_START[priority]


def after(moment: datetime, seconds: float) -> datetime:
    """Return the time so many seconds after another, in whole milliseconds."""
    return to_milliseconds(moment + timedelta(seconds=seconds))
