"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

Randomness = Callable[[], float]
"""Gives a number in [0, 1); `random.random` outside tests."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter, in seconds.

    Full jitter (a uniform draw below the exponential bound) spreads the retries of many
    workers best; a tenth of the bound is the least, so that no retry is immediate.
    """

    base_seconds: float
    max_seconds: float
    randomness: Randomness = random.random

    def seconds(self, failures: int, retry_after: float | None = None) -> float:
        """Return the wait after so many failures in a row (1 = the first).

        A Retry-After of the other side is a lower bound, itself bounded by one hour: a
        server that asks for a week must not park the work unseen.
        """
        bound = min(self.max_seconds, self.base_seconds * 2.0 ** min(max(failures - 1, 0), 30))
        drawn = bound * (0.1 + 0.9 * self.randomness())
        return max(drawn, min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS))


MAX_RETRY_AFTER_SECONDS = 3600.0


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date (RFC 9110, section 10.2.3).

    Returns the seconds to wait, never negative; None where the header is absent or unreadable.
    """
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
