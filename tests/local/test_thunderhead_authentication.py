import base64

import pytest
import requests
from requests_oauthlib import OAuth1

from tests.local.conftest import StartPlatform
from tests.local.platform import Platform

CLIENT = {"client_id": "oms-local", "client_secret": "oms-local-only"}
GRANT = {"grant_type": "client_credentials"}


def get_token(platform: Platform, **form: str) -> requests.Response:
    return requests.post(f"{platform.url}/oauth2/token", data=form, timeout=5)


def assert_refused(response: requests.Response, challenge: str) -> None:
    assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")
    assert response.headers["WWW-Authenticate"].startswith(challenge)


def test_a_token_opens_the_api_until_it_expires(start_platform: StartPlatform) -> None:
    platform = start_platform(authentication="oauth2", token_lifetime_seconds=60)
    assert_refused(platform.submit(), "Bearer")

    response = get_token(platform, **GRANT, **CLIENT, scope="batches")
    token = response.json()
    assert response.headers["Cache-Control"] == "no-store"
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 60)

    platform.session.headers["Authorization"] = f"Bearer {token['access_token']}"
    platform.clock.advance(59)
    assert platform.submit().status_code == 202
    platform.clock.advance(1)
    assert_refused(platform.submit(), 'Bearer error="invalid_token"')
    assert platform.control("requests")["token"] == 1


def test_the_client_may_present_itself_by_basic_authentication(
    start_platform: StartPlatform,
) -> None:
    platform = start_platform(authentication="oauth2", client_id="somebody")
    response = requests.post(
        f"{platform.url}/oauth2/token",
        data=GRANT,
        auth=("somebody", CLIENT["client_secret"]),
        timeout=5,
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({**GRANT, **CLIENT, "client_secret": "wrong"}, 401, "invalid_client"),
        (GRANT, 401, "invalid_client"),
        ({"grant_type": "password", **CLIENT}, 400, "unsupported_grant_type"),
    ],
)
def test_other_token_requests_are_refused(
    platform: Platform, form: dict[str, str], status: int, error: str
) -> None:
    response = get_token(platform, **form)
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_signed_calls_are_verified(start_platform: StartPlatform) -> None:
    platform = start_platform(authentication="oauth1")
    assert_refused(platform.submit(), "OAuth")
    platform.session.auth = OAuth1(
        "oms-local!oms-user", CLIENT["client_secret"], signature_method="HMAC-SHA256"
    )
    batch_id = platform.accepted()
    assert platform.batch(batch_id)["status"] == "QUEUED"
    # Parameters are part of the signature, also where they need escaping.
    assert platform.lookup("ref 1/ä+%").json() == {"items": []}


@pytest.mark.parametrize(
    ("consumer_key", "secret", "method"),
    [
        ("oms-local", "oms-local-only", "HMAC-SHA256"),
        ("oms-local!somebody", "oms-local-only", "HMAC-SHA256"),
        ("oms-local!oms-user", "wrong", "HMAC-SHA256"),
        ("oms-local!oms-user", "oms-local-only", "HMAC-SHA1"),
    ],
)
def test_other_signatures_are_refused(
    start_platform: StartPlatform, consumer_key: str, secret: str, method: str
) -> None:
    platform = start_platform(authentication="oauth1")
    platform.session.auth = OAuth1(consumer_key, secret, signature_method=method)
    assert_refused(platform.submit(), "OAuth")


def test_a_signature_serves_once(start_platform: StartPlatform) -> None:
    platform = start_platform(authentication="oauth1")
    signed = requests.Request(
        "GET",
        f"{platform.base}/batches?clientReference=r",
        auth=OAuth1("oms-local!oms-user", "oms-local-only", signature_method="HMAC-SHA256"),
    ).prepare()
    assert platform.session.send(signed, timeout=5).status_code == 200
    assert platform.session.send(signed, timeout=5).status_code == 401


def test_basic_authentication(start_platform: StartPlatform) -> None:
    platform = start_platform(authentication="basic")
    assert_refused(platform.submit(), "Basic")
    platform.session.auth = ("oms-local", "wrong")
    assert_refused(platform.submit(), "Basic")
    platform.session.auth = ("oms-local", "oms-local-only")
    assert platform.submit().status_code == 202


@pytest.mark.parametrize("encoded", ["%", "ä", base64.b64encode(b"\xff").decode()])
def test_unreadable_credentials_are_refused(start_platform: StartPlatform, encoded: str) -> None:
    platform = start_platform(authentication="basic")
    platform.session.headers["Authorization"] = f"Basic {encoded}".encode()
    assert_refused(platform.submit(), "Basic")


def test_a_fault_is_not_spent_on_a_call_without_credentials(start_platform: StartPlatform) -> None:
    platform = start_platform(authentication="basic")
    platform.arm({"operation": "submit", "kind": "status", "times": 1})
    assert platform.submit().status_code == 401
    platform.session.auth = ("oms-local", "oms-local-only")
    assert platform.submit().status_code == 500
