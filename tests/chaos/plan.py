"""What one round does; everything random in it comes from its seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

REQUESTS = 3000
SECONDS = 150.0

VISIBILITY_SECONDS = 3.0
"""How long the system allows a batch to stay invisible; the simulator stays below it."""
LATE_SECONDS = 2.5

# Short, so that many lives of everything fit into a round.
SETTINGS = {
    "OMS_LEASE_SECONDS": "4",
    "OMS_HTTP_TIMEOUT_SECONDS": "1.5",
    "OMS_RETRY_BASE_SECONDS": "0.2",
    "OMS_RETRY_MAX_SECONDS": "2",
    "OMS_POLL_MIN_SECONDS": "0.3",
    "OMS_POLL_MAX_SECONDS": "2",
    "OMS_THUNDERHEAD_VISIBILITY_SECONDS": f"{VISIBILITY_SECONDS:g}",
    "OMS_PENDING_GRACE_SECONDS": "5",
    "OMS_EVENTS_TIMEOUT_SECONDS": "1",
    "OMS_RUN_BUDGET_SECONDS": "20",
    "OMS_MAX_DOCUMENTS_PER_BATCH": "5",
}

_SOON: dict[str, Any] = {"retryAfter": 1}
# Probabilities of a kind of fault at a call of an operation: about one call in five is hit.
_FAULTS: dict[str, list[tuple[float, str, dict[str, Any]]]] = {
    "submit": [
        (0.02, "status", {"status": 500}),
        (0.01, "status", {"status": 503, **_SOON}),
        (0.01, "status", {"status": 429, **_SOON}),
        (0.005, "status", {"status": 413}),
        (0.005, "status", {"status": 400}),
        (0.02, "reset-before", {}),
        (0.03, "reset-after", {}),
        (0.02, "timeout-after", {}),
        (0.01, "status-after", {"status": 502}),
        (0.03, "late", {}),
        (0.02, "stopped", {}),
        (0.02, "while1", {}),
        (0.02, "truncated", {}),
        (0.01, "slow-drip", {}),
    ],
    "poll": [
        (0.04, "status", {"status": 404}),
        (0.03, "status", {"status": 500}),
        (0.005, "status", {"status": 503, **_SOON}),
        (0.005, "status", {"status": 429, **_SOON}),
        (0.03, "reset-before", {}),
        (0.01, "timeout-after", {}),
        (0.01, "unknown-status", {}),
        (0.04, "while1", {}),
        (0.04, "truncated", {}),
        (0.005, "slow-drip", {}),
    ],
    "documents": [
        (0.03, "status", {"status": 404}),
        (0.03, "status", {"status": 500}),
        (0.005, "status", {"status": 503, **_SOON}),
        (0.04, "reset-after", {}),
        (0.01, "timeout-after", {}),
        (0.04, "while1", {}),
        (0.05, "truncated", {}),
        (0.005, "slow-drip", {}),
    ],
    "lookup": [
        (0.05, "status", {"status": 500}),
        (0.01, "status", {"status": 429, **_SOON}),
        (0.04, "reset-before", {}),
        (0.02, "timeout-after", {}),
        (0.04, "while1", {}),
        (0.04, "truncated", {}),
        (0.01, "slow-drip", {}),
    ],
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One round."""

    seed: int
    requests: int = REQUESTS
    seconds: float = SECONDS
    """How long requests come in and things go wrong, at least; then everything may drain."""

    def dice(self, part: str) -> random.Random:
        """Return the randomness of one part: the others' draws do not shift it."""
        return random.Random(f"{self.seed}/{part}")


def faults() -> list[dict[str, Any]]:
    """Return the faults as the simulator takes them."""
    return [
        {"operation": operation, "kind": kind, "probability": probability, **more}
        for operation, kinds in _FAULTS.items()
        for probability, kind, more in kinds
    ]


def outages(plan: Plan, part: str) -> Iterator[tuple[float, float]]:
    """Yield when a peer goes down, in seconds of the round, and for how long.

    One outage in the middle of each 40 seconds, at least one.
    """
    dice = plan.dice(part)
    count = max(1, round(plan.seconds / 40))
    share = plan.seconds / count
    for number in range(count):
        length = min(dice.uniform(2.0, 6.0), share / 3)
        yield number * share + dice.uniform(share / 4, share * 3 / 4 - length / 2), length
