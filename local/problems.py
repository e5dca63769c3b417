"""Problem documents (RFC 9457), the error form of every HTTP contract."""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """A call is refused; carries what its problem document says."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.members = members or {}


def phrase(status: int) -> str:
    """Return the standard phrase of a status, or a neutral one for a code of no standard."""
    known = {member.value: member.phrase for member in HTTPStatus}
    return known.get(status, "Error")


def problem(request: web.Request, refusal: Refusal) -> web.Response:
    """Write a refusal as a problem document."""
    body = {
        "type": "about:blank",
        "title": phrase(refusal.status),
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": request.path,
        "code": refusal.code,
        "errors": [dict(error) for error in refusal.errors],
        "traceId": _trace_id(request),
        **refusal.members,
    }
    return web.Response(
        status=refusal.status,
        body=json.dumps(body).encode(),
        content_type="application/problem+json",
        headers=refusal.headers,
    )


@web.middleware
async def problem_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals and the framework's own errors (404, 405, 413) into problem documents."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return problem(request, refusal)
    except web.HTTPError as error:
        code = error.reason.upper().replace(" ", "_")
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return problem(request, Refusal(error.status, code, error.reason, headers=allow))


def _trace_id(request: web.Request) -> str:
    parts = request.headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) == 4 else uuid.uuid4().hex
