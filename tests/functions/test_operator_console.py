from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.functions.settings import settings
from tests.functions.worker import Declaration, Load, LoadedFunction, LoadFailed

LOCAL = {"Host": "localhost"}
PLATFORM = {"console_auth": "platform"}
ROLES = ("OMS.Console.Reader", "OMS.Console.Operator")


@pytest.fixture
def console(load: Load, database: Path) -> LoadedFunction:
    return load("OperatorConsole", settings(database))


@pytest.fixture
def signing_in(load: Load, database: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedFunction:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    return load("OperatorConsole", settings(database, **PLATFORM))


def principal(*roles: str) -> dict[str, str]:
    claims = [{"typ": "preferred_username", "val": "anna@example.com"}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    written = json.dumps({"auth_typ": "aad", "claims": claims}).encode()
    return {**LOCAL, "X-MS-CLIENT-PRINCIPAL": base64.b64encode(written).decode()}


def test_the_host_sends_the_console_its_own_paths() -> None:
    trigger = Declaration.of("OperatorConsole").trigger
    assert trigger["route"] == "console/{*path}"
    assert trigger["authLevel"] == "anonymous"


@pytest.mark.parametrize("path", ["/console/", "/console/requests?status=HELD&status=FAILED"])
def test_a_page_renders(console: LoadedFunction, path: str) -> None:
    answer = console.http("GET", path, headers=LOCAL)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = answer.body.decode()
    assert "OMS" in page
    if "status" in path:
        assert page.count(" selected>") >= 2


def test_what_a_page_loads_is_served(console: LoadedFunction) -> None:
    page = console.http("GET", "/console/", headers=LOCAL).body.decode()
    for url in re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page):
        answer = console.http("GET", url)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]


def test_a_stranger_is_sent_to_the_platforms_sign_in(signing_in: LoadedFunction) -> None:
    answer = signing_in.http("GET", "/console/requests?status=HELD", headers=LOCAL)
    assert answer.status == 302
    assert answer.headers["location"] == (
        "/.auth/login/aad?post_login_redirect_uri=/console/requests%3Fstatus%3DHELD"
    )


def test_an_order_goes_through_with_its_cookies(signing_in: LoadedFunction) -> None:
    known = principal(*ROLES)
    first = signing_in.http("GET", "/console/pauses/pause", headers=known)
    [cookie] = first.cookies
    assert cookie.name == "oms-console"
    assert cookie.http_only.value
    assert cookie.same_site == cookie.Strict
    token = cookie.value
    form = urlencode({"csrf": token, "reason": "INC-42", "config": "17"}).encode()
    sent = {
        **known,
        "Cookie": f"oms-console={token}",
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    done = signing_in.http("POST", "/console/pauses/pause", form, sent)
    assert (done.status, done.headers["location"]) == (303, "/console/pauses")
    [message] = done.cookies
    shown = signing_in.http(
        "GET",
        "/console/pauses",
        headers={**known, "Cookie": f"oms-console={token}; {message.name}={message.value}"},
    ).body.decode()
    assert "Paused: nothing more is submitted" in shown
    assert "anna@example.com" in shown
    forged = signing_in.http("POST", "/console/pauses/pause", form, {**sent, "Cookie": ""})
    assert forged.status == 403


def test_without_the_platforms_authentication_the_console_does_not_load(
    load: Load, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED", raising=False)
    with pytest.raises(LoadFailed, match="WEBSITE_AUTH_ENABLED: must be true for OMS_CONSOLE_AUTH"):
        load("OperatorConsole", settings(database, **PLATFORM))


def test_a_path_that_is_no_utf_8_is_not_found(console: LoadedFunction) -> None:
    assert console.http("GET", "/console/caf%e9", headers=LOCAL).status == 404
