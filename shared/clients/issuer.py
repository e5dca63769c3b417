"""The issuer of callers' tokens: its signing keys, found by OpenID Connect discovery."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from shared.clients.deadline import time_limit
from shared.clients.http import HttpClient, HttpError, UnreadableBodyError
from shared.clients.lenient import objects
from shared.errors import AuthenticationUnavailable

MAX_BODY_BYTES = 1024 * 1024
_DISCOVERY = "/.well-known/openid-configuration"


class Issuer:
    """Asks one issuer for its keys; both calls of that together get `timeout_seconds`."""

    def __init__(self, issuer: str, *, timeout_seconds: float, only_https: bool) -> None:
        self._issuer = issuer
        self._timeout_seconds = timeout_seconds
        self._only_https = only_https

    def signing_keys(self) -> list[dict[str, Any]]:
        """Return the keys as the issuer writes them (RFC 7517).

        Raises AuthenticationUnavailable. Nothing is kept: this is called about once an hour.
        """
        try:
            with time_limit(self._timeout_seconds):
                found = self._get(self._issuer.rstrip("/") + _DISCOVERY)
                return list(objects(self._get(self._address_of_keys(found)).get("keys")))
        except HttpError as error:
            raise AuthenticationUnavailable(f"no keys of the issuer: {error}") from error

    def _get(self, url: str) -> dict[str, Any]:
        http = HttpClient(url, timeout_seconds=self._timeout_seconds, max_body_bytes=MAX_BODY_BYTES)
        answer = http.request("GET", headers={"Connection": "close"})
        if answer.status != 200:
            raise UnreadableBodyError(f"{urlsplit(url).hostname} answered {answer.status}")
        match answer.json():
            case dict(document):
                return document
            case _:
                raise UnreadableBodyError(f"{urlsplit(url).hostname} answered no JSON object")

    def _address_of_keys(self, found: dict[str, Any]) -> str:
        # Whoever could make us read another issuer's description could sign tokens for us.
        if found.get("issuer") != self._issuer:
            raise UnreadableBodyError("the description is that of another issuer")
        url = found.get("jwks_uri")
        schemes = ("https",) if self._only_https else ("https", "http")
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
            if parts.scheme in schemes and parts.hostname:
                return parts.geturl()
        except ValueError:
            pass
        raise UnreadableBodyError("the description names no usable jwks_uri")
