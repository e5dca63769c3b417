"""A run with nothing to do, on databases of every size: all that is open waits for later.

What the monitoring job does every few minutes, statistics and census, is no part of such a run:
what it costs when it is due is measured apart. Retention looks, and has nothing to remove. The
databases take turns, run by run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.databases import NOTHING_IS_DUE, QUICK_SIZES, SIZES, database
from benchmarks.figures import Benchmark, Figure, at_most
from benchmarks.rounds import alternated, in_a_process, timed
from shared.composition import System
from tests.integration.clocks import TestClock
from tests.integration.jobs.counting import calls_received, counted
from tests.integration.jobs.world import start_world

RUNS = 60
COUNTED_LATELY, COUNTED_LONG_AGO = NOTHING_IS_DUE, NOTHING_IS_DUE - timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of run."""

    run: Callable[[System], dict[str, Any]]
    counted_until: datetime
    """When the statistics were counted before it."""


COUNTING = "run of monitoring with statistics and census"
KINDS = {
    "idle run of processing": _Kind(lambda system: system.processing.run(), COUNTED_LATELY),
    "idle run of monitoring": _Kind(lambda system: system.monitoring.run(), COUNTED_LATELY),
    COUNTING: _Kind(lambda system: system.monitoring.run(), COUNTED_LONG_AGO),
}


@dataclass(frozen=True, slots=True)
class Idle:
    """What runs of one kind took."""

    milliseconds: dict[str, float]
    """Medians, by database."""
    statements: int
    """Of one run, on the database where there were most."""
    calls: int
    """Over HTTP, of one run on each database."""


def runs(databases: Mapping[str, Path]) -> dict[str, Idle]:
    """Do runs of each kind on each database."""
    with ExitStack() as stack:
        world = start_world(stack, TestClock(NOTHING_IS_DUE), "")
        systems = {
            name: (world.system(database_url=f"sqlite:///{path}"), path)
            for name, path in databases.items()
        }
        found: dict[str, Idle] = {}
        for what, kind in KINDS.items():
            print(f"  {what}, {RUNS} times", flush=True)
            steps = {name: partial(_step, kind, *one) for name, one in systems.items()}
            milliseconds = alternated(steps, RUNS)
            calls_before = calls_received(world)
            statements: list[int] = []
            for name, (system, _) in systems.items():
                with counted(system.store._engine) as work:
                    steps[name]()
                statements.append(len(work.statements))
            calls = calls_received(world) - calls_before
            found[what] = Idle(milliseconds, max(statements), calls)
        return found


def _step(kind: _Kind, system: System, path: Path) -> float:
    _set_mark(path, kind.counted_until)
    with timed() as took:
        summary = kind.run(system)
    assert not any(summary[name] for name in ("claimed", "published", "purged")), summary
    return took.seconds * 1000


def _set_mark(path: Path, counted_until: datetime) -> None:
    """Make the statistics as those of a system at work: the last hour is not final yet."""
    closed_until = NOTHING_IS_DUE - timedelta(hours=1)
    times = [f"{time:%Y-%m-%d %H:%M:%S.%f}" for time in (closed_until, counted_until)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO statistics_mark VALUES (1, ?, ?, 1)", times)


def measure(sizes: Sequence[int] = SIZES) -> Sequence[Figure]:
    found = in_a_process(runs, {f"{size:,} rows": database(size) for size in sizes})
    figures: list[Figure] = []
    for what, idle in found.items():
        small, *larger = idle.milliseconds
        figures += [
            Figure(
                f"{what}, {name}",
                small,
                idle.milliseconds[name] / idle.milliseconds[small],
                None if what == COUNTING else at_most(1.3),
                measured={f"{one}, ms": value for one, value in idle.milliseconds.items()},
            )
            for name in larger
        ]
    for what, idle in found.items():
        if what != COUNTING:
            figures += [
                Figure(f"statements of an {what}", "", idle.statements, at_most(6), unit=""),
                Figure(f"HTTP calls of an {what}", "", idle.calls, at_most(0), unit=""),
            ]
    return figures


BENCHMARK = Benchmark(
    "idle",
    "A run with nothing to do, whatever the tables hold",
    measure,
    is_quick=True,
    measure_quickly=partial(measure, QUICK_SIZES),
)
