"""The managed identity endpoint of App Service and Functions, as azure-identity asks it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import jwt
import pytest

from tests.integration.events.refusal import Refused
from tests.unit.clients.support import Received, Reply, serving

SIGNING_KEY = "the key of this tests' Entra ID, 32 bytes"
HEADER = "the header of this tests' platform"
CLIENT = "11111111-2222-3333-4444-555555555555"


class Identity:
    """Issues tokens; its attributes may be changed while it runs."""

    def __init__(self) -> None:
        self.lifetime_seconds = 3600.0
        self.says_seconds: float | None = None
        """The lifetime that is told beside the token, where it differs from the token's own."""
        self.audience: str | None = None
        """The tokens' audience, where it is not what was asked for."""
        self.status = 200
        self.resources: list[str] = []
        self.issued: list[str] = []

    def answer(self, request: Received) -> Reply:
        if request.headers["X-IDENTITY-HEADER"] != HEADER or request.query["client_id"] != CLIENT:
            return Reply(401, {"message": "not your identity"})
        if self.status != 200:
            return Reply(self.status, {"message": "try again"})
        resource = request.query["resource"]
        self.resources.append(resource)
        now = time.time()
        claims = {
            "aud": self.audience or resource,
            "exp": now + self.lifetime_seconds,
            "jti": str(uuid4()),
        }
        token = jwt.encode(claims, SIGNING_KEY, "HS256")
        self.issued.append(token)
        says = self.says_seconds or self.lifetime_seconds
        return Reply(
            body={
                "access_token": token,
                "expires_on": str(int(now + says)),
                "resource": resource,
                "token_type": "Bearer",
            }
        )


@contextmanager
def managed_identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    """Serve tokens; the environment names the endpoint, as the platform does."""
    identity = Identity()
    with serving(identity.answer) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", HEADER)
        monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
        yield identity


def check(token: str, audience: str) -> float:
    """Return how many seconds a token is good for; raises Refused."""
    try:
        claims = jwt.decode(token, SIGNING_KEY, ["HS256"], audience=audience)
    except jwt.InvalidTokenError as error:
        raise Refused(f"Token refused: {error}") from None
    return float(claims["exp"]) - time.time()
