"""Contenders that take turns: what disturbs the machine disturbs all of them.

Each turn is a process of its own, so that nobody pays for what another left behind.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ROUNDS = 3


@dataclass(slots=True)
class Took:
    """What some work took; complete when its `timed` block is left."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of this process, all threads."""


@contextmanager
def timed() -> Iterator[Took]:
    """Measure a block of work."""
    took = Took()
    began, cpu = time.perf_counter(), time.process_time()
    yield took
    took.seconds = time.perf_counter() - began
    took.cpu_seconds = time.process_time() - cpu


def in_a_process(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do some work in a fresh process; `work` is a function of a module, its result a value."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()


def interleaved(
    contenders: Mapping[str, Callable[[], T]], rounds: int = ROUNDS
) -> dict[str, list[T]]:
    """Let each contender take its turn, `rounds` times; says who is on."""
    results: dict[str, list[Any]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, turn in contenders.items():
            print(f"  round {number} of {rounds}: {name}", end="", flush=True)
            began = time.perf_counter()
            results[name].append(turn())
            print(f", {time.perf_counter() - began:.1f} s", flush=True)
    return results


def alternated(steps: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Let steps of milliseconds take turns in this process, once without counting.

    Returns the medians of what they return.
    """
    results: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            result = step()
            if number:
                results[name].append(result)
    return {name: statistics.median(some) for name, some in results.items()}


def median(results: list[T], of: Callable[[T], float]) -> float:
    """Return the median of what `of` finds in some results."""
    return statistics.median(of(result) for result in results)
