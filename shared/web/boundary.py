"""The outermost layer: trace context in, safe headers out, and no exception beyond it.

Pure ASGI: a BaseHTTPMiddleware would cost more than the rest of the framework together.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from opentelemetry.trace import INVALID_SPAN, Span, SpanKind
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import tracing
from shared.domain.tracing import continue_or_start, trace_id_of, valid_traceparent
from shared.web.problems import INTERNAL_ERROR, problem_response
from shared.web.security_headers import secure

_log = logging.getLogger(__name__)


def _failed(request: Request) -> Response:
    return problem_response(INTERNAL_ERROR, request)


class Boundary:
    """Wraps a whole ASGI application, the framework's own error handling included.

    An exception that left the application would fail the Functions invocation, and its caller
    would get no problem document. `failed` makes the answer to it.
    """

    def __init__(self, app: ASGIApp, failed: Callable[[Request], Response] = _failed) -> None:
        self._app = app
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Under the Functions worker the current context is the host's, which goes on from the
        # caller's.
        caller = tracing.current_traceparent() or valid_traceparent(
            Headers(scope=scope).get("traceparent")
        )
        with _span(scope, caller) as span:
            traceparent = tracing.traceparent_of(span, caller) or continue_or_start(caller)
            await self._serve(scope, receive, send, traceparent, span)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, traceparent: str, span: Span
    ) -> None:
        method = scope["method"]
        is_head = method == "HEAD"
        scope = {
            **scope,
            # Whatever answers GET answers HEAD, without the body.
            "method": "GET" if is_head else method,
            "state": {**(scope.get("state") or {}), "traceparent": traceparent},
        }
        has_started = False

        async def answer(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                if span.is_recording():
                    _note_answer(span, method, scope, message["status"])
                headers = MutableHeaders(scope=message)
                headers["traceparent"] = traceparent
                secure(headers, scope.get("scheme"))
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, answer)
        # The one place for what nobody expected: it becomes an answer and a line in the log.
        except Exception as error:
            _report(error, scope, traceparent)
            if has_started:
                raise  # the server has to break off an answer that is not whole
            await self._failed(Request(scope))(scope, receive, answer)


def _span(scope: Scope, caller: str | None) -> AbstractContextManager[Span]:
    """Return the span of a call. Probes have none: they would be most of what is seen."""
    path = scope["path"]
    if "/health/" in path:
        return nullcontext(INVALID_SPAN)
    attributes: dict[str, str | int] = {
        "http.request.method": scope["method"],
        "url.scheme": scope.get("scheme", "https"),
        "url.path": path,
    }
    return tracing.span(scope["method"], SpanKind.SERVER, attributes=attributes, parent=caller)


def _note_answer(span: Span, method: str, scope: Scope, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        tracing.mark_failed(span, str(status))
    if template := getattr(scope.get("route"), "path", None):
        route = _whole(template, scope["path"])
        span.set_attribute("http.route", route)
        span.update_name(f"{method} {route}")


def _whole(template: str, path: str) -> str:
    """Return a route with the prefix under which it is included, and no types of parameters."""
    prefix = "/".join(path.split("/")[: -template.count("/")])
    return prefix + re.sub(r":\w+}", "}", template)


def _report(error: Exception, scope: Scope, traceparent: str) -> None:
    """Log the kind and the place of an exception, not its text: that may quote a body."""
    _log.error(
        "A call failed unexpectedly.",
        extra={
            "trace.id": trace_id_of(traceparent),
            "error.type": _kind(error),
            "error.stack_trace": "".join(traceback.format_tb(error.__traceback__)),
            "http.request.method": scope["method"],
            "url.path": scope["path"],
        },
    )


def _kind(error: BaseException) -> str:
    """Name an exception and what it was raised from."""
    kinds = [type(error).__qualname__]
    while error.__cause__ is not None and len(kinds) < 5:
        error = error.__cause__
        kinds.append(type(error).__qualname__)
    return " from ".join(kinds)
