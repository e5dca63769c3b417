"""The smoke test against the whole local stack, and against systems that are not well."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from local import reference_data, smoke
from local.serving import ServerThread
from local.stack import running_stack
from local.stopping import StopSignals
from shared.asgi import api
from shared.composition import System, compose
from shared.jobs.queries import Caller
from tests.serving import served
from tests.unit.clients.support import make_settings

pytestmark = pytest.mark.integration


def run(url: str, *arguments: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    } | ({"OMS_SMOKE_TOKEN": token} if token else {})
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "local.smoke", url, "--every", "0.05", *arguments],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_request_goes_through_the_whole_system() -> None:
    with StopSignals() as stop, running_stack(stop, lambda _: None) as stack:
        finished = run(stack.api_url, "--within", "60")
        assert finished.returncode == 0, finished.stderr + finished.stdout
        for step in ("ready: database up", "accepted as", "SUBMITTED, batch", "COMPLETED"):
            assert step in finished.stdout
        assert finished.stdout.endswith("smoke test passed\n")


def test_the_reserved_names_are_those_of_the_samples() -> None:
    rows = (Path(reference_data.__file__).parent / "sample_data/reference_data.json").read_text()
    for name in (smoke.SOURCE_SYSTEM, smoke.DOCUMENT_TYPE, smoke.DOCUMENT_NAME, smoke.LANGUAGE):
        assert f'"refDataValue": "{name}"' in rows


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """An API without its jobs: what it takes stays RECEIVED."""
    with ExitStack() as stack:
        codes = stack.enter_context(ServerThread(reference_data.create_app()))
        system = compose(
            make_settings(
                database_url=f"sqlite:///{tmp_path}/oms.db", reference_data_base_url=codes.url
            )
        )
        stack.callback(system.close)
        system.store.migrate()
        yield system


def test_a_request_that_does_not_end_in_time(system: System) -> None:
    with served(api(system)) as url:
        finished = run(url, "--within", "0.5")
    assert finished.returncode == 1
    assert finished.stderr == "Smoke test failed: still RECEIVED after 0.5 s\n"


def test_a_request_that_fails(system: System) -> None:
    with (
        served(api(system)) as url,
        subprocess.Popen(
            [sys.executable, "-m", "local.smoke", url, "--every", "0.05"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if "accepted as" in line:
                system.operations.cancel(UUID(line.split()[-1]), Caller("tester"), "not wanted")
                break
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert complaint == "Smoke test failed: the request ended as FAILED (CANCELLED, CANCELLED)\n"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    finished = run(f"http://127.0.0.1:{port}", "--within", "0.2")
    assert finished.returncode == 1
    assert finished.stderr.endswith("GET /health/ready: no answer, for 0.2 s\n")


def test_no_url() -> None:
    assert "URL:" in run("").stderr


async def _ready(_: web.Request) -> web.Response:
    return web.json_response({"status": "ready", "database": "up"})


def test_a_token_that_is_not_accepted() -> None:
    presented: list[str | None] = []

    async def refuse(request: web.Request) -> web.Response:
        presented.append(request.headers.get("Authorization"))
        problem: dict[str, Any] = {"code": "NOT_AUTHENTICATED", "errors": [], "traceId": "t1"}
        return web.json_response(problem, status=401, content_type="application/problem+json")

    app = web.Application()
    app.router.add_get("/health/ready", _ready)
    app.router.add_post("/api/v1/document-requests", refuse)
    with ServerThread(app) as server:
        finished = run(server.url, token="secret-token")
    assert finished.returncode == 1
    assert "401 NOT_AUTHENTICATED, trace t1" in finished.stderr
    assert presented == ["Bearer secret-token"]
    assert "secret-token" not in finished.stdout + finished.stderr


def test_codes_that_were_not_set_up() -> None:
    async def refuse(_: web.Request) -> web.Response:
        errors = [{"field": "documentName", "message": "is not a DOCUMENT_NAME code in effect"}]
        problem = {"code": "VALIDATION_ERROR", "errors": errors, "traceId": "t1"}
        return web.json_response(problem, status=422, content_type="application/problem+json")

    app = web.Application()
    app.router.add_get("/health/ready", _ready)
    app.router.add_post("/api/v1/document-requests", refuse)
    with ServerThread(app) as server:
        finished = run(server.url)
    assert finished.returncode == 1
    assert "422 VALIDATION_ERROR, documentName is not a DOCUMENT_NAME code" in finished.stderr


def test_another_web_site() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/health/ready", page)
    with ServerThread(app) as server:
        finished = run(server.url)
    assert finished.stderr == (
        "Smoke test failed: /health/ready: answered 200, but no JSON: is it OMS?\n"
    )


def test_a_system_that_is_starting() -> None:
    """What is busy is asked again, with the same request."""
    bodies: list[dict[str, Any]] = []

    async def busy_once(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        if len(bodies) == 1:
            return web.json_response({"code": "DATABASE_UNAVAILABLE"}, status=503)
        return web.json_response({"requestId": "r1", "status": "RECEIVED"}, status=202)

    async def done(_: web.Request) -> web.Response:
        return web.json_response({"requestId": "r1", "status": "COMPLETED"})

    app = web.Application()
    app.router.add_get("/health/ready", _ready)
    app.router.add_post("/api/v1/document-requests", busy_once)
    app.router.add_get("/api/v1/document-requests/r1", done)
    with ServerThread(app) as server:
        finished = run(server.url)
    assert finished.returncode == 0, finished.stderr
    assert bodies[0] == bodies[1]
