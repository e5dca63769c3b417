"""Who gets in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NoReturn
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.jobs.queries import Caller
from shared.web.app import create_app
from shared.web.bearer import BearerTokens
from shared.web.platform import PlatformPrincipals
from shared.web.security import AccessList, NotAuthenticated, NotAuthorized
from shared.web.services import Services
from shared.web.signing_keys import SigningKeys
from tests.unit.web.checks import assert_problem
from tests.unit.web.fakes import MemoryStore

OPEN = {"/health/live", "/health/ready", "/openapi.json", "/docs"}


def every_route(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and path of all that the application serves, described or not."""
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path
    for route in app.routes:
        if hasattr(route, "path"):  # the routers that were included have none of their own
            for method in route.methods:
                yield method, route.path


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(NotAuthenticated, 401, "NOT_AUTHENTICATED"), (NotAuthorized, 403, "NOT_AUTHORIZED")],
)
def test_every_route_but_the_open_ones_is_guarded(
    services: Services, store: MemoryStore, error: type[Exception], status: int, code: str
) -> None:
    async def refuse(_headers: Mapping[str, str]) -> Caller:
        raise error("why")

    app = create_app(replace(services, authenticate=refuse))
    client = TestClient(app)
    guarded = 0
    for method, path in every_route(app):
        response = client.request(method, path.replace("{requestId}", str(uuid4())))
        if path in OPEN:
            assert response.status_code == 200
            continue
        guarded += 1
        assert_problem(response, status, code)
        assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert guarded == 7
    assert all("worker thread" in name for name in store.thread_names)


def test_the_real_checks_refuse_an_anonymous_caller_everywhere(services: Services) -> None:
    def fetch() -> NoReturn:
        raise AssertionError("no key is looked for without a token")

    callers = AccessList("role", {"anonymous": ["*"], "None": ["*"], "": ["*"]})
    tokens = BearerTokens(
        SigningKeys(fetch, wait_seconds=0), issuer="https://x", audience="x", callers=callers
    )
    for check in (tokens, PlatformPrincipals(callers)):
        app = create_app(replace(services, authenticate=check))
        client = TestClient(app)
        for method, path in every_route(app):
            if path not in OPEN:
                response = client.request(method, path.replace("{requestId}", str(uuid4())))
                assert_problem(response, 401, "NOT_AUTHENTICATED")


def test_a_fault_of_the_authentication_lets_nobody_in(services: Services) -> None:
    async def fail(_headers: Mapping[str, str]) -> Caller:
        raise LookupError

    client = TestClient(create_app(replace(services, authenticate=fail)))
    assert_problem(client.get("/api/v1/document-requests"), 500, "INTERNAL_ERROR")


def test_authentication_sees_the_headers(services: Services) -> None:
    seen: list[str] = []

    async def look(headers: Mapping[str, str]) -> Caller:
        seen.append(headers["authorization"])
        return Caller("x")

    client = TestClient(create_app(replace(services, authenticate=look)))
    client.get("/api/v1/document-requests", headers={"Authorization": "Bearer abc"})
    assert seen == ["Bearer abc"]


def test_the_body_of_a_stranger_is_not_read(services: Services) -> None:
    async def refuse(_headers: Mapping[str, str]) -> Caller:
        raise NotAuthenticated

    client = TestClient(create_app(replace(services, authenticate=refuse)))
    response = client.post(
        "/api/v1/document-requests", json={}, headers={"Content-Length": "99999999"}
    )
    assert response.status_code == 401
