"""The principal that App Service authentication hands on (`OMS_API_AUTH=platform`)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers

from shared.jobs.queries import Caller
from shared.web.security import AccessList, NotAuthenticated, only_header

HEADER = "x-ms-client-principal"
_PROVIDER = "aad"
_SCHEMAS = "http://schemas.microsoft.com"
_ROLE_TYPES = ("roles", f"{_SCHEMAS}/ws/2008/06/identity/claims/role")
_IDENTITY_TYPES = ("azp", "appid", "oid", f"{_SCHEMAS}/identity/claims/objectidentifier")
"""As in tokens, and as the platform renames them."""


class PlatformPrincipals:
    """Reads a header that the platform alone can have written: it has checked the token."""

    def __init__(self, callers: AccessList) -> None:
        self._callers = callers

    def __call__(self, headers: Headers) -> Caller:
        """Tell who calls. Raises NotAuthenticated or NotAuthorized."""
        claims = _claims(only_header(headers, HEADER))
        roles = [value for kind in _ROLE_TYPES for value in claims.get(kind, ())]
        return self._callers.admit(_caller_id(claims), roles)


def _claims(header: str) -> dict[str, list[str]]:
    """Return the values of each type of claim. Raises NotAuthenticated."""
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise NotAuthenticated("the principal cannot be read") from None
    match principal:
        case {"auth_typ": provider, "claims": list(claims)} if provider == _PROVIDER:
            return _by_type(claims)
        case _:
            raise NotAuthenticated("the principal is none of Entra ID")


def _by_type(claims: Iterable[Any]) -> dict[str, list[str]]:
    by_type: dict[str, list[str]] = {}
    for claim in claims:
        match claim:
            case {"typ": str(kind), "val": str(value)}:
                by_type.setdefault(kind, []).append(value)
            case _:
                raise NotAuthenticated("the principal has a claim that is none")
    return by_type


def _caller_id(claims: dict[str, list[str]]) -> str | None:
    return next((claims[kind][0] for kind in _IDENTITY_TYPES if claims.get(kind)), None)
