"""The downstream consumer: prints every event of some topics, one JSON object per line.

It reads from the beginning and shows what is really on the topic: duplicates and older
generations are not dropped. Run it with
`python -m local.consumer --bootstrap-servers 127.0.0.1:9092 --topic oms-document-status`.
"""

import argparse
import json
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

_METADATA_SECONDS = 10.0
# How soon a signal is noticed while no event arrives.
_POLL_SECONDS = 0.2


def consume(
    bootstrap_servers: str, topics: list[str], stop: threading.Event
) -> Iterator[dict[str, Any]]:
    """Yield every event of the topics from their beginning, until told to stop."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            # Required by the client, unused by the broker: partitions are assigned by hand,
            # which spares the seconds that joining a group takes.
            "group.id": "embedded-consumer",
            "enable.auto.commit": False,
            "allow.auto.create.topics": True,
            "log_level": 3,
        }
    )
    try:
        consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in topics
                for partition in consumer.list_topics(topic, timeout=_METADATA_SECONDS)
                .topics[topic]
                .partitions
            ]
        )
        while not stop.is_set():
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            error = message.error()
            if error is None:
                yield describe(message)
            elif not error.retriable():
                raise KafkaException(error)
    finally:
        consumer.close()


def describe(message: Message) -> dict[str, Any]:
    """Turn a message into what is printed of it."""
    described: dict[str, Any] = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": _text(message.key()),
        "headers": {header[0]: _text(header[1]) for header in message.headers() or []},
        "value": None,
    }
    raw = _text(message.value())
    try:
        described["value"] = json.loads(raw or "null")
    except ValueError:
        described["unreadable"] = raw
    return described


def _text(value: str | bytes | None) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def main() -> None:
    """Run the consumer as a process, until SIGTERM, SIGINT or the wanted number of events."""
    parser = argparse.ArgumentParser(description="Prints the events of Kafka topics as JSON lines")
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", action="append", required=True, dest="topics")
    parser.add_argument("--max-events", type=int, help="end after this many events")
    arguments = parser.parse_args()
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    events = consume(arguments.bootstrap_servers, arguments.topics, stop)
    for count, event in enumerate(events, start=1):
        print(json.dumps(event, ensure_ascii=False), flush=True)
        if count == arguments.max_events:
            stop.set()


if __name__ == "__main__":
    main()
