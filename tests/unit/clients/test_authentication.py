from __future__ import annotations

import logging
import threading
from base64 import b64encode
from typing import Any

import oauthlib.oauth1
import pytest
import requests
from pydantic import SecretStr

from shared.clients.authentication import Bearer, thunderhead_auth
from shared.clients.deadline import time_limit
from shared.clients.http import HttpClient, NotSentError
from shared.clients.oauth2 import AuthenticationRefused, OAuth2ClientCredentials
from tests.unit.clients.support import (
    TRACE_ID,
    TRACEPARENT,
    FakeClock,
    Received,
    Reply,
    Server,
    make_settings,
    misbehaving,
    serving,
    unused_port,
)


def oauth2(url: str, clock: FakeClock, *, scope: str | None = None) -> OAuth2ClientCredentials:
    return OAuth2ClientCredentials(
        f"{url}/token",
        "the client",
        SecretStr("s&cret"),
        scope,
        timeout_seconds=5,
        monotonic=clock.monotonic,
    )


def header(auth: requests.auth.AuthBase, **options: Any) -> str:
    request = requests.Request("POST", "http://service.example/x", auth=auth, **options).prepare()
    return str(request.headers["Authorization"])


class TokenEndpoint:
    """Gives out token-1, token-2, … that live for `expires_in`."""

    def __init__(self, expires_in: object = 3600) -> None:
        self.expires_in = expires_in
        self.failure: Reply | None = None
        self.issued = 0

    def __call__(self, request: Received) -> Reply:
        if self.failure:
            return self.failure
        self.issued += 1
        body = {"access_token": f"token-{self.issued}", "token_type": "Bearer"}
        return Reply(200, body | ({"expires_in": self.expires_in} if self.expires_in else {}))


def test_the_token_is_asked_for_with_a_form() -> None:
    with serving(TokenEndpoint()) as server:
        auth = oauth2(server.url, FakeClock(), scope="batches.write")
        assert header(auth, headers={"traceparent": TRACEPARENT}) == "Bearer token-1"

    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/token")
    assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert received.headers["X-Correlation-ID"] == TRACE_ID
    assert received.form == {
        "grant_type": "client_credentials",
        "client_id": "the client",
        "client_secret": "s&cret",
        "scope": "batches.write",
    }


@pytest.mark.parametrize(
    ("expires_in", "kept", "renewed"),
    [
        (3600, 3539, 3541),
        ("3600", 3539, 3541),
        (40, 29, 31),
        (None, 239, 241),
        ("soon", 239, 241),
        (-5, 239, 241),
        (True, 0, 1),
    ],
)
def test_a_token_is_kept_until_shortly_before_it_expires(
    expires_in: object, kept: float, renewed: float
) -> None:
    clock = FakeClock()
    with serving(TokenEndpoint(expires_in)) as server:
        auth = oauth2(server.url, clock)
        header(auth)
        clock.advance(kept)
        assert header(auth) == "Bearer token-1"
        clock.advance(renewed - kept)
        assert header(auth) == "Bearer token-2"


def test_a_valid_token_serves_while_its_renewal_fails() -> None:
    clock, endpoint = FakeClock(), TokenEndpoint(3600)
    with serving(endpoint) as server:
        auth = oauth2(server.url, clock)
        header(auth)
        endpoint.failure = Reply(503)
        clock.advance(3550)
        assert header(auth) == "Bearer token-1"
        assert header(auth) == "Bearer token-1"
        assert len(server.received) == 2  # the failure is remembered
        clock.advance(6)
        endpoint.failure = None
        assert header(auth) == "Bearer token-2"


