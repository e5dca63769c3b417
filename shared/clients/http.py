"""HTTP calls whose outcome is told apart: not sent, no answer, an answer.

HttpError
├── NotSentError         nothing of the request was processed: it may be sent again
├── NoAnswerError        it may or may not have been processed
└── UnreadableBodyError  an answer came, but its body is not what was agreed

Messages name the host and the kind of failure, never a query, a header or a body.
"""

from __future__ import annotations

import codecs
import json
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import urllib3
from opentelemetry.trace import SpanKind
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict

from shared import tracing
from shared.clients.deadline import Call, Monotonic, time_limit
from shared.clients.transport import Route
from shared.domain.tracing import continue_or_start, trace_id_of
from shared.errors import OmsError

USER_AGENT = "oms/1.0"
MAX_BODY_BYTES = 16 * 1024 * 1024
_JSON_GUARD = b"while(1);"


class HttpError(OmsError):
    """Base of what can go wrong with a call."""


class NotSentError(HttpError):
    """No connection came about (refused, no such host, time-out, untrusted certificate)."""


class NoAnswerError(HttpError):
    """The request may have been sent, but no whole answer came back."""


class UnreadableBodyError(HttpError):
    """The body of an answer is not the JSON that was agreed."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, complete."""

    status: int
    headers: Mapping[str, str]
    """Keys are case-insensitive."""
    body: bytes = field(repr=False)
    authorization: str | None = field(default=None, repr=False)
    """The Authorization header that was sent: tells which token was refused."""

    def json(self) -> Any:
        """Parse the body, without the `while(1);` that may precede it.

        Raises UnreadableBodyError.
        """
        text = self.body.removeprefix(codecs.BOM_UTF8).lstrip().removeprefix(_JSON_GUARD)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnreadableBodyError(f"the body is no JSON ({type(error).__name__})") from None


class HttpClient:
    """Calls one service, over a kept connection per thread.

    `timeout_seconds` limits a whole call, from the connection to the last byte of the body
    (see `shared.clients.transport` for name resolution). Certificates are always verified,
    with the bundle that REQUESTS_CA_BUNDLE names or certifi's. Proxies come from the
    environment, read once per thread. Redirects are returned, not followed: requests carry
    tokens and documents. Cookies are not kept; nothing is retried. (requests finds the way and
    authenticates; what it does beside that for each call takes as long as the call itself.)
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float,
        max_body_bytes: int = MAX_BODY_BYTES,
        auth: AuthBase | None = None,
        user_agent: str = USER_AGENT,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._base_url = base_url
        parts = urlsplit(base_url)
        self._host = parts.hostname
        self._shown_url = parts._replace(
            netloc=parts.netloc.rpartition("@")[2], query="", fragment=""
        ).geturl()
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._timeout_seconds = timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._auth = auth
        self._headers = {
            **requests.utils.default_headers(),
            "User-Agent": user_agent,
            "Accept": "application/json",
        }
        self._monotonic = monotonic
        self._local = threading.local()

    def request(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        traceparent: str | None = None,
        template: str | None = None,
    ) -> Response:
        """Make one call, as a child of the trace that `traceparent` names (else a new one).

        `template` is the path with names instead of ids, for the call's span. Raises
        NotSentError, NoAnswerError, and whatever the authentication raises.
        """
        template = path if template is None else template
        parent = traceparent or tracing.current_traceparent()
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "server.address": self._host or "",
            "server.port": self._port,
            # Without the query: it asks about somebody's document.
            "url.full": self._shown_url + path,
            "url.template": template,
        }
        with tracing.span(
            f"{method} {template}".strip(),
            SpanKind.CLIENT,
            attributes=attributes,
            parent=parent,
        ) as span:
            own = tracing.traceparent_of(span, parent)
            trace = own or continue_or_start(traceparent)
            answer = self._call(method, path, params, body, headers, trace)
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= 400:
                tracing.mark_failed(span, str(answer.status))
            return answer

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        trace: str,
    ) -> Response:
        if params:
            path = f"{path}?{urlencode(params)}"
        request = requests.PreparedRequest()
        request.method, request.body = method, body
        request.headers = CaseInsensitiveDict(self._headers)
        request.headers["traceparent"] = trace
        request.headers["X-Correlation-ID"] = trace_id_of(trace)
        request.headers.update(headers or {})
        with time_limit(self._timeout_seconds, self._monotonic) as call:
            try:
                route = self._route()
                request.url = route.url(path)
                if self._auth:
                    request = self._auth(request)
                answer = route.pool.urlopen(
                    method,
                    route.target(path),
                    request.body,
                    request.headers,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=call.remaining(),
                    preload_content=False,
                )
                with closing(answer):
                    return Response(
                        answer.status,
                        answer.headers,
                        self._read(answer),
                        request.headers.get("Authorization"),
                    )
            except (OSError, urllib3.exceptions.HTTPError) as error:
                raise self._outcome(error, call) from error

    def _route(self) -> Route:
        """Return the thread's route: host, proxies and bundle are always the same."""
        route: Route | None = getattr(self._local, "route", None)
        if route is None:
            self._local.route = route = Route(self._base_url)
        return route

    def _read(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        body = answer.read(self._max_body_bytes + 1, decode_content=True)
        if len(body) > self._max_body_bytes:
            raise NoAnswerError(f"{self._host}: the body is too large")
        return body

    def _outcome(self, error: BaseException, call: Call) -> HttpError:
        kind = type(_root(error)).__name__
        if call.is_sent:
            return NoAnswerError(f"{self._host}: no answer ({kind})")
        return NotSentError(f"{self._host}: no connection ({kind})")


def _root(error: BaseException) -> BaseException:
    """Return what began a chain of errors: the libraries wrap the operating system's."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error
