"""Time as the simulators see it: a callable, so that tests can move it forward."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Answers the present moment as seconds since the epoch, like `time.time`."""


class ManualClock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        """Return the present moment in seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the present moment forward."""
        self._now += seconds


def timestamp(moment: float) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds, the form of every contract."""
    written = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")