def test_an_expired_token_is_not_used() -> None:
    clock, endpoint = FakeClock(), TokenEndpoint(3600)
    with serving(endpoint) as server:
        auth = oauth2(server.url, clock)
        header(auth)
        endpoint.failure = Reply(503)
        clock.advance(3601)
        with pytest.raises(NotSentError, match="503"):
            header(auth)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_told_apart(status: int) -> None:
    reply = Reply(status, {"error": "invalid_client"})
    with serving([reply]) as server, pytest.raises(AuthenticationRefused, match=str(status)):
        header(oauth2(server.url, FakeClock()))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(429),
        Reply(500),
        Reply(302, headers={"Location": "/"}),
        Reply(200, b"<html>"),
        Reply(200, {"token_type": "Bearer"}),
        Reply(200, {"access_token": ""}),
        Reply(200, {"access_token": "line\r\nbreak"}),
        Reply(200, ["access_token"]),
    ],
)
def test_a_token_endpoint_in_trouble_means_not_sent(reply: Reply) -> None:
    with serving([reply]) as server, pytest.raises(NotSentError):
        header(oauth2(server.url, FakeClock()))


def test_a_token_endpoint_that_is_down_means_not_sent() -> None:
    with pytest.raises(NotSentError, match="ConnectionRefused"):
        header(oauth2(f"http://127.0.0.1:{unused_port()}", FakeClock()))


def test_a_token_endpoint_that_hangs_up_means_not_sent() -> None:
    with misbehaving(lambda connection, _: None) as server, pytest.raises(NotSentError):
        header(oauth2(server.url, FakeClock()))


def test_a_failure_is_remembered_for_a_moment() -> None:
    clock, endpoint = FakeClock(), TokenEndpoint()
    endpoint.failure = Reply(401)
    with serving(endpoint) as server:
        auth = oauth2(server.url, clock)
        for _ in range(3):
            with pytest.raises(AuthenticationRefused):
                header(auth)
        assert len(server.received) == 1
        endpoint.failure = None
        clock.advance(6)
        assert header(auth) == "Bearer token-1"


