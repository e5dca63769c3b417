"""The time limit of an outbound call: one moment by which everything of it has ended.

A read time-out alone bounds nothing: a server that sends one byte per second keeps a call
going for ever. The limit travels in a context variable, because it has to reach the socket
through requests and urllib3, and because a call may contain another one (a token's renewal)
that has to end by the same moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Monotonic = Callable[[], float]
"""Seconds on a clock that never goes back; `time.monotonic` outside tests."""


class Call:
    """A call that is under way: when it has to end and how far it has come."""

    def __init__(self, ends_at: float, monotonic: Monotonic) -> None:
        self.ends_at = ends_at
        self.is_sent = False
        """Some of the request may have left this machine."""
        self._monotonic = monotonic

    def remaining(self) -> float:
        """Return the seconds that are left, more than zero. Raises TimeoutError at the end."""
        seconds = self.ends_at - self._monotonic()
        if seconds <= 0:
            raise TimeoutError("the total time of the call is used up")
        return seconds


_current: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """Return the innermost call of this thread. Raises LookupError outside of one."""
    return _current.get()


@contextmanager
def time_limit(seconds: float, monotonic: Monotonic = time.monotonic) -> Iterator[Call]:
    """Limit everything inside to so many seconds, or to what is left of an outer limit."""
    ends_at = monotonic() + seconds
    outer = _current.get(None)
    call = Call(min(ends_at, outer.ends_at) if outer else ends_at, monotonic)
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)
