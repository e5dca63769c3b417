"""Publishing with a span for each message; the message carries its own span on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from opentelemetry.trace import Span, SpanKind

from shared import tracing
from shared.domain.models import OutboxEvent
from shared.jobs.ports import Publisher, PublishFailure


class TracedPublisher(Publisher):
    """Puts another publisher's messages into the traces of their requests.

    `system` is the name that the semantic conventions have for what carries the messages:
    `kafka`, `eventhubs`.
    """

    def __init__(self, publisher: Publisher, system: str) -> None:
        self._publisher = publisher
        self._system = system

    def publish(self, events: Sequence[OutboxEvent]) -> Mapping[UUID, PublishFailure | None]:
        """Publish all and flush; per event id None once acknowledged, else why not."""
        spans = {event.event_id: self._start(event) for event in events}
        results = self._publisher.publish(
            [_carrying(spans[event.event_id], event) for event in events]
        )
        for event_id, span in spans.items():
            if failure := results.get(event_id):
                tracing.mark_failed(span, "refused" if failure.is_final else "not_acknowledged")
            span.end()
        return results

    def close(self) -> None:
        """Flush and let go."""
        self._publisher.close()

    def _start(self, event: OutboxEvent) -> Span:
        return tracing.start(
            f"send {event.topic}",
            SpanKind.PRODUCER,
            {
                "messaging.system": self._system,
                "messaging.operation.name": "send",
                "messaging.operation.type": "send",
                "messaging.destination.name": event.topic,
                "messaging.message.id": str(event.event_id),
                "oms.request.id": str(event.request_id),
            },
            event.traceparent,
        )


def _carrying(span: Span, event: OutboxEvent) -> OutboxEvent:
    """Let a message carry its span; its payload stays as it was committed."""
    own = tracing.traceparent_of(span, event.traceparent)
    return replace(event, traceparent=own) if own else event
