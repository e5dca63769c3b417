"""A request as the outside sees it: in answers of the API and in events."""

from __future__ import annotations

from typing import Any

from shared.domain.models import DocumentRequest, HistoryEntry, Output
from shared.domain.timing import rfc3339


def to_resource(request: DocumentRequest) -> dict[str, Any]:
    """Write the resource of contracts section 1; absent values are left out."""
    resource: dict[str, Any] = {
        "requestId": str(request.request_id),
        "sourceSystem": request.source_system,
        "requestCorrelationId": request.request_correlation_id,
        "documentType": request.document_type,
        "documentName": request.document_name,
        "language": request.language,
        "priority": request.priority.value,
        "metadata": dict(sorted(request.metadata.items())),
        "status": request.status.value,
        "generation": request.generation,
        "receivedAt": rfc3339(request.received_at),
        "updatedAt": rfc3339(request.updated_at),
    }
    if request.submitted_at:
        resource["submittedAt"] = rfc3339(request.submitted_at)
    if request.completed_at:
        resource["completedAt"] = rfc3339(request.completed_at)
    if request.thunderhead_batch_id:
        resource["thunderheadBatchId"] = request.thunderhead_batch_id
    if request.failure:
        resource["failure"] = {
            "category": request.failure.category.value,
            "code": request.failure.code,
            "message": request.failure.message,
        }
    if request.outputs:
        resource["outputs"] = [_output(output) for output in request.outputs]
    return resource


def _output(output: Output) -> dict[str, Any]:
    return {
        "channelName": output.channel_name,
        "mimeType": output.mime_type,
        "pageCount": output.page_count,
        "documentName": output.document_name,
        "location": output.location,
    }


def to_history_item(entry: HistoryEntry) -> dict[str, Any]:
    """Write one transition as `GET …/history` shows it."""
    return {
        "from": entry.from_status.value if entry.from_status else None,
        "to": entry.to_status.value,
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "reason": entry.reason,
        "runId": str(entry.run_id) if entry.run_id else None,
    }
