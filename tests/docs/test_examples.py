"""The examples for callers run, against the served API."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from local import reference_data
from local.serving import ServerThread
from shared.asgi import api
from shared.composition import compose
from tests.serving import served
from tests.unit.clients.support import make_settings

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
REQUEST = {
    "sourceSystem": "ARCADE",
    "requestCorrelationId": "REQ-1",
    "documentType": "INVOICE",
    "documentName": "IVZRECPA",
    "language": "EN",
    "content": {"InvoiceNumber": "1"},
}

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def example() -> ModuleType:
    found = importlib.util.spec_from_file_location("example_client", EXAMPLES / "client.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:
        codes = stack.enter_context(ServerThread(reference_data.create_app()))
        system = compose(
            make_settings(
                database_url=f"sqlite:///{tmp_path}/oms.db", reference_data_base_url=codes.url
            )
        )
        stack.callback(system.close)
        system.store.migrate()
        yield api(system)


Trouble = Callable[[ASGIApp, Scope, Receive, Send], Any]


async def overloaded(_app: ASGIApp, _scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(b"retry-after", b"7")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"a gateway's own page"})


async def silent(app: ASGIApp, scope: Scope, receive: Receive, _send: Send) -> None:
    """Do the work, and let the caller wait for the answer until it gives up."""

    async def drop(_message: Any) -> None:
        pass

    await app(scope, receive, drop)
    while (await receive())["type"] != "http.disconnect":
        pass


class Troubled:
    """The API behind something that spoils the first calls."""

    def __init__(self, app: ASGIApp, *troubles: Trouble) -> None:
        self.calls = 0
        self._app = app
        self._troubles = troubles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.calls += 1
            if self.calls <= len(self._troubles):
                await self._troubles[self.calls - 1](self._app, scope, receive, send)
                return
        await self._app(scope, receive, send)


def test_the_client_sends_the_same_pair_until_it_has_an_answer(
    example: ModuleType, app: FastAPI
) -> None:
    pauses: list[float] = []
    troubled = Troubled(app, overloaded, silent)
    with served(troubled) as url:
        client = example.DocumentRequests(f"{url}/api/v1", timeout_seconds=1, pause=pauses.append)
        receipt = client.submit(REQUEST)
        assert troubled.calls == 3
        assert pauses[0] == 7
        assert 1 <= pauses[1] <= 2
        # The second call was stored, the third found it.
        assert [one["requestId"] for one in client.all(sourceSystem="ARCADE")] == [
            receipt["requestId"]
        ]


def test_the_client_gives_up(example: ModuleType, app: FastAPI) -> None:
    pauses: list[float] = []
    with served(Troubled(app, overloaded, overloaded)) as url:
        client = example.DocumentRequests(f"{url}/api/v1", tries=2, pause=pauses.append)
        with pytest.raises(example.Unavailable):
            client.submit(REQUEST)
    assert pauses == [7]


def test_the_client_reads_cancels_and_pages(example: ModuleType, app: FastAPI) -> None:
    with served(app) as url:
        client = example.DocumentRequests(f"{url}/api/v1", token=lambda: "token")
        ids = [
            client.submit(REQUEST | {"requestCorrelationId": f"REQ-{n}"})["requestId"]
            for n in range(3)
        ]
        assert client.get(ids[0])["status"] == "RECEIVED"
        assert client.cancel(ids[0])["failure"]["category"] == "CANCELLED"
        assert [one["requestId"] for one in client.all(limit="2")] == ids[::-1]
        with pytest.raises(example.Refused) as refused:
            client.submit(REQUEST | {"requestCorrelationId": "REQ-9", "language": "XX"})
    assert (refused.value.status, refused.value.code) == (422, "VALIDATION_ERROR")
    assert refused.value.errors[0]["field"] == "language"


def test_the_curl_lines_run(app: FastAPI) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    with served(app) as url:
        finished = subprocess.run(
            ["bash", EXAMPLES / "calls.sh"],
            env=os.environ | {"OMS_API": f"{url}/api/v1", "OMS_TOKEN": "token"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    decoder, rest, answers = json.JSONDecoder(), finished.stdout.strip(), []
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].lstrip()
    receipt, read, history, page, summary, batch, cancelled = answers
    assert read == receipt
    assert [item["to"] for item in history["items"]] == ["RECEIVED"]
    assert page["items"] == [receipt]
    assert summary["total"] == 1
    assert batch["items"][0]["status"] == 422
    assert cancelled["status"] == "FAILED"


def test_the_document_for_callers_names_every_code() -> None:
    """docs/api.md lists the codes of all problems that the description shows."""
    told = (EXAMPLES.parent / "api.md").read_text(encoding="utf-8")
    described = (EXAMPLES.parent / "contracts" / "document-request-api.json").read_text()
    codes = set(re.findall(r'"code": "([A-Z_]+)"', described)) - {"CODE", "CANCELLED"}
    assert codes
    assert {code for code in codes if f"`{code}`" not in told} == set()
