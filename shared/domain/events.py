"""The terminal status event (contracts, section 4)."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5

from shared.domain import strict_json
from shared.domain.models import DocumentRequest, OutboxEvent
from shared.domain.resource import to_resource
from shared.domain.statuses import RequestStatus
from shared.domain.timing import rfc3339

_NAMESPACE = uuid5(NAMESPACE_URL, "urn:oms:documentrequest")

TYPES = {
    RequestStatus.COMPLETED: "oms.documentrequest.completed.v1",
    RequestStatus.FAILED: "oms.documentrequest.failed.v1",
}

CONTENT_TYPE = "application/cloudevents+json"


def event_id(request_id: UUID, generation: int, status: RequestStatus) -> UUID:
    """Return the id of a terminal transition: the same for the same one, for ever."""
    return uuid5(_NAMESPACE, f"{request_id}/{generation}/{status.value}")


def terminal_event(
    request: DocumentRequest, *, environment: str, default_topic: str
) -> OutboxEvent:
    """Freeze the event of a request that has just reached a terminal status."""
    identifier = event_id(request.request_id, request.generation, request.status)
    event = {
        "specversion": "1.0",
        "id": str(identifier),
        "source": f"/oms/{environment}",
        "type": TYPES[request.status],
        "subject": str(request.request_id),
        "time": rfc3339(request.updated_at),
        "datacontenttype": "application/json",
        "traceparent": request.traceparent,
        "data": to_resource(request),
    }
    return OutboxEvent(
        event_id=identifier,
        request_id=request.request_id,
        generation=request.generation,
        topic=request.event_topic or default_topic,
        payload=strict_json.dumps(event),
        traceparent=request.traceparent,
        created_at=request.updated_at,
    )
