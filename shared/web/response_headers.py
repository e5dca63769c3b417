"""The headers of answers, for the OpenAPI description."""

from __future__ import annotations

from typing import Any

_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Accept": ("The media type that the body must have.", {"const": "application/json"}),
    "Idempotent-Replayed": (
        "The request was stored by an earlier call; this one changed nothing.",
        {"const": "true"},
    ),
    "Location": ("Path of the request.", {"type": "string", "format": "uri-reference"}),
    "Retry-After": ("Seconds to wait before the next try.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("How to authenticate.", {"const": "Bearer"}),
}


def describe_headers(*names: str) -> dict[str, Any]:
    """Describe the headers that an answer always has, as a part of its description."""
    described = {
        name: {"description": description, "required": True, "schema": schema}
        for name in names
        for description, schema in [_HEADERS[name]]
    }
    return {"headers": described} if described else {}
