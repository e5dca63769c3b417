"""Events through AMQP 1.0, on its own port or over WebSockets: where Kafka's port is closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
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
from shared.settings import EventsTransport, KafkaSecurity, Settings, connection_string_parts

_KAFKA_PORT = "9093"
"""The port of a namespace for Kafka; those for AMQP (5671) and WebSockets (443) are the SDK's."""

_TOO_LARGE = "link:message-size-exceeded"


class AmqpPublisher:
    """Implements `shared.jobs.ports.Publisher`; one per process, safe to share.

    `publish` ends within OMS_EVENTS_TIMEOUT_SECONDS. Connections, one for each hub, are made by
    the first event and kept. Each event is sent by itself, under its own partition key, and
    waited for.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._tls = BoundedTls(settings.events_ca_file)
        self._clients: dict[str, EventHubProducerClient] = {}

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        """Publish all; per event id None once acknowledged, else why not."""
        seconds = self._settings.events_timeout_seconds
        results: dict[UUID, PublishFailure | None] = {}
        with self._lock, self._tls.limit(seconds):
            give_up_at = time.monotonic() + seconds
            for hub, some in groupby(sorted(events, key=_hub), key=_hub):
                self._deliver(hub, list(some), results, give_up_at)
        return results

    def close(self) -> None:
        """Let go; a later `publish` starts anew. Nothing is left to flush."""
        with self._lock:
            for hub in list(self._clients):
                self._let_go(hub)

    def _deliver(
        self,
        hub: str,
        events: Sequence[OutboxEvent],
        results: dict[UUID, PublishFailure | None],
        give_up_at: float,
    ) -> None:
        """Send events; afterwards there is a result for each."""
        try:
            for event in events:
                results[event.event_id] = self._send(hub, event, give_up_at)
        except EventHubError as error:
            # The hub cannot be reached, or does not let us in: the others would only wait too.
            # A new connection is made next time; what was sent on this one is in doubt.
            self._let_go(hub)
            failure = PublishFailure(_reason(error), is_final=False)
            for event in events:
                results.setdefault(event.event_id, failure)

    def _send(self, hub: str, event: OutboxEvent, give_up_at: float) -> PublishFailure | None:
        """Send one event and wait for the answer to it. Raises EventHubError."""
        client = self._clients.get(hub) or self._new_client(hub)
        batch = client.create_batch(partition_key=str(event.request_id))
        try:
            batch.add(_event_data(event))
        except ValueError:
            return PublishFailure("the message is too large for the hub", is_final=True)
        seconds = give_up_at - time.monotonic()
        if seconds <= 0:
            return PublishFailure("not sent in time", is_final=False)
        try:
            client.send_batch(batch, timeout=seconds)
        except EventHubError as error:
            if error.error == _TOO_LARGE:
                return PublishFailure(_reason(error), is_final=True)
            if isinstance(error, EventDataSendError):  # the answer to this message alone
                return PublishFailure(_reason(error), is_final=False)
            raise
        return None

    def _new_client(self, hub: str) -> EventHubProducerClient:
        host, _, port = self._settings.kafka_bootstrap_servers.rpartition(":")
        over_websocket = self._settings.events_transport is EventsTransport.AMQP_WEBSOCKET
        client = EventHubProducerClient(
            host,
            hub,
            self._new_credential(),
            transport_type=TransportType.AmqpOverWebsocket
            if over_websocket
            else TransportType.Amqp,
            # Any other port is a gateway's.
            custom_endpoint_address=None if port == _KAFKA_PORT else f"sb://{host}:{port}",
            ssl_context=self._tls,
            # It tries each event twice by itself, on a new connection if need be; the next run
            # does the rest.
            retry_total=0,
            retry_backoff_factor=0,
        )
        self._clients[hub] = client
        return client

    def _new_credential(self) -> Any:
        """Make one for a client: a new one has not heard of the failures of the last."""
        secret = self._settings.eventhub_connection_string
        if self._settings.kafka_security is KafkaSecurity.SAS and secret:
            parts = connection_string_parts(secret.get_secret_value())
            return AzureNamedKeyCredential(parts["sharedaccesskeyname"], parts["sharedaccesskey"])
        return EventIdentity()

    def _let_go(self, hub: str) -> None:
        client = self._clients.pop(hub, None)
        if client is not None:
            client.close()


_hub = attrgetter("topic")


def _event_data(event: OutboxEvent) -> EventData:
    data = EventData(event.payload)
    data.content_type = CONTENT_TYPE
    data.properties = {"traceparent": event.traceparent}
    return data


def _reason(error: EventHubError) -> str:
    """Put the SDK's lines into one, each once."""
    return " ".join(dict.fromkeys(error.message.splitlines()))
