"""Processing runs that overlap, each in a process of its own, on one SQLite database.

The database has one writer at a time. Runs that meet there must not cost each other more than
they bring, and each document goes to Thunderhead once, whichever of them takes it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from benchmarks.drain import peer_settings
from benchmarks.figures import Benchmark, Figure, at_least, at_most
from benchmarks.product import submit
from benchmarks.rounds import interleaved, median
from benchmarks.thunderhead_stub import Stub, stub
from shared.composition import compose

CALL_SECONDS = 0.05
CONCURRENCY = 16
DOCUMENTS = {1: 2_000, 50: 15_000}
"""By how many are in a batch."""
PROCESSES = 4


def drained(peer: Stub, per_batch: int, processes: int) -> float:
    """Let so many processes drain one database together; documents per second."""
    documents = DOCUMENTS[per_batch]
    context = get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        options = peer_settings(peer, Path(folder), per_batch, CONCURRENCY)
        system = compose(options)
        system.store.migrate()
        submit(system, range(documents))
        system.close()
        ready, results = context.Barrier(processes), context.SimpleQueue()
        runs = [
            context.Process(target=_run, args=(options, ready, results)) for _ in range(processes)
        ]
        for run in runs:
            run.start()
        found = [results.get() for _ in runs]
        for run in runs:
            run.join()
    summaries, begins, ends = zip(*found, strict=True)
    if sum(summary["submitted"] for summary in summaries) != documents:
        raise RuntimeError(f"not everything was submitted once: {summaries}")
    return documents / (max(ends) - min(begins))


def _run(options: Any, ready: Barrier, results: Any) -> None:
    system = compose(options)
    system.store.is_migrated()
    ready.wait()
    began = time.monotonic()
    summary = system.processing.run()
    results.put((summary, began, time.monotonic()))
    system.close()


def measure() -> Sequence[Figure]:
    with stub(CALL_SECONDS, count_documents=True) as peer:
        results = interleaved(
            {
                f"{processes} at once, {per_batch} in a batch": partial(
                    drained, peer, per_batch, processes
                )
                for per_batch in DOCUMENTS
                for processes in (1, PROCESSES)
            }
        )
        repeated = peer.counts()["repeated"]
    rate = {name: median(some, float) for name, some in results.items()}
    measured = {f"{name}, documents/s": value for name, value in rate.items()}
    return [
        *(
            Figure(
                f"documents/s, {PROCESSES} runs at once, {per_batch} in a batch",
                "one run",
                rate[f"{PROCESSES} at once, {per_batch} in a batch"]
                / rate[f"1 at once, {per_batch} in a batch"],
                at_least(0.9),
                measured=measured,
            )
            for per_batch in DOCUMENTS
        ),
        Figure("documents that Thunderhead got twice", "", repeated, at_most(0), unit=""),
    ]


BENCHMARK = Benchmark("overlap", "Processing runs that overlap, on one database", measure)