def test_threads_share_one_renewal() -> None:
    at_endpoint, go_on = threading.Event(), threading.Event()
    endpoint = TokenEndpoint()

    def slow(request: Received) -> Reply:
        at_endpoint.set()
        assert go_on.wait(5)
        return endpoint(request)

    headers: list[str] = []
    with serving(slow) as server:
        auth = oauth2(server.url, FakeClock())
        threads = [threading.Thread(target=lambda: headers.append(header(auth))) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert at_endpoint.wait(5)
        go_on.set()
        for thread in threads:
            thread.join(5)

    assert headers == ["Bearer token-1"] * 8
    assert len(server.received) == 1


def test_nobody_waits_for_a_renewal_who_has_a_valid_token() -> None:
    clock, endpoint = FakeClock(), TokenEndpoint(3600)
    at_endpoint, go_on = threading.Event(), threading.Event()
    with serving(endpoint) as server:
        auth = oauth2(server.url, clock)
        header(auth)
        clock.advance(3550)

        def slow(request: Received) -> Reply:
            at_endpoint.set()
            assert go_on.wait(5)
            return endpoint(request)

        server.script = slow
        renewing = threading.Thread(target=header, args=(auth,))
        renewing.start()
        assert at_endpoint.wait(5)
        assert header(auth) == "Bearer token-1"  # while the other one waits
        go_on.set()
        renewing.join(5)
        assert header(auth) == "Bearer token-2"


def test_waiting_for_a_token_ends_with_the_time_limit() -> None:
    at_endpoint, go_on = threading.Event(), threading.Event()

    def slow(_: Received) -> Reply:
        at_endpoint.set()
        assert go_on.wait(5)
        return Reply(503)

    def renew() -> None:
        with pytest.raises(NotSentError):
            header(auth)

    with serving(slow) as server:
        auth = OAuth2ClientCredentials(server.url, "id", SecretStr("x"), timeout_seconds=5)
        renewing = threading.Thread(target=renew)
        renewing.start()
        assert at_endpoint.wait(5)
        with time_limit(0.05), pytest.raises(NotSentError, match="takes too long"):
            header(auth)
        go_on.set()
        renewing.join(5)


def test_a_refused_token_is_dropped_and_a_renewed_one_kept() -> None:
    with serving(TokenEndpoint()) as server:
        auth = oauth2(server.url, FakeClock())
        first = header(auth)
        auth.invalidate(first)
        second = header(auth)
        auth.invalidate(first)  # a late one: the token has been renewed since
        auth.invalidate(None)

        assert (first, second, header(auth)) == (
            "Bearer token-1",
            "Bearer token-2",
            "Bearer token-2",
        )


def test_a_bearer_token_is_sent_as_it_is() -> None:
    assert header(Bearer(SecretStr("abc"))) == "Bearer abc"
    assert "abc" not in repr(vars(Bearer(SecretStr("abc"))))


# --- what the settings choose ------------------------------------------------------------

CREDENTIALS = {
    "thunderhead_client_id": "tenant!üser",
    "thunderhead_client_secret": "pässword",
}


def test_none() -> None:
    assert thunderhead_auth(make_settings(thunderhead_auth="none")) is None


def test_basic_is_written_in_utf_8() -> None:
    auth = thunderhead_auth(make_settings(thunderhead_auth="basic", **CREDENTIALS))
    assert auth is not None
    expected = b64encode("tenant!üser:pässword".encode()).decode()
    assert header(auth) == f"Basic {expected}"


def test_oauth2_is_chosen() -> None:
    auth = thunderhead_auth(
        make_settings(
            thunderhead_auth="oauth2",
            thunderhead_token_url="http://login.example/token",
            **CREDENTIALS,
        )
    )
    assert isinstance(auth, OAuth2ClientCredentials)


class Validator(oauthlib.oauth1.RequestValidator):
    """Knows one client, which has no token: two legs."""

    enforce_ssl = False
    client_key_length = (1, 50)
    dummy_client = "dummy"
    safe_characters = set(map(chr, range(33, 127)))  # noqa: RUF012

    def get_client_secret(self, client_key: str, request: object) -> str:
        return "the secret"

    def validate_client_key(self, client_key: str, request: object) -> bool:
        return client_key == "tenant!user"

    def validate_timestamp_and_nonce(self, *args: object, **kwargs: object) -> bool:
        return True


def verify(server: Server, received: Received, *, body: str | None = None) -> bool:
    endpoint = oauthlib.oauth1.SignatureOnlyEndpoint(Validator())
    is_valid, _ = endpoint.validate_request(
        f"{server.url}{received.target}", received.method, body, dict(received.headers)
    )
    return bool(is_valid)


def test_oauth1_signs_with_hmac_sha256() -> None:
    auth = thunderhead_auth(
        make_settings(
            thunderhead_auth="oauth1",
            thunderhead_client_id="tenant!user",
            thunderhead_client_secret="the secret",
        )
    )
    with serving([Reply()]) as server:
        HttpClient(server.url, timeout_seconds=5, auth=auth).request(
            "POST",
            "/batches",
            params={"clientReference": "a b"},
            body=b'{"a": "b"}',
            headers={"Content-Type": "application/json"},
        )
    (received,) = server.received
    assert 'oauth_signature_method="HMAC-SHA256"' in received.headers["Authorization"]
    assert "oauth_token=" not in received.headers["Authorization"]
    assert "oauth_body_hash" not in received.headers["Authorization"]
    assert received.body == b'{"a": "b"}'
    assert verify(server, received)


def test_oauth1_logs_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth = thunderhead_auth(
        make_settings(
            thunderhead_auth="oauth1",
            thunderhead_client_id="tenant!user",
            thunderhead_client_secret="the secret",
        )
    )
    assert auth is not None
    header(auth, data=b"private", headers={"Content-Type": "application/json"})
    assert "private" not in caplog.text
    assert "oauth_signature" not in caplog.text
