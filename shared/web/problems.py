"""Problem documents (RFC 9457): the one form of every error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request

from shared.domain.content_rules import MAX_VIOLATIONS, Violation
from shared.domain.tracing import trace_id_of
from shared.web.json_answer import JsonAnswer
from shared.web.violations import printable

MEDIA_TYPE = "application/problem+json"
RETRY_LATER = {"Retry-After": "5"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a call, or one item of it, is refused."""

    status: int
    code: str
    detail: str
    errors: tuple[Violation, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self, request: Request) -> dict[str, Any]:
        """Write the problem as the answer to a request, or as a part of that answer."""
        words = self.code.replace("_", " ").lower()
        return {
            "type": f"urn:oms:problem:{words.replace(' ', '-')}",
            "title": words.capitalize(),
            "status": self.status,
            "detail": self.detail,
            "instance": quote(request.scope["path"], errors="replace"),
            "code": self.code,
            "errors": [{"field": error.field, "message": error.message} for error in self.errors],
            "traceId": trace_id_of(request.state.traceparent),
        }


class Refusal(Exception):
    """Ends the work on a call, or on one item of it, with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def problem_response(problem: Problem, request: Request) -> JsonAnswer:
    """Answer a request with a problem."""
    return JsonAnswer(
        problem.document(request),
        status_code=problem.status,
        headers=dict(problem.headers),
        media_type=MEDIA_TYPE,
    )


def validation_error(violations: Iterable[Violation]) -> Problem:
    """Return the problem of invalid input: one entry per field, not more than are useful."""
    by_field: dict[str, Violation] = {}
    for violation in violations:
        by_field.setdefault(violation.field, violation)
    errors = tuple(by_field.values())[:MAX_VIOLATIONS]
    return Problem(422, "VALIDATION_ERROR", "The input is not valid; see errors.", errors)


def malformed_json(where: str, message: str) -> Problem:
    """Return the problem of a body that is no JSON."""
    return Problem(
        400,
        "MALFORMED_JSON",
        "The body is not JSON as RFC 8259 defines it.",
        (Violation(printable(where), message),),
    )


def payload_too_large(what: str, limit: int) -> Problem:
    """Return the problem of a body, or of one item of it, that is too large."""
    return Problem(413, "PAYLOAD_TOO_LARGE", f"{what} must have at most {limit} bytes.")


def correlation_id_reused(request_id: UUID) -> Problem:
    """Return the problem of a correlation id that belongs to another request."""
    return Problem(
        409,
        "CORRELATION_ID_REUSED",
        f"The correlation id belongs to request {request_id}, which has another body.",
        (Violation("requestCorrelationId", "is in use with another body"),),
    )


def rate_limited(retry_after: int) -> Problem:
    """Return the problem of a caller that calls too often."""
    return Problem(
        429,
        "RATE_LIMITED",
        "The caller has used up its calls; nothing was changed. Send this one again later.",
        headers={"Retry-After": str(retry_after)},
    )


def forbidden_source_system() -> Problem:
    """Return the problem of a source system that is not the caller's."""
    return Problem(
        403,
        "FORBIDDEN_SOURCE_SYSTEM",
        "The caller is not entitled to this source system.",
        (Violation("sourceSystem", "is not one that the caller may submit for"),),
    )


NOT_AUTHENTICATED = Problem(
    401,
    "NOT_AUTHENTICATED",
    "The call needs a valid bearer token.",
    headers={"WWW-Authenticate": "Bearer"},
)

NOT_AUTHORIZED = Problem(403, "NOT_AUTHORIZED", "The caller is not allowed to use this API.")

AUTHENTICATION_UNAVAILABLE = Problem(
    503,
    "AUTHENTICATION_UNAVAILABLE",
    "The keys that tokens are checked with cannot be fetched, so the call could not be checked. "
    "Nothing was changed; send it again later.",
    headers=RETRY_LATER,
)

REQUEST_NOT_FOUND = Problem(404, "NOT_FOUND", "There is no such document request.")

UNSUPPORTED_MEDIA_TYPE = Problem(
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    "The body must be application/json in UTF-8, not compressed.",
    headers={"Accept": "application/json"},
)

REFERENCE_DATA_UNAVAILABLE = Problem(
    503,
    "REFERENCE_DATA_UNAVAILABLE",
    "Reference data cannot be read, so the call could not be checked. Nothing was changed; "
    "send it again later.",
    headers=RETRY_LATER,
)

INTERNAL_ERROR = Problem(
    500, "INTERNAL_ERROR", "Something went wrong here. The trace id helps to find out what."
)


def database_unavailable(*, is_write: bool) -> Problem:
    """Return the problem of a database that is out, with what the caller should do."""
    advice = (
        "The outcome of this call may be unknown: send it again unchanged. The same pair of "
        "sourceSystem and requestCorrelationId is stored once."
        if is_write
        else "Try again later."
    )
    return Problem(
        503,
        "DATABASE_UNAVAILABLE",
        f"The database cannot be reached. {advice}",
        headers=RETRY_LATER,
    )
