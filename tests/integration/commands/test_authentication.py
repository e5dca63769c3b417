"""The API as a process, with bearer tokens of a real issuer."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import requests

from tests.integration.commands.processes import (
    Environment,
    complaint_of,
    free_port,
    run,
    serving,
    started,
)
from tests.integration.commands.stack import StackStarter
from tests.integration.commands.test_commands import body
from tests.integration.waiting import wait_for
from tests.token_issuer import AUDIENCE, CALLER, ROLE, TokenIssuer, issuing, public_jwk


@pytest.fixture
def issuer() -> Iterator[TokenIssuer]:
    with issuing() as issuer:
        yield issuer


def entra(issuer: TokenIssuer) -> Environment:
    return {
        "OMS_API_AUTH": "entra",
        "OMS_API_ISSUER": issuer.url,
        "OMS_API_AUDIENCE": AUDIENCE,
        "OMS_API_ROLE": ROLE,
        "OMS_API_CALLERS": json.dumps({CALLER: ["ARCADE"], "busy": ["*"], "nova": ["NOVA"]}),
        "OMS_API_RATE_LIMIT": "50/hour",
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_only_known_callers_are_served(start: StackStarter, issuer: TokenIssuer) -> None:
    with serving(start().environment(**entra(issuer))) as api:
        url = f"{api}/document-requests"
        assert requests.post(url, json=body(1), timeout=20).status_code == 401
        mine = bearer(issuer.token())
        stored = requests.post(url, json=body(1), headers=mine, timeout=20)
        assert stored.status_code == 202, stored.text
        path = f"{url}/{stored.json()['requestId']}"
        history = requests.get(f"{path}/history", headers=mine, timeout=20).json()
        assert history["items"][0]["actor"] == CALLER
        nova = bearer(issuer.token(azp="nova"))
        assert requests.get(path, headers=nova, timeout=20).status_code == 404
        assert requests.post(url, json=body(2), headers=nova, timeout=20).status_code == 403
        stranger = bearer(issuer.token(azp="stranger"))
        assert requests.get(path, headers=stranger, timeout=20).status_code == 403

        issuer.published = [public_jwk("second")]
        assert requests.get(path, headers=bearer(issuer.token("second")), timeout=20).ok
        assert issuer.fetches == 2

        busy = bearer(issuer.token("second", azp="busy"))
        statuses = [requests.get(path, headers=busy, timeout=20).status_code for _ in range(51)]
        assert statuses == [200] * 50 + [429]


def test_two_headers_and_a_huge_one(start: StackStarter, issuer: TokenIssuer) -> None:
    """As a server sees them: a test client may join them."""
    with serving(start().environment(**entra(issuer))) as api:
        token = issuer.token()
        url = f"{api}/document-requests"
        assert requests.get(url, headers=bearer(token), timeout=20).status_code == 200
        huge = bearer(issuer.token(padding="x" * 20_000))
        assert requests.get(url, headers=huge, timeout=20).status_code == 401
        assert _status_of_two_headers(api, token) == 401


def _status_of_two_headers(api: str, token: str) -> int:
    connection = HTTPConnection(urlsplit(api).netloc, timeout=20)
    connection.putrequest("GET", f"{urlsplit(api).path}/document-requests")
    for _ in range(2):
        connection.putheader("Authorization", f"Bearer {token}")
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_all_addresses_are_served_with_authentication_alone(
    start: StackStarter, issuer: TokenIssuer
) -> None:
    environment = start().environment(**entra(issuer))
    port = free_port()
    with started(environment, "serve", "--host", "0.0.0.0", "--port", str(port)) as process:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            assert process.poll() is None, process.stderr and process.stderr.read()
            try:
                return requests.get(f"{url}/health/live", timeout=5).ok
            except requests.ConnectionError:
                return False

        wait_for(answers, "the API")
        assert requests.get(f"{url}/api/v1/document-requests", timeout=20).status_code == 401
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_the_platform_is_trusted_where_it_authenticates(
    start: StackStarter, issuer: TokenIssuer
) -> None:
    environment = start().environment(**entra(issuer) | {"OMS_API_AUTH": "platform"})
    assert complaint_of(run(environment, "serve")).startswith("WEBSITE_AUTH_ENABLED: ")
    claims = [{"typ": "azp", "val": CALLER}, {"typ": "roles", "val": ROLE}]
    principal = json.dumps({"auth_typ": "aad", "claims": claims}).encode()
    headers = {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(principal).decode()}
    with serving(environment | {"WEBSITE_AUTH_ENABLED": "True"}) as api:
        url = f"{api}/document-requests"
        assert requests.get(url, headers=bearer(issuer.token()), timeout=20).status_code == 401
        assert requests.get(url, headers=headers, timeout=20).status_code == 200
