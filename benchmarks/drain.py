"""The processing job against a bare pool of threads that makes the same calls.

One document in each batch is the worst case: every call has its own intent, outcome and
history. Fifty in each batch is how it is meant to be.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import requests
from sqlalchemy import Connection, event

from benchmarks.figures import Benchmark, Figure, at_least, at_most
from benchmarks.product import settings, submit
from benchmarks.rounds import in_a_process, interleaved, median, timed
from benchmarks.thunderhead_stub import Stub, stub
from shared.composition import System, compose
from shared.loading import without_garbage_collection
from shared.settings import Settings
from shared.store.engine import READ_ONLY

CALL_SECONDS = 0.05
COMMIT_SECONDS = 0.006
"""How much longer a commit takes on Azure SQL (knowledge of its log: docs/scale.md)."""
AT_A_TIME = (32, 64)
"""Calls."""
DELAYS = {"": 0.0, ", slow commits": COMMIT_SECONDS}
"""Of each commit, in seconds."""
DOCUMENTS = 2_000
DOCUMENTS_IN_BATCHES = 20_000
PER_BATCH = 50


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain took."""

    documents: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.documents / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """For each document."""
        return self.cpu_seconds / self.documents * 1000


def product(
    peer: Stub, documents: int, per_batch: int, concurrency: int, commit_seconds: float
) -> Drained:
    """Take in documents, then measure one run of the processing job."""
    with tempfile.TemporaryDirectory() as folder:
        with without_garbage_collection():  # as the function's own module does
            system = compose(peer_settings(peer, Path(folder), per_batch, concurrency))
        system.store.migrate()
        submit(system, range(documents))
        if commit_seconds:
            delay_commits(system, commit_seconds)
        with timed() as took:
            summary = system.processing.run()
        system.close()
    if summary["submitted"] != documents:
        raise RuntimeError(f"not everything was submitted: {summary}")
    return Drained(documents, took.seconds, took.cpu_seconds)


def bare_pool(peer: Stub, calls: int, concurrency: int) -> Drained:
    """Make the same calls from threads with a session each, and keep nothing."""
    body = call_body(str(uuid4())).encode()
    sessions = threading.local()

    def call(_number: int) -> str:
        if not hasattr(sessions, "one"):
            sessions.one = requests.Session()
        answer = sessions.one.post(
            peer.batches_url, data=body, headers={"Content-Type": "application/json"}, timeout=30
        )
        answer.raise_for_status()
        batch_id: str = answer.json()["batchId"]
        return batch_id

    with ThreadPoolExecutor(concurrency) as pool, timed() as took:
        assert len(set(pool.map(call, range(calls)))) == calls
    return Drained(calls, took.seconds, took.cpu_seconds)


def call_body(reference: str) -> str:
    """Return the body of a call with one document."""
    return json.dumps(
        {
            "clientReference": str(uuid4()),
            "batchName": "OMS-20260101T000000-00000000",
            "batchConfigResId": "1709524441",
            "projectId": None,
            "transactionDataType": "application/xml",
            "properties": [{"name": "FOOTER", "value": "0"}],
            "documents": [{"documentReference": reference, "transactionData": "A" * 900}],
        },
        separators=(",", ":"),
    )


def delay_commits(system: System, seconds: float) -> None:
    """Let each commit of this process take longer; one that has written nothing has no log."""

    def wait(connection: Connection) -> None:
        if not connection.get_execution_options().get(READ_ONLY):
            time.sleep(seconds)

    event.listen(system.store._engine, "commit", wait)


def peer_settings(peer: Stub, folder: Path, per_batch: int, concurrency: int) -> Settings:
    """Return settings that submit to a stub."""
    return settings(
        folder,
        reference_data_base_url=peer.reference_data_base_url,
        thunderhead_base_url=peer.thunderhead_base_url,
        max_documents_per_batch=per_batch,
        http_concurrency=concurrency,
    )


def measure() -> Sequence[Figure]:
    with stub(CALL_SECONDS) as peer:
        pools = {
            f"bare pool, {at_a_time}": partial(in_a_process, bare_pool, peer, DOCUMENTS, at_a_time)
            for at_a_time in AT_A_TIME
        }
        drains = {
            f"product, {at_a_time}{slow}": partial(
                in_a_process, product, peer, DOCUMENTS, 1, at_a_time, commit
            )
            for at_a_time in AT_A_TIME
            for slow, commit in DELAYS.items()
        }
        batches = {
            "product, 50 in a batch": partial(
                in_a_process, product, peer, DOCUMENTS_IN_BATCHES, PER_BATCH, 32, 0.0
            )
        }
        results = interleaved(pools | drains | batches)
    rate = {name: median(some, lambda one: one.per_second) for name, some in results.items()}
    cpu = {name: median(some, lambda one: one.cpu_milliseconds) for name, some in results.items()}
    measured = {f"{name}, documents/s": value for name, value in rate.items()}
    measured |= {f"{name}, CPU ms a document": value for name, value in cpu.items()}
    figures = [
        Figure(
            f"documents/s, {at_a_time} at a time, one in a batch{slow}",
            "bare pool",
            rate[f"product, {at_a_time}{slow}"] / rate[f"bare pool, {at_a_time}"],
            at_least(0.9),
            measured=measured,
        )
        for at_a_time in AT_A_TIME
        for slow in DELAYS
    ]
    return [
        *figures,
        Figure(
            "documents/s, 50 in a batch",
            "one in a batch",
            rate["product, 50 in a batch"] / rate["product, 32"],
            at_least(8),
        ),
        Figure(
            "CPU a document, one in a batch",
            "bare pool",
            cpu["product, 32"] / cpu["bare pool, 32"],
            at_most(1.5),
        ),
        Figure(
            "CPU a document, 50 in a batch",
            "bare pool",
            cpu["product, 50 in a batch"] / cpu["bare pool, 32"],
            at_most(0.3),
        ),
    ]


BENCHMARK = Benchmark(
    "drain", "Submitting: the processing job beside a bare pool of calls", measure
)
