"""How long after its acceptance a document's event arrives, in real time.

The jobs begin a run every ten seconds, at moments that have nothing to do with each other;
requests come at random moments of two minutes; Thunderhead generates each, alone in its batch,
within 3 to 7 seconds. The rounds wait most of the time: they run side by side.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from benchmarks.figures import Benchmark, Figure, at_most
from benchmarks.product import settings, submit
from benchmarks.rounds import ROUNDS, timed
from local import reference_data
from local.broker import MockBroker
from local.consumer import consume
from local.serving import ServerThread
from local.thunderhead import ThunderheadOptions, create_app
from shared.composition import System, compose

REQUESTS = 300
SECONDS = 120.0
EVERY = 10.0
"""Seconds between the runs of a job: Tp and Tm."""
GENERATION = (3.0, 7.0)
TOPIC = "oms-document-status"
PATIENCE_SECONDS = 60.0
"""How long the last event may take; then the round has failed."""


@dataclass(slots=True)
class Latencies:
    """What a round brought, in seconds."""

    accept_to_event: list[float]
    submission: float
    """A run of processing that has something to submit, until it has: L."""


@dataclass(slots=True)
class _Arrivals:
    """When the event of each request arrived."""

    by_request: dict[str, float] = field(default_factory=dict)
    are_complete: threading.Event = field(default_factory=threading.Event)


def measured_round(seed: int) -> Latencies:
    """Let requests come, in a process of its own."""
    dice = random.Random(seed)
    with ExitStack() as stack:
        system = _system(stack)
        arrivals, stop = _Arrivals(), threading.Event()
        runs: list[float] = []

        def process() -> None:
            with timed() as took:
                summary = system.processing.run()
            if summary["submitted"]:
                runs.append(took.seconds)

        servers = system.settings.kafka_bootstrap_servers
        threads = [
            threading.Thread(target=_every, args=(process, dice.uniform(0, EVERY), stop)),
            threading.Thread(
                target=_every, args=(system.monitoring.run, dice.uniform(0, EVERY), stop)
            ),
            threading.Thread(target=_listen, args=(servers, arrivals, stop)),
        ]
        for thread in threads:
            thread.start()
        try:
            accepted = _accept(system, sorted(dice.uniform(0, SECONDS) for _ in range(REQUESTS)))
            if not arrivals.are_complete.wait(PATIENCE_SECONDS):
                raise RuntimeError(f"only {len(arrivals.by_request)} events have arrived")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    taken = [arrivals.by_request[request_id] - at for request_id, at in accepted.items()]
    return Latencies(taken, statistics.mean(runs))


def _system(stack: ExitStack) -> System:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    options = ThunderheadOptions(generation_seconds=GENERATION)
    thunderhead = stack.enter_context(ServerThread(create_app(options)))
    codes = stack.enter_context(ServerThread(reference_data.create_app()))
    broker = stack.enter_context(MockBroker([TOPIC]))
    system = compose(
        settings(
            folder,
            reference_data_base_url=codes.url,
            thunderhead_base_url=f"{thunderhead.url}{options.base_path}",
            kafka_bootstrap_servers=broker.bootstrap_servers,
            max_documents_per_batch=1,
        )
    )
    stack.callback(system.close)
    system.store.migrate()
    return system


def _every(run: Callable[[], object], first: float, stop: threading.Event) -> None:
    """Begin a run at each tick; a tick that comes during a run is left out, as on the platform."""
    tick = time.monotonic() + first
    while not stop.wait(max(0.0, tick - time.monotonic())):
        run()
        while tick <= time.monotonic():
            tick += EVERY


def _accept(system: System, moments: Sequence[float]) -> dict[str, float]:
    """Submit a request at each moment; returns when each was accepted, by its id."""
    began = time.monotonic()
    accepted: dict[str, float] = {}
    for number, moment in enumerate(moments):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        (request_id,) = submit(system, range(number, number + 1))
        accepted[request_id] = time.monotonic()
    return accepted


def _listen(servers: str, arrivals: _Arrivals, stop: threading.Event) -> None:
    for event in consume(servers, [TOPIC], stop):
        arrivals.by_request[event["key"]] = time.monotonic()
        if len(arrivals.by_request) == REQUESTS:
            arrivals.are_complete.set()


def measure() -> Sequence[Figure]:
    print(f"  {ROUNDS} rounds side by side, {SECONDS:.0f} s and the last events", flush=True)
    with ProcessPoolExecutor(ROUNDS, mp_context=get_context("spawn")) as pool:
        rounds = list(pool.map(measured_round, range(ROUNDS)))
    submission = statistics.median(one.submission for one in rounds)
    mean = statistics.median(statistics.mean(one.accept_to_event) for one in rounds)
    p99 = statistics.median(statistics.quantiles(one.accept_to_event, n=100)[-1] for one in rounds)
    generation = statistics.mean(GENERATION)
    expected = EVERY / 2 + submission + generation + EVERY / 2
    most = EVERY + submission + generation + EVERY + 1
    seconds = {"mean, s": mean, "99th percentile, s": p99, "submission, s": submission}
    return [
        Figure(
            "accept to event, mean",
            "Tp/2 + L + Tgen + Tm/2",
            mean / expected,
            at_most(1.05),
            measured=seconds,
        ),
        Figure(
            "accept to event, 99th percentile",
            "Tp + L + Tgen + Tm + 1 s",
            p99 / most,
            at_most(1),
        ),
    ]


BENCHMARK = Benchmark(
    "latency", "From acceptance to the event: jobs every 10 s, generation 5 s ± 2 s", measure
)
