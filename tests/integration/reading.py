"""Reading everything that the broker holds."""

from __future__ import annotations

import threading
from typing import Any

from confluent_kafka import Producer

from local.consumer import consume


def read_events(servers: str, topics: list[str], count: int) -> list[dict[str, Any]]:
    """Read everything on the topics, which must be so many."""
    events = read_all_events(servers, topics)
    assert len(events) == count, [event["key"] for event in events]
    return events


def read_all_events(servers: str, topics: list[str]) -> list[dict[str, Any]]:
    """Read everything on the topics.

    A marker is put behind the events of every partition: once all are read, nothing is left.
    """
    markers = _put_markers(servers, topics)
    stop, timer = threading.Event(), threading.Event()
    watchdog = threading.Timer(15, lambda: (timer.set(), stop.set()))
    watchdog.start()
    events: list[dict[str, Any]] = []
    try:
        for event in consume(servers, topics, stop):
            if event["key"] == "marker":
                markers -= 1
                if markers == 0:
                    stop.set()
            else:
                events.append(event)
    finally:
        watchdog.cancel()
    assert not timer.is_set(), "the events could not be read to their end"
    return events


def _put_markers(servers: str, topics: list[str]) -> int:
    producer = Producer({"bootstrap.servers": servers, "log_level": 3})
    markers = 0
    for topic in topics:
        for partition in producer.list_topics(topic, timeout=10).topics[topic].partitions:
            producer.produce(topic, b"{}", b"marker", partition)
            markers += 1
    assert producer.flush(10) == 0
    return markers
