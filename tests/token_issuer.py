"""An issuer of bearer tokens: a real HTTP server with discovery and keys, and its private keys."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from tests.unit.clients.support import Received, Reply, Server, serving

AUDIENCE = "api://oms"
ROLE = "DocumentRequests.Submit"
CALLER = "00000000-0000-0000-0000-00000000a4ca"
_DISCOVERY = "/tenant/v2.0/.well-known/openid-configuration"
_KEYS = "/tenant/keys"


@cache
def private_key(name: str) -> RSAPrivateKey:
    """Return the private key of a name; making one takes a while."""
    return generate_private_key(public_exponent=65537, key_size=1024 if name == "weak" else 2048)


def public_jwk(name: str, **members: Any) -> dict[str, Any]:
    written = RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return {"kid": name, "kty": written["kty"], "n": written["n"], "e": written["e"], **members}


class TokenIssuer:
    """Publishes the keys of `published` and signs with any key."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = [public_jwk("first", use="sig")]
        self.is_out = False
        self.server: Server

    @property
    def url(self) -> str:
        return f"{self.server.url}/tenant/v2.0"

    @property
    def fetches(self) -> int:
        return sum(request.path == _KEYS for request in self.server.received)

    def answer(self, request: Received) -> Reply:
        if self.is_out:
            return Reply(503)
        documents = {
            _DISCOVERY: {"issuer": self.url, "jwks_uri": self.server.url + _KEYS},
            _KEYS: {"keys": self.published},
        }
        found = documents.get(request.path)
        return Reply(body=found) if found else Reply(404)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token; a change to None leaves one out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "azp": CALLER,
            "oid": "11111111-1111-1111-1111-111111111111",
            "roles": [ROLE],
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, key: str = "first", kid: str | None = None, **changes: Any) -> str:
        """Sign a token with a key; `kid` claims that it is another one."""
        return jwt.encode(
            json.loads(json.dumps(self.claims(**changes))),
            private_key(key),
            "RS256",
            {"kid": kid or key},
        )


@contextmanager
def issuing() -> Iterator[TokenIssuer]:
    issuer = TokenIssuer()
    with serving(issuer.answer) as server:
        issuer.server = server
        yield issuer
