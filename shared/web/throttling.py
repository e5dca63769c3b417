"""How often one caller may call one instance."""

from __future__ import annotations

import math
import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from shared.errors import OmsError
from shared.jobs.queries import Caller


class RateLimited(OmsError):
    """The caller has called too often; `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"again after {retry_after} seconds")
        self.retry_after = retry_after


class RateLimit:
    """So many calls in any window of time, such as `600/minute`, for each caller."""

    def __init__(self, rate: str) -> None:
        self._rate = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def __call__(self, caller: Caller) -> None:
        """Count a call. Raises RateLimited."""
        if not self._limiter.hit(self._rate, caller.name):
            free_at = self._limiter.get_window_stats(self._rate, caller.name).reset_time
            raise RateLimited(max(1, math.ceil(free_at - time.time())))
