"""Bearer tokens of Entra ID, or of any issuer that speaks OpenID Connect (`OMS_API_AUTH=entra`)."""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from starlette.datastructures import Headers

from shared.jobs.queries import Caller
from shared.web.security import AccessList, NotAuthenticated, only_header
from shared.web.signing_keys import ALGORITHM, SigningKeys
from shared.web.threads import in_thread

LEEWAY_SECONDS = 60
"""How far the clocks of the issuer and of this machine may differ."""
MAX_TOKEN_CHARACTERS = 16_384
MOST_REMEMBERED = 1000
"""Good tokens that are not checked again; once there are more, all are."""
_CREDENTIALS = re.compile(
    r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE
)
_IDENTITIES = ("azp", "appid", "oid")
"""Claims that name the caller: its application (in tokens of version 2 and 1), else the object."""


class _Verified(NamedTuple):
    key_id: str
    key: RSAPublicKey
    claims: dict[str, Any]


class BearerTokens:
    """Checks a token's signature, issuer, audience, times and role."""

    def __init__(
        self, keys: SigningKeys, *, issuer: str, audience: str, callers: AccessList
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._callers = callers
        self._verified: dict[bytes, _Verified] = {}

    async def __call__(self, headers: Headers) -> Caller:
        """Tell who calls.

        Raises NotAuthenticated, NotAuthorized or AuthenticationUnavailable.
        """
        claims = await self._claims(only_header(headers, "authorization"))
        roles = claims.get("roles")
        # A text would hold every part of itself.
        return self._callers.admit(_caller_id(claims), roles if isinstance(roles, list) else [])

    async def _claims(self, credentials: str) -> dict[str, Any]:
        # A caller sends one token for an hour; to check it takes as long as all else of a call.
        digest = hashlib.sha256(credentials.encode()).digest()
        verified = self._verified.get(digest)
        if verified is None or not self._still_holds(verified):
            verified = await self._verify(_token(credentials))
            if len(self._verified) >= MOST_REMEMBERED:
                self._verified.clear()
            self._verified[digest] = verified
        return verified.claims

    def _still_holds(self, verified: _Verified) -> bool:
        """Tell whether neither the time of a token is over nor that of its key."""
        return (
            self._keys.fresh(verified.key_id) is verified.key
            and int(verified.claims["exp"]) > time.time() - LEEWAY_SECONDS
        )

    async def _verify(self, token: str) -> _Verified:
        try:
            header = jwt.get_unverified_header(token)
            # Also checked below; here so that no other token makes us look for a key.
            if header.get("alg") != ALGORITHM:
                raise NotAuthenticated("the token has another algorithm")
            key_id = header.get("kid")
            if not key_id:
                raise NotAuthenticated("the token names no key")
            key = self._keys.fresh(key_id)
            if key is None:
                key = await in_thread(self._keys.get, key_id)
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, RecursionError) as error:
            raise NotAuthenticated(type(error).__name__) from None
        return _Verified(key_id, key, claims)


def _token(credentials: str) -> str:
    found = _CREDENTIALS.fullmatch(credentials)
    if not found or len(found[1]) > MAX_TOKEN_CHARACTERS:
        raise NotAuthenticated("no bearer token, or none of a usual form and size")
    return found[1]


def _caller_id(claims: dict[str, Any]) -> str | None:
    named = (claims.get(name) for name in _IDENTITIES)
    return next((value for value in named if isinstance(value, str) and value), None)
