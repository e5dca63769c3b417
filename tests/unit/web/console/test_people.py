"""Who has signed in, and what they may do."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import Headers

from shared.web.console.forgery import Tokens
from shared.web.console.people import (
    MAX_ACTOR,
    MissingRole,
    NotLocal,
    Role,
    local_operator,
    platform_person,
)
from shared.web.security import NotAuthenticated
from tests.unit.web.console.conftest import browser
from tests.unit.web.console.fakes import FAILED, FakeUseCases

NAME = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def headers(*claims: tuple[str, Any], provider: str = "aad") -> Headers:
    listed = [{"typ": kind, "val": value} for kind, value in claims]
    principal = json.dumps({"auth_typ": provider, "claims": listed}).encode()
    return Headers({"x-ms-client-principal": base64.b64encode(principal).decode()})


def test_a_person_is_named_by_account_and_name() -> None:
    person = platform_person(
        headers(
            ("preferred_username", "anna@example.com"),
            ("name", "Anna"),
            ("roles", Role.READER.value),
            ("roles", "Another.Role"),
        )
    )
    assert (person.name, person.actor) == ("Anna", "anna@example.com (Anna)")
    assert person.roles == {Role.READER}


def test_the_platforms_own_names_of_claims_are_read() -> None:
    person = platform_person(headers((NAME, "Anna"), ("oid", "11-22"), (ROLE, Role.OPERATOR.value)))
    assert (person.actor, person.roles) == ("11-22 (Anna)", {Role.OPERATOR})


def test_an_actor_fits_into_the_history() -> None:
    person = platform_person(headers(("preferred_username", "a" * 150), ("name", "n" * 300)))
    assert len(person.actor) == len(person.name) == MAX_ACTOR


@pytest.mark.parametrize(
    "given",
    [
        Headers({}),
        Headers({"x-ms-client-principal": "!"}),
        Headers({"x-ms-client-principal-name": "anna@example.com"}),
        headers(("roles", Role.READER.value)),
        headers(("name", "Anna"), ("roles", Role.READER.value)),
        headers(("preferred_username", "anna@example.com"), provider="github"),
        Headers(raw=headers(("oid", "1")).raw * 2),
    ],
    ids=["none", "garbage", "name alone", "no account", "no id", "provider", "twice"],
)
def test_who_is_not_named_is_nobody(given: Headers) -> None:
    with pytest.raises(NotAuthenticated):
        platform_person(given)


def test_a_role_that_lacks_is_named() -> None:
    person = platform_person(headers(("oid", "1"), ("roles", Role.READER.value)))
    person.require(Role.READER)
    with pytest.raises(MissingRole, match=Role.OPERATOR.value):
        person.require(Role.READER, Role.OPERATOR)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
def test_without_sign_in_whoever_is_here_is_the_operator(host: str) -> None:
    assert local_operator(Headers({"host": host})).roles == set(Role)


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1.evil.example", "localhost@evil"])
def test_without_sign_in_no_other_name_of_the_machine_works(host: str) -> None:
    with pytest.raises(NotLocal):
        local_operator(Headers({"host": host}))


def test_a_name_that_was_bound_to_this_machine_shows_nothing(client: TestClient) -> None:
    answer = client.get("/console/", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "Only from this machine" in answer.text


def reader(cases: FakeUseCases, *roles: Role) -> TestClient:
    kinds = [("roles", role.value) for role in (Role.READER, *roles)]
    client = browser(cases, identify=platform_person)
    client.headers.update(headers(("preferred_username", "anna@example.com"), *kinds))
    return client


def test_readers_are_offered_no_action_and_no_payload(cases: FakeUseCases) -> None:
    client = reader(cases)
    page = client.get(f"/console/requests/{FAILED}").text
    assert "/reprocess" not in page
    assert Role.PAYLOAD_VIEWER.value in page
    assert "<form" not in page
    assert "bulk" not in client.get("/console/requests").text
    assert "Pause submissions" not in client.get("/console/pauses").text


def test_whoever_signed_in_can_sign_out(cases: FakeUseCases) -> None:
    assert "/.auth/logout" in reader(cases).get("/console/").text
    assert "/.auth/logout" not in browser(cases).get("/console/").text


def test_an_order_names_the_person(cases: FakeUseCases) -> None:
    client = reader(cases, Role.OPERATOR)
    client.cookies.set("oms-console", "t" * 43)
    form = {"csrf": "t" * 43, "reason": "INC-42", "version": "4"}
    client.post(f"/console/requests/{FAILED}/reprocess", data=form)
    [(_, _, caller, *_)] = cases.orders
    assert caller.name == "anna@example.com"


# --- the cookie ------------------------------------------------------------------------------


def test_outside_local_the_token_is_bound_to_the_host_and_https(cases: FakeUseCases) -> None:
    answer = browser(cases, tokens=Tokens(only_https=True)).get("/console/pauses")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-oms-console=")
    for attribute in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie


def test_outside_local_every_cookie_is_for_https_alone(cases: FakeUseCases) -> None:
    client = browser(cases, tokens=Tokens(only_https=True))
    client.headers["Cookie"] = f"__Host-oms-console={'t' * 43}"
    form = {"csrf": "t" * 43, "reason": "INC-42"}
    answer = client.post("/console/pauses/pause", data=form)
    assert answer.status_code == 303
    assert "; Secure" in answer.headers["set-cookie"]


def test_a_browser_keeps_its_token_and_another_gets_another(cases: FakeUseCases) -> None:
    one, two = browser(cases), browser(cases)
    tokens = [
        client.get("/console/pauses/pause").text.split('name="csrf" value="')[1][:43]
        for client in (one, one, two)
    ]
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_token_that_we_did_not_make_is_replaced(client: TestClient) -> None:
    client.cookies.set("oms-console", "<script>")
    assert "<script>" not in client.get("/console/pauses/pause").text.split("csrf")[1]
