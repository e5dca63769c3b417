"""What holds for every route, whichever is added."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route

from shared.web.console.app import OPEN_ROUTES, create_console
from shared.web.console.people import Role, platform_person
from tests.unit.web.console.conftest import ORIGIN, browser
from tests.unit.web.console.fakes import FAILED, HELD_BATCH, FakeUseCases

IDS = {"{request_id:uuid}": str(FAILED), "{batch_id:uuid}": str(HELD_BATCH)}
TOKEN = "t" * 43


def _routes() -> Iterator[tuple[str, str]]:
    for mount in create_console(FakeUseCases().console()).routes:
        for route in mount.routes if isinstance(mount, Mount) else []:
            assert isinstance(route, Route)
            if route in OPEN_ROUTES:
                continue
            path = "/console" + route.path
            for name, value in IDS.items():
                path = path.replace(name, value)
            assert "{" not in path
            [method] = route.methods - {"HEAD"}
            yield method, path


ROUTES = list(_routes())
PAGES = [path for method, path in ROUTES if method == "GET"]
ACTIONS = [path for method, path in ROUTES if method == "POST"]
each_page = pytest.mark.parametrize("path", PAGES)
each_action = pytest.mark.parametrize("path", ACTIONS)


def principal(*roles: str) -> dict[str, str]:
    claims = [{"typ": "preferred_username", "val": "anna@example.com"}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    written = json.dumps({"auth_typ": "aad", "claims": claims}).encode()
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(written).decode()}


@pytest.fixture
def signing_in(cases: FakeUseCases) -> TestClient:
    return browser(cases, identify=platform_person)


def form(client: TestClient, **fields: Any) -> dict[str, Any]:
    client.cookies.set("oms-console", TOKEN)
    return {"csrf": TOKEN, "reason": "INC-42", "version": "4", "understood": "yes", **fields}


def test_there_are_pages_and_actions() -> None:
    assert len(PAGES) > 15
    assert len(ACTIONS) > 10


def test_only_assets_and_the_farewell_are_for_everyone() -> None:
    assert {route.path for route in OPEN_ROUTES} == {"/static/{name}", "/signed-out"}


@each_page
def test_a_stranger_is_sent_to_sign_in_and_back(signing_in: TestClient, path: str) -> None:
    answer = signing_in.get(f"{path}?a=b%26c")
    assert answer.status_code == 302
    assert answer.headers["location"] == (
        f"/.auth/login/aad?post_login_redirect_uri={path}%3Fa%3Db%2526c"
    )


@each_page
def test_a_part_of_a_page_is_loaded_whole_after_signing_in(
    signing_in: TestClient, path: str
) -> None:
    answer = signing_in.get(path, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


@each_action
def test_a_stranger_orders_nothing(signing_in: TestClient, cases: FakeUseCases, path: str) -> None:
    answer = signing_in.post(path, data=form(signing_in))
    assert answer.status_code == 401
    assert "You are not signed in" in answer.text
    assert not cases.orders


@each_page
def test_a_page_needs_readers(signing_in: TestClient, path: str) -> None:
    roles = [role.value for role in Role if role is not Role.READER]
    answer = signing_in.get(path, headers=principal(*roles))
    assert answer.status_code == 403
    assert Role.READER.value in answer.text


@each_action
def test_an_action_needs_its_role(signing_in: TestClient, cases: FakeUseCases, path: str) -> None:
    needed = Role.PAYLOAD_VIEWER if path.endswith("/payload") else Role.OPERATOR
    others = [role.value for role in Role if role is not needed]
    answer = signing_in.post(path, data=form(signing_in), headers=principal(*others))
    assert answer.status_code == 403
    assert needed.value in answer.text
    assert not cases.orders


@each_action
@pytest.mark.parametrize(
    ("headers", "field", "cookie"),
    [
        ({}, "", TOKEN),
        ({}, TOKEN, ""),
        ({}, "", ""),
        ({}, "u" * 43, TOKEN),
        ({}, "é" * 43, TOKEN),
        ({"Sec-Fetch-Site": "cross-site"}, TOKEN, TOKEN),
        ({"Sec-Fetch-Site": "same-site"}, TOKEN, TOKEN),
        ({"Sec-Fetch-Site": "none"}, TOKEN, TOKEN),
    ],
    ids=["no field", "no cookie", "neither", "another", "no ASCII", "cross", "same site", "none"],
)
def test_a_forged_order_is_refused(
    client: TestClient,
    cases: FakeUseCases,
    path: str,
    headers: dict[str, str],
    field: str,
    cookie: str,
) -> None:
    data = form(client, csrf=field)
    client.cookies.clear()
    if cookie:
        client.cookies.set("oms-console", cookie)
    answer = client.post(path, data=data, headers=headers)
    assert answer.status_code == 403
    assert "The form was not accepted" in answer.text
    assert not cases.orders


@each_action
@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", f"{ORIGIN}:81"])
def test_without_fetch_metadata_the_origin_decides(
    cases: FakeUseCases, path: str, origin: str | None
) -> None:
    old = browser(cases)
    del old.headers["sec-fetch-site"], old.headers["origin"]
    answer = old.post(path, data=form(old), headers={"Origin": origin} if origin else {})
    assert answer.status_code == 403
    assert not cases.orders
    assert old.post(path, data=form(old), headers={"Origin": ORIGIN}).status_code != 403


@each_page
def test_looking_changes_nothing(client: TestClient, cases: FakeUseCases, path: str) -> None:
    assert client.get(path).status_code == 200
    assert client.head(path).status_code == 200
    assert not cases.orders


@pytest.mark.parametrize("path", sorted(set(ACTIONS) - set(PAGES)))
def test_an_action_is_not_ordered_by_its_address(
    client: TestClient, cases: FakeUseCases, path: str
) -> None:
    assert client.get(path).status_code == 405
    assert not cases.orders


@pytest.mark.parametrize(("method", "path"), [r for r in ROUTES if not r[1].endswith(".csv")])
def test_every_answer_ties_the_browser_down(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    headers = answer.headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_database_that_is_out_is_said_so(cases: FakeUseCases, method: str, path: str) -> None:
    from shared.errors import DatabaseUnavailable

    cases.outage = DatabaseUnavailable("password=hunter2")
    client = browser(cases)
    answer = client.request(method, path, data=form(client) if method == "POST" else None)
    assert "hunter2" not in answer.text
    if answer.status_code == 503:
        assert "The database cannot be reached" in answer.text
    assert answer.status_code != 500


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_what_nobody_expected_is_a_page_with_a_trace_id(
    cases: FakeUseCases, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    cases.outage = ZeroDivisionError("content of a letter")
    client = browser(cases)
    answer = client.request(method, path, data=form(client) if method == "POST" else None)
    assert "content of a letter" not in answer.text + caplog.text
    if answer.status_code == 500:
        assert "Something went wrong here" in answer.text
        assert answer.headers["traceparent"].split("-")[1] in answer.text
