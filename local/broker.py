"""A Kafka listener for development: the mock cluster inside librdkafka, on a real TCP port.

Topics come into being when a client asks for them, with four partitions. Plain text only, and
everything is gone when it stops. Run it with `python -m local.broker`.
"""

import argparse
import signal
import threading
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Self

from confluent_kafka import Producer

_START_SECONDS = 10.0


class MockBroker:
    """One broker that lives as long as the context is open (or from `start` to `stop`)."""

    def __init__(self, topics: Iterable[str] = ()) -> None:
        self._topics = tuple(topics)
        self._cluster: Producer | None = None
        self._bootstrap_servers = ""

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients, such as `127.0.0.1:40001`; known once started."""
        return self._bootstrap_servers

    def start(self) -> Self:
        """Start the broker and create the topics named at construction."""
        # The mock cluster belongs to the client that asked for it and ends with that client.
        # The configured address is replaced by the mock's own, but must not be empty.
        self._cluster = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "replaced", "log_level": 3}
        )
        brokers = self._cluster.list_topics(timeout=_START_SECONDS).brokers
        self._bootstrap_servers = ",".join(
            f"{broker.host}:{broker.port}" for broker in brokers.values()
        )
        for topic in self._topics:
            self._cluster.list_topics(topic, timeout=_START_SECONDS)
        return self

    def stop(self) -> None:
        """Stop the broker; its topics and events are gone. Harmless when not running."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def __enter__(self) -> Self:
        """Start the broker."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the broker."""
        self.stop()


def main() -> None:
    """Run the broker as a process: print the address, end on SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="Kafka broker for development")
    parser.add_argument("--topic", action="append", default=[], help="create this topic at once")
    arguments = parser.parse_args()
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with MockBroker(arguments.topic) as broker:
        print(broker.bootstrap_servers, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
