from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.clients.issuer import MAX_BODY_BYTES, Issuer
from shared.errors import AuthenticationUnavailable
from tests.unit.clients.support import Received, Reply, drip, misbehaving, serving, unused_port

KEYS = [{"kid": "one", "kty": "RSA"}, {"kid": "two", "kty": "EC"}]


def keys_of(issuer: str, *, only_https: bool = False, seconds: float = 5) -> Any:
    return Issuer(issuer, timeout_seconds=seconds, only_https=only_https).signing_keys()


def answering(discovery: Callable[[str], Reply], keys: Reply) -> Callable[[Received], Reply]:
    def answer(request: Received) -> Reply:
        if request.path.endswith("/.well-known/openid-configuration"):
            return discovery(f"http://{request.headers['Host']}")
        return keys

    return answer


def described(url: str, path: str = "") -> Reply:
    return Reply(body={"issuer": url + path, "jwks_uri": f"{url}/keys"})


@pytest.mark.parametrize("path", ["", "/", "/tenant/v2.0", "/tenant/"])
def test_keys_are_found_by_discovery(path: str) -> None:
    with serving(answering(lambda url: described(url, path), Reply(body={"keys": KEYS}))) as server:
        assert keys_of(server.url + path) == KEYS
        paths = [request.target for request in server.received]
    assert paths == [f"{path.rstrip('/')}/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize("keys", [[], None, "x", [None, 7, "x"]], ids=str)
def test_what_is_no_key_is_left_out(keys: Any) -> None:
    with serving(answering(described, Reply(body={"keys": keys}))) as server:
        assert keys_of(server.url) == []


@pytest.mark.parametrize(
    "discovery",
    [
        lambda url: Reply(body={"issuer": "https://other.example", "jwks_uri": f"{url}/keys"}),
        lambda url: Reply(body={"issuer": f"{url}/", "jwks_uri": f"{url}/keys"}),
        lambda url: Reply(body={"jwks_uri": f"{url}/keys"}),
        lambda url: Reply(body={"issuer": url}),
        lambda url: Reply(body={"issuer": url, "jwks_uri": 7}),
        lambda url: Reply(body={"issuer": url, "jwks_uri": "/keys"}),
        lambda url: Reply(body={"issuer": url, "jwks_uri": "file:///etc/passwd"}),
        lambda url: Reply(body={"issuer": url, "jwks_uri": "http://["}),
        lambda url: Reply(body={"issuer": url, "jwks_uri": "http://"}),
        lambda _: Reply(body=[]),
        lambda _: Reply(body=b"<html>"),
        lambda _: Reply(404),
        lambda _: Reply(500, {}),
        lambda url: Reply(302, headers={"Location": f"{url}/elsewhere"}),
    ],
)
def test_a_description_that_is_none(discovery: Callable[[str], Reply]) -> None:
    with serving(answering(discovery, Reply(body={"keys": KEYS}))) as server:
        with pytest.raises(AuthenticationUnavailable):
            keys_of(server.url)
        assert len(server.received) == 1


@pytest.mark.parametrize(
    "keys",
    [
        Reply(503),
        Reply(301, headers={"Location": "/more"}),
        Reply(body=b"{"),
        Reply(body=KEYS),
        Reply(body=b" " * (MAX_BODY_BYTES + 1)),
    ],
    ids=lambda reply: str(reply)[:40],
)
def test_keys_that_are_none(keys: Reply) -> None:
    with (
        serving(answering(described, keys)) as server,
        pytest.raises(AuthenticationUnavailable, match=r"^no keys of the issuer: "),
    ):
        keys_of(server.url)


def test_keys_without_tls_are_for_local_alone() -> None:
    with serving(answering(described, Reply(body={"keys": KEYS}))) as server:
        with pytest.raises(AuthenticationUnavailable, match="jwks_uri"):
            keys_of(server.url, only_https=True)
        assert len(server.received) == 1


def test_nobody_listens() -> None:
    with pytest.raises(AuthenticationUnavailable):
        keys_of(f"http://127.0.0.1:{unused_port()}")


def test_a_slow_issuer_gets_no_more_than_its_time() -> None:
    with (
        misbehaving(
            lambda connection, server: drip(connection, server, b"HTTP/1.1 200 OK\r\n")
        ) as server,
        pytest.raises(AuthenticationUnavailable),
    ):
        keys_of(server.url, seconds=0.2)
