"""Publishing the outbox beside the bare producer, which forgets what it has sent.

The broker is the mock cluster of librdkafka in a process of its own, as quick as this machine, or
with the round trip of a broker in the same region. The bare producer has the same settings and
messages, and flushes once, at the end; or as often as the outbox does.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, Producer

from benchmarks.figures import Benchmark, Figure, at_least
from benchmarks.rounds import Took, in_a_process, interleaved, median, timed
from shared.clients.kafka_config import producer_config
from shared.composition import compose
from shared.domain.events import CONTENT_TYPE, terminal_event
from shared.domain.models import OutboxEvent
from shared.domain.retrying import Backoff
from shared.domain.statuses import RequestStatus
from shared.domain.timing import utc_now
from shared.jobs.pausing import Pauses
from shared.jobs.publishing import EVENTS_PER_FLUSH
from shared.jobs.runs import MONITORING
from shared.settings import Settings
from tests.unit.domain.builders import a_request

EVENTS = 10_000
PER_INSERT = 500
TOPIC = "oms-document-status"
ROUND_TRIPS = {"loopback": 0, "a round trip of 10 ms": 10}
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class _Broker:
    servers: str


@contextmanager
def broker(milliseconds: int) -> Iterator[_Broker]:
    """Run a broker in a process of its own."""
    command = [sys.executable, "-m", "local.broker", "--topic", TOPIC]
    command += ["--milliseconds", str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield _Broker(process.stdout.readline().strip())
        finally:
            process.terminate()


def product(peer: _Broker) -> Took:
    """Publish all that is due in an outbox, once its producer has made its first connection."""
    with tempfile.TemporaryDirectory() as folder:
        system = compose(settings(peer, Path(folder)))
        system.store.migrate()
        first, *rest = events()
        system.clients.publisher.publish([first])
        fill(system.store, rest)
        run = system.runs.start(MONITORING)
        pauses = Pauses(system.store, Backoff(5, 600), utc_now, MONITORING)
        with timed() as took:
            system.monitoring.publishing.publish_due(run, pauses)
        system.close()
    if run.counts["published"] != EVENTS:
        raise RuntimeError(f"not everything was published: {run.counts}")
    return took


def bare(peer: _Broker, per_flush: int) -> Took:
    """Send the same messages and wait for each acknowledgement."""
    producer = Producer(producer_config(settings(peer, Path("nowhere"))))
    first, *rest = events()
    acknowledged: set[UUID] = set()

    def send(some: Sequence[OutboxEvent]) -> None:
        for event in some:
            producer.produce(
                event.topic,
                key=str(event.request_id),
                value=event.payload,
                headers={"content-type": CONTENT_TYPE, "traceparent": event.traceparent},
                on_delivery=partial(note, event.event_id),
            )
        producer.flush()

    def note(event_id: UUID, error: KafkaError | None, _message: Any) -> None:
        if error is None:
            acknowledged.add(event_id)

    send([first])
    with timed() as took:
        for start in range(0, EVENTS, per_flush):
            send(rest[start : start + per_flush])
    assert len(acknowledged) == EVENTS + 1
    return took


def events() -> list[OutboxEvent]:
    """Make as many events as are measured, and one before."""
    return [
        terminal_event(
            a_request(
                request_id=UUID(int=number),
                request_correlation_id=f"REQ-{number}",
                status=RequestStatus.COMPLETED,
            ),
            environment="local",
            default_topic=TOPIC,
        )
        for number in range(EVENTS + 1)
    ]


def fill(store: Any, some: Sequence[OutboxEvent]) -> None:
    now = utc_now()
    for start in range(0, len(some), PER_INSERT):
        part = some[start : start + PER_INSERT]
        requests = [
            a_request(
                request_id=event.request_id,
                request_correlation_id=str(event.request_id),
                status=RequestStatus.COMPLETED,
            )
            for event in part
        ]

        def work(tx: Any, requests: Any = requests, part: Any = part) -> None:
            tx.requests.insert(requests, ["{}"] * len(requests))
            tx.outbox.add(part, now)

        store.write(work)


def settings(peer: _Broker, folder: Path) -> Settings:
    values: dict[str, Any] = {
        "environment": "local",
        "database_url": f"sqlite:///{folder}/oms.db",
        "reference_data_base_url": "http://127.0.0.1:9",
        "thunderhead_base_url": "http://127.0.0.1:9",
        "thunderhead_auth": "none",
        "kafka_bootstrap_servers": peer.servers,
        "kafka_security": "plaintext",
        "api_auth": "none",
    }
    return Settings(**values)


def measure() -> Sequence[Figure]:
    figures: list[Figure] = []
    for name, milliseconds in ROUND_TRIPS.items():
        with broker(milliseconds) as peer:
            results = interleaved(
                {
                    f"outbox, {name}": partial(in_a_process, product, peer),
                    f"bare, {name}": partial(in_a_process, bare, peer, EVENTS),
                    f"bare in flushes, {name}": partial(in_a_process, bare, peer, EVENTS_PER_FLUSH),
                }
            )
        seconds = {who: median(took, lambda one: one.seconds) for who, took in results.items()}
        measured = {f"{who}, events/s": EVENTS / value for who, value in seconds.items()}
        outbox, *others = seconds
        figures += [
            Figure(
                f"events/s, {name}",
                "bare producer, as many in a flush" if "flushes" in other else "bare producer",
                seconds[other] / seconds[outbox],
                at_least(0.8),
                measured=measured,
            )
            for other in others
        ]
    return figures


BENCHMARK = Benchmark("outbox", "Publishing 10,000 events from the outbox", measure)
