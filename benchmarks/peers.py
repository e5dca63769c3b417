"""The processing job beside job queues on PostgreSQL that make the same calls, one for each job.

The peers run as their documentation has it, in an environment of their own (`make bench-peers`),
one process each as the product is; their database is made for the run (postgresql.py). All begin
with everything queued, and are measured until the last document is recorded as done.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.drain import AT_A_TIME, CALL_SECONDS, DELAYS, DOCUMENTS, call_body, product
from benchmarks.figures import Benchmark, Figure, at_least
from benchmarks.job_queues.work import REFERENCE, Done, Work
from benchmarks.postgresql import Server, postgresql
from benchmarks.rounds import in_a_process, interleaved, median
from benchmarks.thunderhead_stub import Stub, stub

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
REACHES = {"": at_least(1.05), ", slow commits": at_least(1.2)}
PEERS = {
    "pgqueuer": ("pgqueuer", 2),
    "pgqueuer that claims none ahead": ("pgqueuer", 1),
    "procrastinate": ("procrastinate", 2),
}
"""Which worker, and how many jobs it may have claimed for each call that it may make."""


def measure() -> Sequence[Figure]:
    if not PYTHON.exists():
        raise RuntimeError("there are no peers here: `make bench-peers` installs them")
    cases = [(calls, slow) for slow in DELAYS for calls in AT_A_TIME]
    with postgresql() as server, stub(CALL_SECONDS, count_documents=True) as thunderhead:
        turns: dict[str, Callable[[], float]] = {}
        for calls, slow in cases:
            delay = DELAYS[slow]
            turns[f"product, {calls}{slow}"] = partial(product_rate, thunderhead, calls, delay)
            for peer in PEERS:
                turns[f"{peer}, {calls}{slow}"] = partial(
                    peer_rate, server, thunderhead, peer, calls, delay
                )
        results = interleaved(
            {name: partial(_each_once, thunderhead, turn) for name, turn in turns.items()}
        )
    rate = {name: median(some, float) for name, some in results.items()}
    measured = {f"{name}, documents/s": value for name, value in rate.items()}
    return [
        Figure(
            f"documents/s, {calls} at a time, one in a batch{slow}",
            peer,
            rate[f"product, {calls}{slow}"] / rate[f"{peer}, {calls}{slow}"],
            REACHES[slow],
            measured=measured,
        )
        for peer in PEERS
        for calls, slow in cases
    ]


def product_rate(thunderhead: Stub, calls: int, commit_seconds: float) -> float:
    """Documents per second of the processing job on SQLite."""
    return in_a_process(product, thunderhead, DOCUMENTS, 1, calls, commit_seconds).per_second


def peer_rate(
    server: Server, thunderhead: Stub, peer: str, calls: int, commit_seconds: float
) -> float:
    """Jobs per second of a peer on a database of its own."""
    worker, claims_for_a_call = PEERS[peer]
    body = call_body(REFERENCE)
    with server.database() as url:
        work = Work(
            url,
            thunderhead.batches_url,
            body,
            DOCUMENTS,
            calls,
            calls * claims_for_a_call,
            commit_seconds,
        )
        finished = subprocess.run(
            [PYTHON, "-m", "benchmarks.job_queues", worker],
            cwd=ROOT,
            input=json.dumps(asdict(work)),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    done = Done(**json.loads(finished.stdout))
    if done.jobs != DOCUMENTS:
        raise RuntimeError(f"{peer} recorded {done.jobs} jobs as done, of {DOCUMENTS}")
    return done.jobs / done.seconds


def _each_once(thunderhead: Stub, turn: Callable[[], float]) -> float:
    """Let a contender take its turn; every document must have arrived, and none twice."""
    before = thunderhead.counts()
    rate = turn()
    after = thunderhead.counts()
    arrived = after["documents"] - before["documents"]
    if arrived != DOCUMENTS or after["repeated"]:
        raise RuntimeError(f"{arrived} of {DOCUMENTS} documents arrived; in all: {after}")
    return rate


BENCHMARK = Benchmark(
    "peers",
    "Submitting: the processing job beside job queues on PostgreSQL",
    measure,
    is_apart=True,
)
