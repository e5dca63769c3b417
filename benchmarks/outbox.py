"""Publishing the outbox beside the bare producer, which forgets what it has sent.

The broker takes what some throughput units of Event Hubs take, or all that this machine can send:
then what is measured is the database, in which every event is claimed and marked. The bare producer
has the same settings and messages, and flushes once, at the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, Producer

from benchmarks.figures import Benchmark, Figure, at_least
from benchmarks.paced_broker import broker
from benchmarks.product import PER_CALL, settings
from benchmarks.rounds import Took, in_a_process, interleaved, median, timed
from shared.clients.kafka_config import producer_config
from shared.composition import compose
from shared.domain.events import CONTENT_TYPE, terminal_event
from shared.domain.models import OutboxEvent
from shared.domain.retrying import Backoff
from shared.domain.statuses import RequestStatus
from shared.domain.timing import utc_now
from shared.jobs.pausing import Pauses
from shared.jobs.runs import MONITORING
from tests.unit.domain.builders import a_request

EVENTS = 10_000
TOPIC = "oms-document-status"
PACES = {"4 throughput units": 4_000_000.0, "a broker without limits": None}
"""Bytes a second."""


def product(servers: str) -> Took:
    """Publish all that is due in an outbox, once its producer has made its first connection."""
    with tempfile.TemporaryDirectory() as folder:
        system = compose(settings(Path(folder), kafka_bootstrap_servers=servers))
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


def bare(servers: str) -> Took:
    """Send the same messages and wait for each acknowledgement."""
    producer = Producer(producer_config(settings(Path("nowhere"), kafka_bootstrap_servers=servers)))
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
        send(rest)
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
    for start in range(0, len(some), PER_CALL):
        part = some[start : start + PER_CALL]
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


def measure() -> Sequence[Figure]:
    figures: list[Figure] = []
    for name, pace in PACES.items():
        with broker(TOPIC, pace) as servers:
            results = interleaved(
                {
                    f"outbox, {name}": partial(in_a_process, product, servers),
                    f"bare producer, {name}": partial(in_a_process, bare, servers),
                }
            )
        seconds = [median(took, lambda one: one.seconds) for took in results.values()]
        measured = {
            f"{who}, events/s": EVENTS / one for who, one in zip(results, seconds, strict=True)
        }
        figures.append(
            Figure(
                f"events/s, {name}",
                "bare producer",
                seconds[1] / seconds[0],
                at_least(0.8),
                measured=measured,
            )
        )
    return figures


BENCHMARK = Benchmark("outbox", "Publishing 10,000 events from the outbox", measure)
