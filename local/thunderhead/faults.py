"""The plan of faults: which call of which operation goes wrong, and how."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.problems import Refusal

OPERATIONS = ("submit", "poll", "documents", "lookup", "cancel", "token")

BEFORE_PROCESSING = frozenset({"status", "exceptions", "reset-before"})
AFTER_PROCESSING = frozenset(
    {
        "status-after",
        "reset-after",
        "timeout-after",
        "truncated",
        "broken-off",
        "garbage",
        "while1",
        "slow-drip",
    }
)
# Kinds that make sense for one operation only.
_OF_ONE_OPERATION = {"stopped": "submit", "late": "submit", "unknown-status": "poll"}
KINDS = BEFORE_PROCESSING | AFTER_PROCESSING | _OF_ONE_OPERATION.keys()

_MEMBERS = {"operation", "kind", "times", "probability", "retryAfter", "status"}


@dataclass(slots=True)
class Fault:
    """One entry of the plan."""

    operation: str
    kind: str
    remaining: int | None = None
    """How many calls are still to be hit; None for all."""
    probability: float = 1.0
    retry_after: str | None = None
    status: int = 500
    hits: int = 0
    """How many calls it has hit."""

    def resource(self) -> dict[str, Any]:
        """Return the entry as the control interface shows it."""
        return {
            "operation": self.operation,
            "kind": self.kind,
            "times": self.remaining,
            "probability": self.probability,
            "retryAfter": self.retry_after,
            "status": self.status,
            "hits": self.hits,
        }


class FaultPlan:
    """The faults that are armed; of several that fit a call the one added first wins."""

    def __init__(self, seed: int) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(seed)

    def add(self, faults: list[Fault]) -> None:
        """Arm more faults."""
        self._faults.extend(faults)

    def clear(self) -> None:
        """Disarm everything."""
        self._faults.clear()

    def take(self, operation: str) -> Fault | None:
        """Return the fault that hits this call, and use up one of its times."""
        for fault in self._faults:
            if fault.operation != operation or fault.remaining == 0:
                continue
            # No number is drawn for a certain fault, so adding one does not shift the others.
            if fault.probability < 1.0 and self._random.random() >= fault.probability:
                continue
            if fault.remaining is not None:
                fault.remaining -= 1
            fault.hits += 1
            return fault
        return None

    def resource(self) -> dict[str, Any]:
        """Return the plan as the control interface shows it."""
        return {"faults": [fault.resource() for fault in self._faults]}


def read_faults(body: Any) -> list[Fault]:
    """Parse the list that the control interface takes; refuse it if anything is unclear."""
    entries: list[Any] = body if isinstance(body, list) else [None]
    errors = [
        {"field": f"[{index}]", "message": message}
        for index, entry in enumerate(entries)
        for message in _objections(entry)
    ]
    if errors:
        raise Refusal(400, "INVALID_FAULTS", "A list of faults is required.", errors=errors)
    return [
        Fault(
            operation=entry["operation"],
            kind=entry["kind"],
            remaining=entry.get("times"),
            probability=entry.get("probability", 1.0),
            retry_after=str(entry["retryAfter"]) if entry.get("retryAfter") is not None else None,
            status=entry.get("status", 500),
        )
        for entry in entries
    ]


def _objections(entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield "an object is required"
        return
    for name in sorted(entry.keys() - _MEMBERS):
        yield f"{name} is unknown"
    operation, kind = entry.get("operation"), entry.get("kind")
    if operation not in OPERATIONS:
        yield f"operation must be one of {', '.join(OPERATIONS)}"
    if kind not in KINDS:
        yield f"kind must be one of {', '.join(sorted(KINDS))}"
    elif _OF_ONE_OPERATION.get(kind, operation) != operation:
        yield f"kind {kind} is for {_OF_ONE_OPERATION[kind]} only"
    if not _is_number(entry.get("times", 1), 1, None, whole=True):
        yield "times must be a whole number from 1"
    if not _is_number(entry.get("probability", 1), 0, 1):
        yield "probability must be a number from 0 to 1"
    if not _is_number(entry.get("status", 500), 300, 599, whole=True):
        yield "status must be an HTTP status from 300 to 599"
    if not isinstance(entry.get("retryAfter"), str | int | float | None):
        yield "retryAfter must be seconds or an HTTP date"


def _is_number(value: Any, low: float, high: float | None, *, whole: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return False
    return bool(value >= low and (high is None or value <= high))
