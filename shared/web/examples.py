"""Examples of answers, for the OpenAPI description: one request from receipt to its documents."""

from __future__ import annotations

from typing import Any

from shared.web.bodies import EXAMPLE

REQUEST_ID = "0198e0a4-5f7c-7b3e-9d1a-2c4f6a8b0d1e"

_RUN_ID = "0198e0a5-1c2d-7e4f-8a6b-3d5e7f9a1b2c"
_RECEIVED_AT = "2026-01-31T09:30:00.000Z"
_CLAIMED_AT = "2026-01-31T09:30:20.000Z"
_SUBMITTED_AT = "2026-01-31T09:30:21.500Z"
_ENDED_AT = "2026-01-31T09:31:05.250Z"

_RECEIVED: dict[str, Any] = {
    "requestId": REQUEST_ID,
    **{name: value for name, value in EXAMPLE.items() if name != "content"},
    "status": "RECEIVED",
    "generation": 1,
    "receivedAt": _RECEIVED_AT,
    "updatedAt": _RECEIVED_AT,
}
_COMPLETED = _RECEIVED | {
    "status": "COMPLETED",
    "updatedAt": _ENDED_AT,
    "submittedAt": _SUBMITTED_AT,
    "completedAt": _ENDED_AT,
    "thunderheadBatchId": "76647",
    "outputs": [
        {
            "channelName": "PRINT",
            "mimeType": "application/pdf",
            "pageCount": 2,
            "documentName": "Invoice",
            "location": "/output/76647/1",
        },
        {
            "channelName": "ARCHIVE",
            "mimeType": None,
            "pageCount": None,
            "documentName": None,
            "location": None,
        },
    ],
}
_CANCELLED = _RECEIVED | {
    "status": "FAILED",
    "updatedAt": _CLAIMED_AT,
    "completedAt": _CLAIMED_AT,
    "failure": {
        "category": "CANCELLED",
        "code": "CANCELLED",
        "message": "Cancelled before it was processed.",
    },
}
_REFUSED_ITEM = {
    "type": "urn:oms:problem:validation-error",
    "title": "Validation error",
    "status": 422,
    "detail": "The input is not valid; see errors.",
    "instance": "/api/v1/document-requests/batch",
    "code": "VALIDATION_ERROR",
    "errors": [{"field": "documentType", "message": "is required"}],
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
}


def _change(before: str | None, after: str, at: str, actor: str = "processing") -> dict[str, Any]:
    run_id = None if before is None else _RUN_ID
    return {"from": before, "to": after, "at": at, "actor": actor, "reason": None, "runId": run_id}


EXAMPLES: dict[tuple[str, int], dict[str, Any]] = {
    ("getLiveness", 200): {"status": "live"},
    ("getReadiness", 200): {
        "status": "ready",
        "database": "up",
        "dependencies": [
            {
                "name": "reference-data",
                "state": "up",
                "since": None,
                "until": None,
                "reason": None,
            },
            {
                "name": "thunderhead",
                "state": "paused",
                "since": _CLAIMED_AT,
                "until": _ENDED_AT,
                "reason": "status 503",
            },
        ],
        "jobs": [
            {
                "job": "processing",
                "runId": _RUN_ID,
                "startedAt": _CLAIMED_AT,
                "finishedAt": _SUBMITTED_AT,
                "summary": {"claimed": 3},
            }
        ],
    },
    ("getReadiness", 503): {
        "status": "unavailable",
        "database": "down",
        "dependencies": [],
        "jobs": [],
    },
    ("submitDocumentRequest", 200): _COMPLETED,
    ("submitDocumentRequest", 202): _RECEIVED,
    ("submitDocumentRequestBatch", 207): {
        "items": [
            {"index": 0, "status": 202, "requestId": REQUEST_ID},
            {"index": 1, "status": 422, "problem": _REFUSED_ITEM},
        ]
    },
    ("listDocumentRequests", 200): {"items": [_COMPLETED], "nextCursor": None},
    ("summariseDocumentRequests", 200): {
        "counts": {
            "RECEIVED": 12,
            "PROCESSING": 3,
            "SUBMITTED": 25,
            "COMPLETED": 950,
            "FAILED": 9,
            "HELD": 1,
        },
        "total": 1000,
    },
    ("getDocumentRequest", 200): _COMPLETED,
    ("getDocumentRequestHistory", 200): {
        "items": [
            _change(None, "RECEIVED", _RECEIVED_AT, "arcade"),
            _change("RECEIVED", "PROCESSING", _CLAIMED_AT),
            _change("PROCESSING", "SUBMITTED", _SUBMITTED_AT),
            _change("SUBMITTED", "COMPLETED", _ENDED_AT),
        ]
    },
    ("cancelDocumentRequest", 200): _CANCELLED,
}
"""By operation and status. A problem has its examples from `problem_answers`."""
