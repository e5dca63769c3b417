"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_SECONDS = 60.0


def wait_for(
    condition: Callable[[], T | bool | None], what: str, seconds: float = DEADLINE_SECONDS
) -> T:
    """Return the first truthy value of a condition; fails after a deadline."""
    give_up_at = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up_at, f"waited {seconds:g} s for {what}"
        time.sleep(0.01)
    return value  # type: ignore[return-value]
