"""What a benchmark says: figures, each a ratio of two measurements of one run, and its reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Bound(StrEnum):
    """On which side of its reach a figure should be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a figure should get."""

    bound: Bound
    limit: float

    def is_met_by(self, value: float) -> bool:
        """Tell whether a value is on the right side; the limit itself is."""
        return value >= self.limit if self.bound is Bound.AT_LEAST else value <= self.limit


def at_least(limit: float) -> Reach:
    return Reach(Bound.AT_LEAST, limit)


def at_most(limit: float) -> Reach:
    return Reach(Bound.AT_MOST, limit)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table in docs/performance.md."""

    what: str
    beside: str
    """What it is divided by; empty for a number that stands for itself."""
    value: float
    reach: Reach | None = None
    unit: str = "×"
    measured: Mapping[str, float] = field(default_factory=dict)
    """What the figure was made of, by name and unit ("product, documents/s"): for the record."""

    @property
    def is_met(self) -> bool:
        return self.reach is None or self.reach.is_met_by(self.value)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Something that can be measured by itself: `python -m benchmarks NAME`."""

    name: str
    title: str
    measure: Callable[[], Sequence[Figure]]
    is_quick: bool = False
    """Its figures have little noise and come soon: part of `make bench-quick`."""
    measure_quickly: Callable[[], Sequence[Figure]] | None = None
    """What comes soon of it, where that is not all."""
    is_apart: bool = False
    """Needs more than .venv has: measured only if it is named."""
