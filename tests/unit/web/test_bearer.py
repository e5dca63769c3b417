"""Bearer tokens, checked with the keys of a real issuer on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.clients.issuer import Issuer
from shared.web import bearer
from shared.web.app import create_app
from shared.web.bearer import LEEWAY_SECONDS, BearerTokens
from shared.web.security import AccessList
from shared.web.services import Services
from shared.web.signing_keys import (
    FAILURE_SECONDS,
    LIFETIME_SECONDS,
    MAX_STALE_SECONDS,
    SEARCH_SECONDS,
    SigningKeys,
)
from tests.integration.waiting import wait_for
from tests.token_issuer import (
    AUDIENCE,
    CALLER,
    ROLE,
    TokenIssuer,
    issuing,
    private_key,
    public_jwk,
)
from tests.unit.clients.support import FakeClock
from tests.unit.web.checks import PATH, assert_problem
from tests.unit.web.fakes import MemoryStore

CALLERS = {CALLER: ["ARCADE"], "auditor": ["*"], "nova": ["NOVA"]}
NOBODY = f"{PATH}/{uuid4()}"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def issuer() -> Iterator[TokenIssuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def guarded(services: Services, issuer: TokenIssuer, clock: FakeClock) -> FastAPI:
    source = Issuer(issuer.url, timeout_seconds=5, only_https=False)
    tokens = BearerTokens(
        SigningKeys(source.signing_keys, wait_seconds=5, monotonic=clock.monotonic),
        issuer=issuer.url,
        audience=AUDIENCE,
        callers=AccessList(ROLE, CALLERS),
    )
    return create_app(replace(services, authenticate=tokens))


Call = Callable[..., Any]


@pytest.fixture
def call(guarded: FastAPI) -> Call:
    """Makes a call with a token."""
    client = TestClient(guarded)

    def call(token: str, method: str = "GET", path: str = PATH, **kwargs: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return client.request(method, path, headers=headers, **kwargs)

    return call


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


# --- good tokens ----------------------------------------------------------------------------


def test_a_good_token(call: Call, issuer: TokenIssuer) -> None:
    for _ in range(3):
        assert call(issuer.token()).status_code == 200
    assert issuer.fetches == 1


def test_a_token_is_checked_once(
    call: Call, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token()
    assert call(token).status_code == 200
    monkeypatch.setattr(jwt, "decode", None)
    assert call(token).status_code == 200
    assert call(issuer.token(jti="another")).status_code == 500


def test_a_token_that_was_good_ends_with_its_time(call: Call, issuer: TokenIssuer) -> None:
    token = issuer.token(exp=int(time.time()) - LEEWAY_SECONDS + 2)
    assert call(token).status_code == 200
    wait_for(lambda: call(token).status_code == 401, "the end of the token")


def test_good_tokens_are_remembered_up_to_a_limit(
    call: Call, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearer, "MOST_REMEMBERED", 2)
    tokens = [issuer.token(jti=str(number)) for number in range(5)]
    for token in tokens:
        assert call(token).status_code == 200
    monkeypatch.setattr(jwt, "decode", None)
    assert call(tokens[-1]).status_code == 200
    assert call(tokens[0]).status_code == 500


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR "])
def test_the_scheme_has_no_case(guarded: FastAPI, issuer: TokenIssuer, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {issuer.token()}"}
    assert TestClient(guarded).get(PATH, headers=headers).status_code == 200


@pytest.mark.parametrize("claim", [{"exp": -50}, {"nbf": 50}, {"iat": 50}])
def test_clocks_may_differ_a_little(call: Call, issuer: TokenIssuer, claim: dict[str, int]) -> None:
    now = int(time.time())
    changes = {name: now + seconds for name, seconds in claim.items()}
    assert call(issuer.token(**changes)).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"azp": "auditor"},
        {"azp": None, "appid": "auditor"},
        {"azp": None, "oid": "auditor"},
        {"azp": 7, "oid": "auditor"},
        {"azp": "auditor", "appid": "nova", "oid": "nova"},
        {"azp": "auditor", "roles": ["Other", ROLE]},
        {"azp": "auditor", "aud": ["api://other", AUDIENCE]},
        {"azp": "auditor", "nbf": None, "iat": None},
    ],
    ids=str,
)
def test_the_caller_is_the_actor(
    call: Call, issuer: TokenIssuer, body: dict[str, Any], claims: dict[str, Any]
) -> None:
    token = issuer.token(**claims)
    stored = call(token, "POST", json=body)
    assert stored.status_code == 202, stored.text
    history = call(token, path=f"{PATH}/{stored.json()['requestId']}/history").json()
    assert [entry["actor"] for entry in history["items"]] == ["auditor"]


# --- tokens that prove nothing ----------------------------------------------------------------


def unsigned(issuer: TokenIssuer, algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'kid': 'first'})}.{encoded(issuer.claims())}."


def signed_with_the_public_key(issuer: TokenIssuer) -> str:
    """Sign by HMAC with what everybody knows: the oldest trick."""
    public = private_key("first").public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(issuer.claims())}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def with_header(issuer: TokenIssuer, **header: Any) -> str:
    key = private_key("first")
    return jwt.encode(issuer.claims(), key, "RS256", {"kid": "first"} | header)


def with_payload(payload: bytes) -> str:
    return jwt.PyJWS().encode(payload, private_key("first"), "RS256", {"kid": "first"})


def changed(issuer: TokenIssuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{encoded(issuer.claims(azp='auditor'))}.{signature}"


NOW = int(time.time())
BAD_TOKENS: dict[str, Callable[[TokenIssuer], str]] = {
    "alg none": lambda issuer: unsigned(issuer, "none") + "AA",
    "alg none without signature": lambda issuer: unsigned(issuer, "none"),
    "alg None": lambda issuer: unsigned(issuer, "None") + "AA",
    "alg RS256 without signature": lambda issuer: unsigned(issuer, "RS256"),
    "HS256 with the public key": signed_with_the_public_key,
    "RS512": lambda issuer: jwt.encode(
        issuer.claims(), private_key("first"), "RS512", {"kid": "first"}
    ),
    "PS256": lambda issuer: jwt.encode(
        issuer.claims(), private_key("first"), "PS256", {"kid": "first"}
    ),
    "another's key": lambda issuer: issuer.token("other", kid="first"),
    "changed claims": changed,
    "wrong audience": lambda issuer: issuer.token(aud="api://other"),
    "part of the audience": lambda issuer: issuer.token(aud="api://om"),
    "no audience": lambda issuer: issuer.token(aud=None),
    "wrong issuer": lambda issuer: issuer.token(iss=issuer.url + "/"),
    "no issuer": lambda issuer: issuer.token(iss=None),
    "expired": lambda issuer: issuer.token(exp=NOW - 70),
    "no expiry": lambda issuer: issuer.token(exp=None),
    "expiry that is no number": lambda issuer: issuer.token(exp="soon"),
    "not yet valid": lambda issuer: issuer.token(nbf=int(time.time()) + 90),
    "no kid": lambda issuer: with_header(issuer, kid=""),
    "unknown extension": lambda issuer: with_header(issuer, crit=["exp2"], exp2=1),
    "payload that is no object": lambda _: with_payload(b"[1]"),
    "payload that is no JSON": lambda _: with_payload(b"\xff"),
    "payload without an end": lambda _: with_payload(b"[" * 9000),
    "huge": lambda issuer: issuer.token(padding="x" * 16_384),
    "header without an end": lambda _: f"{encoded(b'[' * 9000)}.e30.AA",
    "header that is no object": lambda _: f"{encoded([])}.e30.AA",
    "kid that is no text": lambda _: f"{encoded({'alg': 'RS256', 'kid': [1]})}.e30.AA",
    "empty": lambda _: "",
    "one part": lambda _: "abc",
    "five parts": lambda _: "a.b.c.d.e",
    "no base64": lambda _: "a.b.c",
    "blanks inside": lambda issuer: issuer.token().replace(".", ". ", 1),
    "two tokens": lambda issuer: f"{issuer.token()},{issuer.token()}",
    "two headers made one": lambda issuer: f"{issuer.token()}, Bearer {issuer.token()}",
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_token_that_proves_nothing(call: Call, issuer: TokenIssuer, kind: str) -> None:
    assert call(issuer.token()).status_code == 200
    response = call(BAD_TOKENS[kind](issuer))
    assert_problem(response, 401, "NOT_AUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"
    assert issuer.fetches == 1


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Basic b21zOm9tcw==")],
        [("Authorization", "{}")],
        [("Authorization", "Token {}")],
        [("Authorization", "Bearer\t{}")],
        [("Authorization", "Bearer {}"), ("Authorization", "Bearer {}")],
        [("Authorization", "Bearer x.y.z"), ("Authorization", "Bearer {}")],
        [("X-Authorization", "Bearer {}")],
        [("X-MS-CLIENT-PRINCIPAL", "e30="), ("X-MS-CLIENT-PRINCIPAL-ID", CALLER)],
    ],
    ids=str,
)
def test_headers_that_prove_nothing(
    guarded: FastAPI, issuer: TokenIssuer, headers: list[tuple[str, str]]
) -> None:
    token = issuer.token()
    filled = [(name, value.format(token)) for name, value in headers]
    assert_problem(TestClient(guarded).get(PATH, headers=filled), 401, "NOT_AUTHENTICATED")


def test_a_bad_token_without_a_look_at_the_keys_costs_no_fetch(
    call: Call, issuer: TokenIssuer
) -> None:
    for token in ("", unsigned(issuer, "none"), signed_with_the_public_key(issuer)):
        assert_problem(call(token), 401, "NOT_AUTHENTICATED")
    assert issuer.fetches == 0


# --- what a caller may do -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [
        {"roles": None},
        {"roles": []},
        {"roles": ["Other"]},
        {"roles": [ROLE.lower()]},
        {"roles": ROLE},
        {"roles": f"x {ROLE} x"},
        {"roles": {ROLE: True}},
        {"roles": 7},
        {"roles": [[ROLE]]},
        {"roles": None, "scp": ROLE},
        {"azp": "stranger"},
        {"azp": CALLER.upper()},
        {"azp": "*"},
        {"azp": None, "oid": None},
        {"azp": "", "oid": None},
        {"azp": [CALLER], "oid": None},
    ],
    ids=str,
)
def test_a_caller_without_the_role_or_a_place_on_the_list(
    call: Call, issuer: TokenIssuer, claims: dict[str, Any]
) -> None:
    assert_problem(call(issuer.token(**claims)), 403, "NOT_AUTHORIZED")


def test_a_caller_has_its_own_source_systems(
    call: Call, issuer: TokenIssuer, body: dict[str, Any], store: MemoryStore
) -> None:
    arcade, nova, auditor = (issuer.token(azp=name) for name in (CALLER, "nova", "auditor"))
    assert_problem(call(nova, "POST", json=body), 403, "FORBIDDEN_SOURCE_SYSTEM")
    assert store.is_empty
    items = {"items": [body]}
    [item] = call(nova, "POST", f"{PATH}/batch", json=items).json()["items"]
    assert (item["status"], item["problem"]["code"]) == (403, "FORBIDDEN_SOURCE_SYSTEM")
    path = f"{PATH}/{call(arcade, 'POST', json=body).json()['requestId']}"
    for method, of_request in (
        ("GET", path),
        ("GET", f"{path}/history"),
        ("POST", f"{path}/cancel"),
    ):
        assert_problem(call(nova, method, of_request), 404, "NOT_FOUND")
    for token, count in ((arcade, 1), (nova, 0), (auditor, 1)):
        assert len(call(token).json()["items"]) == count
        assert call(token, path=f"{PATH}/summary").json()["total"] == count
        assert len(call(token, path=f"{PATH}?sourceSystem=ARCADE").json()["items"]) == count
    assert call(auditor, path=path).status_code == 200


# --- keys ---------------------------------------------------------------------------------------


def test_a_rotated_key_is_picked_up(call: Call, issuer: TokenIssuer) -> None:
    assert call(issuer.token()).status_code == 200
    issuer.published.append(public_jwk("second"))
    assert call(issuer.token("second")).status_code == 200
    assert call(issuer.token()).status_code == 200
    assert issuer.fetches == 2


def test_a_withdrawn_key_is_refused_when_the_keys_have_been_fetched_again(
    call: Call, issuer: TokenIssuer, clock: FakeClock
) -> None:
    assert call(issuer.token()).status_code == 200
    issuer.published = [public_jwk("second")]
    clock.advance(LIFETIME_SECONDS - 1)
    assert call(issuer.token()).status_code == 200
    clock.advance(1)
    assert_problem(call(issuer.token()), 401, "NOT_AUTHENTICATED")
    assert issuer.fetches == 2


@pytest.mark.parametrize("kid", ["second", "first"], ids=["withdrawn", "replaced"])
def test_a_token_that_was_good_ends_with_its_key(
    call: Call, issuer: TokenIssuer, clock: FakeClock, kid: str
) -> None:
    token = issuer.token()
    assert call(token).status_code == 200
    issuer.published = [public_jwk("second", kid=kid)]
    clock.advance(LIFETIME_SECONDS - 1)
    assert call(token).status_code == 200
    clock.advance(1)
    assert_problem(call(token), 401, "NOT_AUTHENTICATED")


def test_a_flood_of_unknown_keys_costs_one_fetch(
    call: Call, issuer: TokenIssuer, clock: FakeClock
) -> None:
    assert call(issuer.token()).status_code == 200
    for number in range(50):
        token = issuer.token("other", kid=f"unknown-{number}")
        assert_problem(call(token), 401, "NOT_AUTHENTICATED")
    assert issuer.fetches == 2
    clock.advance(SEARCH_SECONDS - 1)
    call(issuer.token("other"))
    assert issuer.fetches == 2
    clock.advance(1)
    call(issuer.token("other"))
    assert issuer.fetches == 3


@pytest.mark.parametrize("is_rotated", [False, True])
def test_many_callers_at_once_cost_one_fetch(
    call: Call, issuer: TokenIssuer, is_rotated: bool
) -> None:
    token = issuer.token()
    if is_rotated:
        assert call(token).status_code == 200
        issuer.published.append(public_jwk("second"))
        token = issuer.token("second")
    before = issuer.fetches
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: call(token).status_code, range(64)))
    assert statuses == [200] * 64
    assert issuer.fetches == before + 1


def test_an_issuer_that_is_out_makes_no_token_invalid(
    call: Call, issuer: TokenIssuer, clock: FakeClock
) -> None:
    issuer.is_out = True
    for _ in range(5):
        response = call(issuer.token())
        assert_problem(response, 503, "AUTHENTICATION_UNAVAILABLE")
        assert response.headers["retry-after"] == "5"
    assert len(issuer.server.received) == 1
    issuer.is_out = False
    clock.advance(FAILURE_SECONDS)
    assert call(issuer.token()).status_code == 200


def test_known_keys_serve_while_the_issuer_is_out(
    call: Call, issuer: TokenIssuer, clock: FakeClock
) -> None:
    assert call(issuer.token()).status_code == 200
    issuer.is_out = True
    clock.advance(MAX_STALE_SECONDS - 1)
    assert call(issuer.token()).status_code == 200
    # Whether this key is a new one nobody can tell.
    assert_problem(call(issuer.token("second")), 503, "AUTHENTICATION_UNAVAILABLE")
    clock.advance(1)
    assert_problem(call(issuer.token()), 503, "AUTHENTICATION_UNAVAILABLE")


def test_nobody_with_a_known_key_waits_for_a_slow_issuer(
    call: Call, issuer: TokenIssuer, clock: FakeClock
) -> None:
    assert call(issuer.token()).status_code == 200
    clock.advance(LIFETIME_SECONDS)
    statuses: list[int] = []
    answer = issuer.answer

    def answer_during_a_call(request: Any) -> Any:
        if not statuses:
            statuses.append(call(issuer.token()).status_code)
        return answer(request)

    issuer.server.script = answer_during_a_call
    assert call(issuer.token()).status_code == 200
    assert statuses == [200]
    assert issuer.fetches == 2


@pytest.mark.parametrize(
    "key",
    [
        public_jwk("first", use="enc"),
        public_jwk("first", alg="RS512"),
        public_jwk("first", kty="oct", k="AAAA"),
        public_jwk("first", n="!"),
        public_jwk("first", kid=7),
        {"kid": "first", "kty": "RSA"},
    ],
    # Not made of the key: it is another one in each process.
    ids=["use", "algorithm", "type", "modulus", "id", "no modulus"],
)
def test_a_key_that_is_none_for_signatures_is_left_out(
    call: Call, issuer: TokenIssuer, key: dict[str, Any]
) -> None:
    issuer.published = [key, public_jwk("second")]
    assert call(issuer.token("second")).status_code == 200
    assert_problem(call(issuer.token()), 401, "NOT_AUTHENTICATED")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_weak_key_is_left_out(call: Call, issuer: TokenIssuer) -> None:
    issuer.published += [public_jwk("weak")]
    assert call(issuer.token()).status_code == 200
    assert_problem(call(issuer.token("weak")), 401, "NOT_AUTHENTICATED")


def test_an_issuer_without_a_usable_key_is_out(call: Call, issuer: TokenIssuer) -> None:
    issuer.published = [public_jwk("first", use="enc")]
    assert_problem(call(issuer.token()), 503, "AUTHENTICATION_UNAVAILABLE")


def test_why_a_caller_is_refused_is_in_the_log_alone(
    call: Call, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    token = issuer.token(exp=NOW - 70)
    with caplog.at_level("INFO", "shared"):
        response = call(token)
    [record] = [record for record in caplog.records if record.name.startswith("shared")]
    assert vars(record)["error.message"] == "ExpiredSignatureError"
    assert "Expired" not in response.text
    assert token.split(".")[1] not in str(vars(record))
