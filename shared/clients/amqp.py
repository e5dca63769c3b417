"""Events through AMQP 1.0, on its own port or over WebSockets: where Kafka's port is closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from azure.core.credentials import AzureNamedKeyCredential
from azure.eventhub import EventData, EventHubProducerClient, TransportType
from azure.eventhub.exceptions import EventDataSendError, EventHubError

from shared.clients.bounded_tls import BoundedTls
from shared.clients.event_identity import EventIdentity
from shared.domain.events import CONTENT_TYPE
from shared.domain.models import OutboxEvent
from shared.jobs.ports import PublishFailure
from shared.settings import Settings
from shared.settings.events import EventsTransport, KafkaSecurity, connection_string_parts

_KAFKA_PORT = "9093"
"""The port of a namespace for Kafka; those for AMQP (5671) and WebSockets (443) are the SDK's."""

_TOO_LARGE = "link:message-size-exceeded"


@dataclass(frozen=True, slots=True)
class _Hub:
    client: EventHubProducerClient
    tls: BoundedTls


class AmqpPublisher:
    """Implements `shared.jobs.ports.Publisher`; one per process, safe to share.

    `publish` ends within OMS_EVENTS_TIMEOUT_SECONDS and one more. Connections, one for each hub,
    are made by the first event and kept. Each event is sent by itself, under its own partition
    key, and waited for.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._hubs: dict[str, _Hub] = {}

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        """Publish all; per event id None once acknowledged, else why not."""
        results: dict[UUID, PublishFailure | None] = {}
        with self._lock:
            give_up_at = time.monotonic() + self._settings.events_timeout_seconds
            by_hub = [list(some) for _, some in groupby(sorted(events, key=_topic), key=_topic)]
            for number, some in enumerate(by_hub):
                # A share each: a hub that never answers must not use up the others' time.
                left = max(0.0, give_up_at - time.monotonic())
                results |= self._deliver(some[0].topic, some, left / (len(by_hub) - number))
        return results

    def close(self) -> None:
        """Let go; a later `publish` starts anew. Nothing is left to flush."""
        with self._lock:
            for name in list(self._hubs):
                self._let_go(name)

    def _deliver(
        self, name: str, events: Sequence[OutboxEvent], seconds: float
    ) -> dict[UUID, PublishFailure | None]:
        """Send the events of a hub, one after the other; returns a result for each."""
        results: dict[UUID, PublishFailure | None] = {}
        failure = PublishFailure("not sent in time", is_final=False)
        hub = self._hubs.get(name) or self._open(name)
        give_up_at = time.monotonic() + seconds
        try:
            with hub.tls.limit(seconds):
                for event in events:
                    left = give_up_at - time.monotonic()
                    if left <= 0:
                        break
                    results[event.event_id] = _send(hub.client, event, left)
        except EventHubError as error:
            # The hub cannot be reached, or does not let us in: the others would only wait too.
            # A new connection is made next time; what was sent on this one is in doubt.
            self._let_go(name)
            failure = PublishFailure(_reason(error), is_final=False)
        return {event.event_id: failure for event in events} | results

    def _open(self, name: str) -> _Hub:
        host, _, port = self._settings.kafka_bootstrap_servers.rpartition(":")
        over_websocket = self._settings.events_transport is EventsTransport.AMQP_WEBSOCKET
        tls = BoundedTls(self._settings.events_ca_file)
        client = EventHubProducerClient(
            host,
            name,
            self._new_credential(),
            transport_type=TransportType.AmqpOverWebsocket
            if over_websocket
            else TransportType.Amqp,
            # Any other port is a gateway's.
            custom_endpoint_address=None if port == _KAFKA_PORT else f"sb://{host}:{port}",
            ssl_context=tls,
            # It tries each event twice by itself, on a new connection if need be; the next run
            # does the rest.
            retry_total=0,
            retry_backoff_factor=0,
        )
        self._hubs[name] = hub = _Hub(client, tls)
        return hub

    def _new_credential(self) -> Any:
        """Make one for a client: a new one has not heard of the failures of the last."""
        secret = self._settings.eventhub_connection_string
        if self._settings.kafka_security is KafkaSecurity.SAS and secret:
            parts = connection_string_parts(secret.get_secret_value())
            return AzureNamedKeyCredential(parts["sharedaccesskeyname"], parts["sharedaccesskey"])
        return EventIdentity()

    def _let_go(self, name: str) -> None:
        hub = self._hubs.pop(name, None)
        if hub is not None:
            hub.client.close()
            hub.tls.close()


_topic = attrgetter("topic")


def _send(
    client: EventHubProducerClient, event: OutboxEvent, seconds: float
) -> PublishFailure | None:
    """Send one event and wait for the answer to it. Raises EventHubError."""
    batch = client.create_batch(partition_key=str(event.request_id))
    try:
        batch.add(_event_data(event))
    except ValueError:
        return PublishFailure("the message is too large for the hub", is_final=True)
    try:
        client.send_batch(batch, timeout=seconds)
    except EventHubError as error:
        if error.error == _TOO_LARGE:
            return PublishFailure(_reason(error), is_final=True)
        if isinstance(error, EventDataSendError):  # the answer to this message alone
            return PublishFailure(_reason(error), is_final=False)
        raise
    return None


def _event_data(event: OutboxEvent) -> EventData:
    data = EventData(event.payload)
    data.content_type = CONTENT_TYPE
    data.properties = {"traceparent": event.traceparent}
    return data


def _reason(error: EventHubError) -> str:
    """Put the SDK's lines into one, each once."""
    return " ".join(dict.fromkeys(error.message.splitlines()))
