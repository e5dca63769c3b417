"""Events through the Kafka protocol, which Event Hubs speaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from shared.clients.event_identity import NoToken
from shared.clients.kafka_config import producer_config
from shared.domain.events import CONTENT_TYPE
from shared.domain.models import OutboxEvent
from shared.jobs.ports import PublishFailure
from shared.settings import Settings

_FLUSH_MARGIN_SECONDS = 2.0
"""What flush may take beyond the delivery time-out: librdkafka looks for the messages that
are past it once per second, and reports them itself."""

_FINAL = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.TOPIC_EXCEPTION,  # a name that can be no topic
    }
)
"""Refusals of this very message. A topic that is missing or forbidden is not among them:
infrastructure and roles are put right without anybody touching the event."""

_Results = dict[UUID, PublishFailure | None]


class KafkaPublisher:
    """Implements `shared.jobs.ports.Publisher`; one per process, safe to share.

    `publish` ends within OMS_EVENTS_TIMEOUT_SECONDS and two more. The producer is made
    by the first call and kept: the first message of a producer costs half a second more.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout_seconds = settings.events_timeout_seconds + _FLUSH_MARGIN_SECONDS
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._last_error: str | None = None

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        """Publish all and flush; per event id None once acknowledged, else why not."""
        if not events:
            return {}
        with self._lock:
            results: _Results = {}
            give_up_at = time.monotonic() + self._timeout_seconds
            self._deliver(events, results, give_up_at)
            refused = [event for event in events if _is_final(results[event.event_id])]
            if refused and len(events) > 1:
                # A broker refuses the whole set in which a message came: alone, each shows
                # whether it is the one.
                for event in refused:
                    del results[event.event_id]
                    self._deliver([event], results, give_up_at)
            if not any(results.values()):
                self._last_error = None
            return results

    def close(self) -> None:
        """Flush and let go; a later `publish` starts anew."""
        with self._lock:
            self._flush(time.monotonic() + self._timeout_seconds)
            self._producer = None

    def _deliver(self, events: Sequence[OutboxEvent], results: _Results, give_up_at: float) -> None:
        """Send events and wait; afterwards there is a result for each."""
        try:
            producer = self._producer or self._new_producer()
        except KafkaException as error:
            self._remember(error.args[0])
        except NoToken as error:
            self._last_error = str(error)
        else:
            for event in events:
                self._enqueue(producer, event, results, give_up_at)
            self._flush(give_up_at)
        for event in events:
            if event.event_id not in results:
                # It may arrive yet, or never: as far as anybody knows it is unsent. A new
                # producer is made next time, so that it is not sent behind our back.
                results[event.event_id] = self._failure("not acknowledged in time")
                self._producer = None

    def _new_producer(self) -> Producer:
        config = producer_config(self._settings) | {"error_cb": self._remember}
        if "oauth_cb" in config:
            # Without a token `Producer` would block for ten seconds, and hide why. The credential
            # keeps this one for the producer.
            config["oauth_cb"]("")
        self._producer = Producer(config)
        return self._producer

    def _enqueue(
        self, producer: Producer, event: OutboxEvent, results: _Results, give_up_at: float
    ) -> None:
        while time.monotonic() < give_up_at:
            try:
                producer.produce(
                    event.topic,
                    key=str(event.request_id),
                    value=event.payload,
                    headers={"content-type": CONTENT_TYPE, "traceparent": event.traceparent},
                    on_delivery=self._recorder(event.event_id, results),
                )
            except BufferError:  # the local queue is full
                producer.poll(0.1)
            except KafkaException as error:
                results[event.event_id] = self._failure_of(error.args[0])
                return
            else:
                return

    def _recorder(
        self, event_id: UUID, results: _Results
    ) -> Callable[[KafkaError | None, Message], None]:
        def record(error: KafkaError | None, _message: Message) -> None:
            results[event_id] = None if error is None else self._failure_of(error)

        return record

    def _flush(self, give_up_at: float) -> None:
        if self._producer is None:
            return
        try:
            self._producer.flush(max(0.0, give_up_at - time.monotonic()))
        except (KafkaException, SystemError) as error:
            # A fatal error; with callbacks it comes as SystemError.
            self._last_error = str(error)
            self._producer = None

    def _failure_of(self, error: KafkaError) -> PublishFailure:
        if error.fatal():
            self._producer = None
        if error.code() in _FINAL:
            return PublishFailure(error.str(), is_final=True)
        return self._failure(error.str())

    def _failure(self, reason: str) -> PublishFailure:
        """Add what the connection said: a delivery report alone says "timed out" at most."""
        cause = f" ({self._last_error})" if self._last_error else ""
        return PublishFailure(f"{reason}{cause}", is_final=False)

    def _remember(self, error: KafkaError) -> None:
        # "1/1 brokers are down" follows every other error, and says less.
        if error.code() != KafkaError._ALL_BROKERS_DOWN or self._last_error is None:
            self._last_error = error.str()


def _is_final(failure: PublishFailure | None) -> bool:
    return failure is not None and failure.is_final
