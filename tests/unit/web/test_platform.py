"""The principal that App Service authentication hands on."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shared.web.app import create_app
from shared.web.platform import PlatformPrincipals
from shared.web.security import AccessList
from shared.web.services import Services
from tests.unit.web.checks import PATH, assert_problem

ROLE = "DocumentRequests.Submit"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
LONG_ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


@pytest.fixture
def client(services: Services) -> TestClient:
    principals = PlatformPrincipals(AccessList(ROLE, {"arcade": ["ARCADE"], "auditor": ["*"]}))
    return TestClient(create_app(replace(services, authenticate=principals)))


def claim(kind: str, value: Any) -> dict[str, Any]:
    return {"typ": kind, "val": value}


def principal(*claims: Any, provider: Any = "aad") -> str:
    written = {"auth_typ": provider, "claims": list(claims), "name_typ": "n", "role_typ": "r"}
    return base64.b64encode(json.dumps(written).encode()).decode()


GOOD = (claim("azp", "arcade"), claim("roles", "Other"), claim("roles", ROLE))


@pytest.mark.parametrize(
    "claims",
    [
        GOOD,
        (claim("appid", "arcade"), claim("roles", ROLE)),
        (claim("oid", "arcade"), claim("roles", ROLE)),
        (claim(OBJECT_ID, "arcade"), claim(LONG_ROLE, ROLE)),
        (claim(OBJECT_ID, "auditor"), *GOOD),
    ],
    ids=str,
)
def test_a_principal_that_may_call(
    client: TestClient, claims: tuple[Any, ...], body: dict[str, Any]
) -> None:
    headers = {"X-MS-CLIENT-PRINCIPAL": principal(*claims)}
    path = client.post(PATH, json=body, headers=headers).headers["location"]
    history = client.get(f"{path}/history", headers=headers).json()
    assert history["items"][0]["actor"] == "arcade"
    refused = client.post(PATH, json=body | {"sourceSystem": "NOVA"}, headers=headers)
    assert_problem(refused, 403, "FORBIDDEN_SOURCE_SYSTEM")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["!"],
        [principal(*GOOD)[:-3]],
        ["!" + principal(*GOOD)],
        ["é"],
        [base64.b64encode(b"\xff").decode()],
        [base64.b64encode(b"{").decode()],
        [base64.b64encode(b"[" * 9000).decode()],
        [base64.b64encode(b"[]").decode()],
        [base64.b64encode(b'{"auth_typ": "aad"}').decode()],
        [base64.b64encode(b'{"auth_typ": "aad", "claims": {}}').decode()],
        [principal("roles")],
        [principal(*GOOD, claim("azp", 7))],
        [principal(*GOOD, {"typ": "azp"})],
        [principal(*GOOD, provider="github")],
        [principal(*GOOD, provider=None)],
        [principal(*GOOD), principal(*GOOD)],
    ],
    ids=lambda headers: ",".join(headers)[:30],
)
def test_a_header_that_is_no_principal(client: TestClient, headers: list[str]) -> None:
    sent = [(b"X-MS-CLIENT-PRINCIPAL", value.encode()) for value in headers]
    assert_problem(client.get(PATH, headers=sent), 401, "NOT_AUTHENTICATED")


@pytest.mark.parametrize(
    "claims",
    [
        (),
        (claim("azp", "arcade"),),
        (claim("roles", ROLE),),
        (claim("azp", "stranger"), claim("roles", ROLE)),
        (claim("azp", "arcade"), claim("roles", ROLE.upper())),
        (claim("azp", "arcade"), claim("role", ROLE)),
        (claim("azp", "stranger"), claim("azp", "arcade"), claim("roles", ROLE)),
    ],
    ids=str,
)
def test_a_principal_that_may_not_call(client: TestClient, claims: tuple[Any, ...]) -> None:
    headers = {"X-MS-CLIENT-PRINCIPAL": principal(*claims)}
    assert_problem(client.get(PATH, headers=headers), 403, "NOT_AUTHORIZED")


def test_a_bearer_token_is_no_principal(client: TestClient) -> None:
    headers = {"Authorization": "Bearer a.b.c", "X-MS-CLIENT-PRINCIPAL-ID": "arcade"}
    assert_problem(client.get(PATH, headers=headers), 401, "NOT_AUTHENTICATED")
