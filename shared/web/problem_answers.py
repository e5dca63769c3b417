"""The problems of each operation, for the OpenAPI description.

The examples are the problems that callers get, so the two cannot differ; the headers are theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from starlette.requests import Request

from shared.domain.content_rules import Violation
from shared.web.bodies import MAX_BATCH_BYTES, MAX_REQUEST_BYTES
from shared.web.examples import REQUEST_ID
from shared.web.problems import (
    AUTHENTICATION_UNAVAILABLE,
    INTERNAL_ERROR,
    MEDIA_TYPE,
    NOT_AUTHENTICATED,
    NOT_AUTHORIZED,
    REFERENCE_DATA_UNAVAILABLE,
    REQUEST_NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
    correlation_id_reused,
    database_unavailable,
    forbidden_source_system,
    malformed_json,
    payload_too_large,
    rate_limited,
    validation_error,
)
from shared.web.response_headers import describe_headers


class Described(NamedTuple):
    """A problem as the description shows it."""

    meaning: str
    example: Problem


MALFORMED = Described(
    "The body is not JSON.",
    malformed_json("body", "Expecting property name enclosed in double quotes at line 1, column 2"),
)
FORBIDDEN_SYSTEM = Described(
    "The caller may not submit for this source system.", forbidden_source_system()
)
UNKNOWN_REQUEST = Described(
    "There is no such request, or none that the caller may see.", REQUEST_NOT_FOUND
)
REUSED = Described(
    "The correlation id belongs to a request with another body.",
    correlation_id_reused(UUID(REQUEST_ID)),
)
NOT_CANCELLABLE = Described(
    "The request is not RECEIVED any more; nothing was changed.",
    Problem(
        409, "NOT_CANCELLABLE", "A request can be cancelled while RECEIVED; this one is SUBMITTED."
    ),
)
BODY_TOO_LARGE = Described(
    "The body is too large.", payload_too_large("The body", MAX_REQUEST_BYTES)
)
BATCH_TOO_LARGE = Described(
    "The body is too large.", payload_too_large("The body", MAX_BATCH_BYTES)
)
NOT_JSON = Described("The body is not declared as JSON.", UNSUPPORTED_MEDIA_TYPE)
INVALID_BODY = Described(
    "The body is not valid; `errors` has one entry per field.",
    validation_error([Violation("documentType", "is required")]),
)
INVALID_QUERY = Described(
    "A query parameter is not valid; `errors` has one entry per parameter.",
    validation_error([Violation("limit", "must be at most 200")]),
)
INVALID_ID = Described(
    "The `requestId` is not a UUID.", validation_error([Violation("requestId", "must be a UUID")])
)
NO_REFERENCE_DATA = Described(
    "Reference data cannot be read; nothing was changed.", REFERENCE_DATA_UNAVAILABLE
)
DATABASE_OUT_AT_READ = Described(
    "The database cannot be reached; try again later.", database_unavailable(is_write=False)
)
DATABASE_OUT_AT_WRITE = Described(
    "The database cannot be reached, and the outcome may be unknown: send the same again.",
    database_unavailable(is_write=True),
)

_GUARDED = (
    Described("There is no valid proof of who calls.", NOT_AUTHENTICATED),
    Described("The caller is not allowed to use this API.", NOT_AUTHORIZED),
    Described("The caller has called too often.", rate_limited(12)),
    Described("Something unexpected; the trace id helps to find it.", INTERNAL_ERROR),
    Described("The caller's token cannot be checked now.", AUTHENTICATION_UNAVAILABLE),
)
_CALL = Request(
    {
        "type": "http",
        "path": "",  # of the operation that shows the example
        "state": {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
    }
)


def problems(*described: Described) -> dict[int | str, dict[str, Any]]:
    """Describe the problems of a guarded route: those given, and those that all have."""
    by_status: dict[int, list[Described]] = {}
    for one in (*_GUARDED, *described):
        by_status.setdefault(one.example.status, []).append(one)
    return {status: _response(by_status[status]) for status in sorted(by_status)}


def _response(described: list[Described]) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    headers = sorted({name for one in described for name in one.example.headers})
    return {
        "description": " ".join(f"`{one.example.code}`: {one.meaning}" for one in described),
        **describe_headers(*headers),
        "content": {
            MEDIA_TYPE: {
                "schema": schema,
                "examples": {
                    one.example.code: {"value": one.example.document(_CALL)} for one in described
                },
            }
        },
    }
