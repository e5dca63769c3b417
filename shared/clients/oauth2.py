"""OAuth 2 client credentials: a token that is renewed in time, once for all threads."""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase

from shared.clients.deadline import Monotonic, time_limit
from shared.clients.http import (
    HttpClient,
    HttpError,
    NoAnswerError,
    NotSentError,
    Response,
    UnreadableBodyError,
)

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_TOKEN = re.compile(r"[\x21-\x7e]+")
_DEFAULT_LIFETIME_SECONDS = 300.0
_MARGIN_SECONDS = 60.0
_FAILURE_SECONDS = 5.0
"""After a failure nobody asks the token endpoint again for so long."""


class AuthenticationRefused(HttpError):
    """The token endpoint does not accept our credentials; nothing else was sent."""


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    renew_at: float
    expires_at: float


class OAuth2ClientCredentials(AuthBase):
    """A token of the client credentials grant (RFC 6749, section 4.4), renewed in time.

    One thread at a time renews it; the others use the old token as long as it is valid, and
    so does everyone while the token endpoint is out. Raises NotSentError where no token can
    be had for a reason that passes, AuthenticationRefused where the credentials are refused.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        scope: str | None = None,
        *,
        timeout_seconds: float,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._http = HttpClient(token_url, timeout_seconds=timeout_seconds, monotonic=monotonic)
        self._client_id = client_id
        self._client_secret = client_secret
        self._scope = scope
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._failure: HttpError = NotSentError("no token yet")
        self._retry_at = float("-inf")

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header, with a token that is valid."""
        header = self._valid_header(request.headers.get("traceparent"))
        request.headers["Authorization"] = header
        return request

    def invalidate(self, authorization: str | None) -> None:
        """Drop the token of a refused call, unless it has been renewed since."""
        token = self._token
        if token and token.header == authorization:
            self._token = None

    def _valid_header(self, traceparent: str | None) -> str:
        token, now = self._token, self._monotonic()
        if token and now < token.renew_at:
            return token.header
        is_valid = token is not None and now < token.expires_at
        with time_limit(self._timeout_seconds, self._monotonic) as call:
            # With a valid token at hand nobody waits for the one who is renewing it.
            if self._lock.acquire(timeout=0 if is_valid else call.remaining()):
                try:
                    return self._renewed_header(traceparent)
                finally:
                    self._lock.release()
        if token and is_valid:
            return token.header
        raise NotSentError("no token: its renewal takes too long")

    def _renewed_header(self, traceparent: str | None) -> str:
        token, now = self._token, self._monotonic()
        if token and now < token.renew_at:  # by the thread that was waited for
            return token.header
        if now >= self._retry_at:
            try:
                self._token = fetched = self._fetch(traceparent, now)
            except HttpError as error:
                self._failure = error
                self._retry_at = self._monotonic() + _FAILURE_SECONDS
            else:
                return fetched.header
        if token and now < token.expires_at:
            return token.header
        raise self._failure.with_traceback(None)

    def _fetch(self, traceparent: str | None, now: float) -> _Token:
        # In the body, not as Basic: what every token endpoint in use accepts.
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
        }
        if self._scope:
            form["scope"] = self._scope
        body = urlencode(form).encode("ascii")
        try:
            answer = self._http.request("POST", body=body, headers=_FORM, traceparent=traceparent)
            if answer.status in (400, 401, 403):
                raise AuthenticationRefused(f"the token endpoint answered {answer.status}")
            if answer.status != 200:
                raise NotSentError(f"no token: its endpoint answered {answer.status}")
            return _parse_token(answer, now)
        except (NoAnswerError, UnreadableBodyError) as error:
            raise NotSentError(f"no token: {error}") from error


def _parse_token(answer: Response, now: float) -> _Token:
    match answer.json():
        case {"access_token": str(text), **others} if _TOKEN.fullmatch(text):
            lifetime = _seconds(others.get("expires_in"))
            margin = min(_MARGIN_SECONDS, lifetime / 4)
            return _Token(f"Bearer {text}", now + lifetime - margin, now + lifetime)
        case _:
            raise UnreadableBodyError("the answer holds no usable access_token")


def _seconds(lifetime: object) -> float:
    """Read `expires_in`; some endpoints send it as a string, some not at all."""
    try:
        seconds = float(lifetime) if isinstance(lifetime, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return _DEFAULT_LIFETIME_SECONDS
    return seconds if math.isfinite(seconds) and seconds > 0 else _DEFAULT_LIFETIME_SECONDS
