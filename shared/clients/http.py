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
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from opentelemetry.trace import SpanKind
from requests.auth import AuthBase

from shared import tracing
from shared.clients.deadline import Call, Monotonic, time_limit
from shared.clients.transport import TimedAdapter
from shared.domain.tracing import continue_or_start, trace_id_of
from shared.errors import OmsError

USER_AGENT = "oms/1.0"
MAX_BODY_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 65_536
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


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Follow no redirect, nor look where it leads: requests carry tokens and documents."""
        return None


class HttpClient:
    """Calls one service, over a kept connection per thread.

    `timeout_seconds` limits a whole call, from the connection to the last byte of the body
    (see `shared.clients.transport` for name resolution). Certificates are always verified,
    with the bundle that REQUESTS_CA_BUNDLE names or certifi's. Proxies come from the
    environment, read once per thread. Redirects are returned, not followed; cookies are
    not kept; nothing is retried.
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
        self._user_agent = user_agent
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
        all_headers = {"traceparent": trace, "X-Correlation-ID": trace_id_of(trace)}
        with time_limit(self._timeout_seconds, self._monotonic) as call:
            try:
                answer = self._session().request(
                    method,
                    self._base_url + path,
                    params=params,
                    data=body,
                    headers=all_headers | dict(headers or {}),
                    auth=self._auth,
                    timeout=call.remaining(),
                    stream=True,
                )
                with answer:
                    return Response(
                        answer.status_code,
                        answer.headers,
                        self._read(answer),
                        answer.request.headers.get("Authorization"),
                    )
            except (OSError, urllib3.exceptions.HTTPError) as error:
                raise self._outcome(error, call) from error

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _Session()
            # requests reads the environment (proxies, bundle, netrc) on every call; the host
            # never changes here, so that once is enough.
            found = session.merge_environment_settings(self._base_url, {}, None, None, None)
            session.trust_env = False
            session.proxies = found["proxies"]
            session.verify = found["verify"]
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
            session.headers["User-Agent"] = self._user_agent
            session.headers["Accept"] = "application/json"
            session.mount("https://", TimedAdapter())
            session.mount("http://", TimedAdapter())
            self._local.session = session
        return session

    def _read(self, answer: requests.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in answer.raw.stream(_CHUNK_BYTES, decode_content=True):
            size += len(chunk)
            if size > self._max_body_bytes:
                raise NoAnswerError(f"{self._host}: the body is too large")
            chunks.append(chunk)
        return b"".join(chunks)

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
