"""How long a new worker process takes until a function can be invoked, and what it has loaded."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import pytest

from tests.functions.processes import worker_processes

RUNS = 3


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One start of one process."""

    worker_seconds: float
    """The worker's own part: its runtime library, azure.functions, the settings."""
    load_seconds: float
    """Loading the function: our part, the libraries that it imports included."""
    modules: int
    packages: frozenset[str]
    """Top-level packages that are loaded."""


ColdStarts = Mapping[str, Sequence[ColdStart]]
COLD_STARTS = pytest.StashKey[ColdStarts]()


def measure(name: str, settings: Mapping[str, str]) -> ColdStart:
    """Load a function in a fresh process."""
    with worker_processes(settings, name) as [worker]:
        loaded = worker.loaded
    return ColdStart(
        loaded["workerSeconds"],
        loaded["loadSeconds"],
        loaded["modules"],
        frozenset(loaded["packages"]),
    )


def table(cold_starts: ColdStarts) -> Iterator[str]:
    """Write the measurements: medians, in milliseconds."""
    yield f"{'function':<20} {'worker ms':>10} {'load ms':>10} {'modules':>10}"
    for name, starts in cold_starts.items():
        worker = median(start.worker_seconds for start in starts) * 1000
        load = median(start.load_seconds for start in starts) * 1000
        modules = median(start.modules for start in starts)
        yield f"{name:<20} {worker:>10.0f} {load:>10.0f} {modules:>10.0f}"
    yield f"Median of {RUNS} fresh processes each, Python {platform.python_version()}."
