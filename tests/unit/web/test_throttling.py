"""How often a caller may call."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from shared.jobs.queries import Caller
from shared.web.app import create_app
from shared.web.security import NotAuthenticated
from shared.web.services import Services
from shared.web.throttling import RateLimit, RateLimited
from tests.integration.waiting import wait_for
from tests.unit.web.checks import PATH, assert_problem


async def by_name(headers: Mapping[str, str]) -> Caller:
    if "x-name" not in headers:
        raise NotAuthenticated
    return Caller(headers["x-name"])


def limited(services: Services, rate: str) -> FastAPI:
    return create_app(replace(services, authenticate=by_name, throttle=RateLimit(rate)))


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(limited(services, "3/hour"))


def test_each_caller_has_its_own_limit(client: TestClient) -> None:
    for name in ("one", "two"):
        for path in (PATH, f"{PATH}/summary", f"{PATH}/nonsense"):
            assert client.get(path, headers={"X-Name": name}).status_code != 429
        response = client.get(PATH, headers={"X-Name": name})
        assert_problem(response, 429, "RATE_LIMITED")
        assert 3590 <= int(response.headers["retry-after"]) <= 3600


def test_strangers_use_up_nobodys_calls(client: TestClient) -> None:
    for _ in range(9):
        assert client.get(PATH).status_code == 401
    assert client.get(PATH, headers={"X-Name": "one"}).status_code == 200
    for _ in range(9):
        assert client.get("/health/live", headers={"X-Name": "one"}).status_code == 200
    assert client.get(PATH, headers={"X-Name": "one"}).status_code == 200


def test_the_body_of_a_call_too_many_is_not_read(client: TestClient) -> None:
    for _ in range(3):
        client.get(PATH, headers={"X-Name": "one"})
    headers = {"X-Name": "one", "Content-Length": "99999999"}
    assert_problem(client.post(PATH, json={}, headers=headers), 429, "RATE_LIMITED")


def test_a_window_ends(services: Services) -> None:
    client = TestClient(limited(services, "1/second"))
    headers = {"X-Name": "one"}

    def answer(status: int) -> Response | None:
        response = client.get(PATH, headers=headers)
        return response if response.status_code == status else None

    assert answer(200)
    refused = wait_for(lambda: answer(429), "a full window")
    assert refused.headers["retry-after"] == "1"
    wait_for(lambda: answer(200), "the next window")


def test_calls_at_once_are_counted_one_by_one() -> None:
    limit = RateLimit("100/hour")

    def is_let_in(_: int) -> bool:
        try:
            limit(Caller("one"))
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(is_let_in, range(300))) == 100
