"""API and console side by side, as `python -m shared serve` has them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse

from shared.asgi_console import with_console


@pytest.mark.parametrize(
    ("path", "served_by"),
    [
        ("/console", "console"),
        ("/console/", "console"),
        ("/console/requests", "console"),
        ("/consoles", "api"),
        ("/api/v1/console/", "api"),
        ("/", "api"),
    ],
)
def test_the_console_has_its_own_paths(path: str, served_by: str) -> None:
    def app(name: str) -> Any:
        return PlainTextResponse(name)

    client = TestClient(with_console(app("api"), app("console")))
    assert client.get(path).text == served_by
