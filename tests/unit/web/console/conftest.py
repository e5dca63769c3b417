from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shared.web.console.app import create_console
from tests.unit.web.console.fakes import FakeUseCases

ORIGIN = "http://localhost"


@pytest.fixture
def cases() -> FakeUseCases:
    return FakeUseCases()


@pytest.fixture
def client(cases: FakeUseCases) -> TestClient:
    return browser(cases)


def browser(cases: FakeUseCases, **values: Any) -> TestClient:
    """A browser on its console, as far as tests without one go."""
    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    app = create_console(cases.console(**values))
    return TestClient(app, base_url=ORIGIN, headers=headers, follow_redirects=False)


@pytest.fixture
def order(client: TestClient) -> Callable[..., Any]:
    """Sends a form as a page of the console does."""

    def send(path: str, **fields: Any) -> Any:
        client.get("/console/pauses")
        token = client.cookies["oms-console"]
        return client.post(path, data={"csrf": token, "reason": "INC-42", **fields})

    return send
