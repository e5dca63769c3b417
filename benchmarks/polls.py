"""How often a batch is polled until it is found ended, and how late that is.

A clock that is moved from tick to tick, the real decisions and the real experience (in a SQLite
file); Thunderhead is a time at which each batch ends. A poll happens some time after its tick, as
it does where many batches are due.
"""

from __future__ import annotations

import math
import random
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Benchmark, Figure, at_most
from benchmarks.rounds import in_a_process
from shared.composition import open_store
from shared.domain.polling import PollingBounds
from shared.settings import Settings
from shared.store.database import SqlStore

BATCHES = 5_000
SUBMITTED_EVERY = 3.0
"""Seconds, on average."""
MEDIAN, SIGMA = 60.0, 0.5
TICK_SECONDS = 10.0
LATEST_AFTER_TICK = 1.0
CONFIGURATION = "1709524441"
BOUNDS = ("min_seconds", "max_seconds")
SEED = 8


@dataclass(slots=True)
class _Batch:
    submitted_at: float
    ends_at: float
    due_at: float
    polls: int = 0


def polled(median: float, sigma: float, batches: int = BATCHES) -> tuple[list[int], list[float]]:
    """Poll batches until they are found ended; the polls and the seconds of delay of each."""
    dice = random.Random(SEED)
    settings = {name: Settings.model_fields[f"poll_{name}"].default for name in BOUNDS}
    bounds = PollingBounds(**settings)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/oms.db")
        store.migrate()
        polls, delays = _simulated(store, bounds, dice, (median, sigma), batches)
        store.close()
    return polls, delays


def _simulated(
    store: SqlStore,
    bounds: PollingBounds,
    dice: random.Random,
    generation: tuple[float, float],
    batches: int,
) -> tuple[list[int], list[float]]:
    median, sigma = generation
    polls: list[int] = []
    delays: list[float] = []
    submissions = sorted(dice.uniform(0, batches * SUBMITTED_EVERY) for _ in range(batches))
    under_way: list[_Batch] = []
    tick = 0.0
    while len(delays) < batches:
        tick += TICK_SECONDS
        experience = store.read(lambda tx: tx.generation_times.all()).get(CONFIGURATION)
        while submissions and submissions[0] < tick:
            at = submissions.pop(0)
            seconds = dice.lognormvariate(math.log(median), sigma)
            under_way.append(_Batch(at, at + seconds, at + bounds.first_poll(experience)))
        for batch in [one for one in under_way if one.due_at <= tick]:
            now = tick + dice.uniform(0, LATEST_AFTER_TICK)
            batch.polls += 1
            if batch.ends_at > now:
                batch.due_at = now + bounds.next_poll(batch.polls, expected=experience)
                continue
            under_way.remove(batch)
            polls.append(batch.polls)
            delays.append(now - batch.ends_at)
            seconds = batch.ends_at - batch.submitted_at
            store.write(lambda tx: tx.generation_times.note(CONFIGURATION, seconds))  # noqa: B023
    return polls, delays


def measure() -> Sequence[Figure]:
    polls, delays = in_a_process(polled, MEDIAN, SIGMA)
    p95 = statistics.quantiles(delays, n=20)[-1]
    return [
        Figure(
            "polls a batch, until it is found ended",
            "",
            statistics.mean(polls),
            at_most(3.0),
            unit="",
            measured={"mean delay, s": statistics.mean(delays), "most polls": max(polls)},
        ),
        Figure("delay of what is found ended, 95th percentile", "", p95, at_most(25), unit="s"),
    ]


BENCHMARK = Benchmark(
    "polls",
    "Polls: generation lognormal, median 60 s, sigma 0.5; monitoring every 10 s",
    measure,
    is_quick=True,
)
