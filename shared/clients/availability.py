"""Whether a dependency is worth asking at the moment."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a dependency."""

    is_up: bool
    since: datetime | None = None
    reason: str | None = None


class Availability:
    """Remembers an outage, so that not everyone has to find it out alone.

    While it lasts, one caller at a time may try, `pause_seconds` after the last failure (or
    what the dependency asked for, at most `max_pause_seconds`). A trial that never reports
    counts as failed after `trial_seconds`.
    """

    def __init__(
        self,
        name: str,
        *,
        trial_seconds: float,
        pause_seconds: float = 5.0,
        max_pause_seconds: float = 300.0,
    ) -> None:
        self._name = name
        self._trial = timedelta(seconds=trial_seconds)
        self._pause_seconds = pause_seconds
        self._max_pause_seconds = max_pause_seconds
        self._lock = threading.Lock()
        self._state = State(is_up=True)
        self._retry_at: datetime | None = None

    def state(self) -> State:
        """Return what is known; up until proven otherwise."""
        return self._state

    def is_paused(self, now: datetime) -> bool:
        """Tell whether asking is pointless at the moment."""
        retry_at = self._retry_at
        return retry_at is not None and now < retry_at

    def may_try(self, now: datetime) -> bool:
        """Take the right to ask; while an outage lasts, one caller at a time gets it."""
        with self._lock:
            if self.is_paused(now):
                return False
            if self._retry_at is not None:
                self._retry_at = now + self._trial
            return True

    def succeeded(self, now: datetime) -> None:
        """Note an answer."""
        if self._state.is_up and self._state.since:
            return
        with self._lock:
            was_down = not self._state.is_up
            self._state = State(is_up=True, since=now)
            self._retry_at = None
        if was_down:
            logger.info("dependency is available again", extra={"oms.dependency": self._name})

    def failed(self, now: datetime, reason: str, retry_after: float | None = None) -> None:
        """Note an outage; `retry_after` is what the dependency asked for, in seconds."""
        pause = min(max(self._pause_seconds, retry_after or 0.0), self._max_pause_seconds)
        with self._lock:
            was_up = self._state.is_up
            since = now if was_up else self._state.since
            self._state = State(is_up=False, since=since, reason=reason)
            self._retry_at = now + timedelta(seconds=pause)
        if was_up:
            logger.warning(
                "dependency is unavailable",
                extra={"oms.dependency": self._name, "event.reason": reason},
            )
