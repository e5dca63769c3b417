"""The principal that App Service authentication hands on (`OMS_API_AUTH=platform`, the console)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.datastructures import Headers

from shared.jobs.queries import Caller
from shared.web.security import AccessList, NotAuthenticated, only_header

HEADER = "x-ms-client-principal"
_PROVIDER = "aad"
_SCHEMAS = "http://schemas.microsoft.com"
_ROLE_TYPES = ("roles", f"{_SCHEMAS}/ws/2008/06/identity/claims/role")
"""As in tokens, and as the platform renames them; so are those below."""
OBJECT_ID_TYPES = ("oid", f"{_SCHEMAS}/identity/claims/objectidentifier")
_CALLER_TYPES = ("azp", "appid", *OBJECT_ID_TYPES)

Claims = Mapping[str, Sequence[str]]
"""The values of each type of claim."""


class PlatformPrincipals:
    """Reads a header that the platform alone can have written: it has checked the token."""

    def __init__(self, callers: AccessList) -> None:
        self._callers = callers

    async def __call__(self, headers: Headers) -> Caller:
        """Tell who calls. Raises NotAuthenticated or NotAuthorized."""
        claims = principal_claims(headers)
        return self._callers.admit(first_claim(claims, *_CALLER_TYPES), roles_of(claims))


def principal_claims(headers: Headers) -> Claims:
    """Return what the platform says of whoever calls. Raises NotAuthenticated."""
    header = only_header(headers, HEADER)
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise NotAuthenticated("the principal cannot be read") from None
    match principal:
        case {"auth_typ": provider, "claims": list(claims)} if provider == _PROVIDER:
            return _by_type(claims)
        case _:
            raise NotAuthenticated("the principal is none of Entra ID")


def roles_of(claims: Claims) -> list[str]:
    """Return the app roles among some claims."""
    return [value for kind in _ROLE_TYPES for value in claims.get(kind, ())]


def first_claim(claims: Claims, *kinds: str) -> str | None:
    """Return the first value of the first of these types of claim that is there."""
    return next((claims[kind][0] for kind in kinds if claims.get(kind)), None)


def _by_type(claims: Iterable[Any]) -> Claims:
    by_type: dict[str, list[str]] = {}
    for claim in claims:
        match claim:
            case {"typ": str(kind), "val": str(value)}:
                by_type.setdefault(kind, []).append(value)
            case _:
                raise NotAuthenticated("the principal has a claim that is none")
    return by_type
