"""What holds for every answer, also under Azure Functions."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
from typing import Any
from uuid import uuid4

import azure.functions as func
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from opentelemetry.trace import StatusCode

from shared.jobs.intake import Arrival, Intake
from tests.telemetry import recorded
from tests.unit.web.checks import PATH, assert_problem
from tests.unit.web.fakes import MemoryStore

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
SECRET = "Jane Doe"


class Context:
    """What the host tells of an invocation, as far as the middleware reads it."""

    function_directory = "DocumentRequestApi"
    function_name = "DocumentRequestApi"
    invocation_id = "1"
    thread_local_storage = trace_context = retry_context = None


def invoke(
    app: FastAPI, method: str, path: str, body: bytes = b"", **headers: str
) -> func.HttpResponse:
    """Serve a call as the Functions worker does."""

    async def serve() -> func.HttpResponse:
        middleware = func.AsgiMiddleware(app)
        assert await middleware.notify_startup()
        request = func.HttpRequest(
            method=method,
            url=f"https://oms.example{path}",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            body=body,
        )
        response = await middleware.handle_async(request, Context())
        await middleware.notify_shutdown()
        return response

    return asyncio.run(serve())


@pytest.fixture
def broken_intake(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(_self: Intake, arrivals: list[Arrival]) -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise RuntimeError(f"no room for {arrivals[0].request.content} of {SECRET}") from error

    monkeypatch.setattr(Intake, "submit", submit)


def test_functions_202(app: FastAPI, store: MemoryStore, body: dict[str, Any]) -> None:
    response = invoke(
        app,
        "POST",
        PATH,
        json.dumps(body).encode(),
        content_type="application/json",
        traceparent=TRACEPARENT,
    )
    assert response.status_code == 202
    assert response.mimetype == "application/json"
    resource = json.loads(response.get_body())
    assert response.headers["Location"] == f"{PATH}/{resource['requestId']}"
    [row] = store.tables.requests.rows.values()
    assert row.traceparent.startswith(f"00-{TRACE_ID}-")
    assert row.traceparent != TRACEPARENT


def test_functions_422(app: FastAPI) -> None:
    response = invoke(app, "POST", PATH, b"{}", content_type="application/json")
    assert response.status_code == 422
    assert response.mimetype == "application/problem+json"
    assert json.loads(response.get_body())["code"] == "VALIDATION_ERROR"


def test_functions_404(app: FastAPI) -> None:
    response = invoke(app, "GET", "/nowhere", traceparent=TRACEPARENT)
    assert response.status_code == 404
    problem = json.loads(response.get_body())
    assert (problem["code"], problem["traceId"]) == ("NOT_FOUND", TRACE_ID)
    assert problem["instance"] == "/nowhere"


@pytest.mark.usefixtures("broken_intake")
def test_functions_500(app: FastAPI, body: dict[str, Any]) -> None:
    response = invoke(
        app,
        "POST",
        PATH,
        json.dumps(body).encode(),
        content_type="application/json",
        traceparent=TRACEPARENT,
    )
    assert response.status_code == 500
    problem = json.loads(response.get_body())
    assert (problem["code"], problem["traceId"]) == ("INTERNAL_ERROR", TRACE_ID)
    assert SECRET not in response.get_body().decode()


@pytest.mark.usefixtures("broken_intake")
def test_an_unexpected_error_is_logged_without_its_text(
    client: TestClient, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        response = client.post(PATH, json=body, headers={"traceparent": TRACEPARENT})
    assert_problem(response, 500, "INTERNAL_ERROR")
    [record] = [record for record in caplog.records if record.name.startswith("shared")]
    fields = vars(record)
    assert fields["trace.id"] == TRACE_ID
    assert fields["error.type"] == "RuntimeError from KeyError"
    assert "in submit_singles" in fields["error.stack_trace"]
    # The lines of the code are there, what they worked on is not.
    assert SECRET not in "".join(str(value) for value in fields.values())
    assert not record.exc_info


def test_an_answer_that_broke_off_is_not_completed(app: FastAPI) -> None:
    async def break_off(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError

    app.mount("/broken", break_off)
    with pytest.raises(LookupError):
        TestClient(app).get("/broken/off")


def test_trace_context(client: TestClient) -> None:
    continued = client.get("/health/live", headers={"traceparent": TRACEPARENT})
    assert continued.headers["traceparent"].split("-")[1] == TRACE_ID
    begun = client.get("/nowhere", headers={"traceparent": "nonsense"})
    assert begun.headers["traceparent"].split("-")[1] == begun.json()["traceId"]


def test_a_call_is_a_span_under_its_route(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry = recorded(monkeypatch)
    url = f"{PATH}/{uuid4()}?metadata.NAME=Jane"
    response = client.get(url, headers={"traceparent": TRACEPARENT})
    [span] = telemetry.named(f"GET {PATH}/{{requestId}}")
    assert span.context
    own = f"{span.context.trace_id:032x}-{span.context.span_id:016x}"
    assert response.headers["traceparent"] == f"00-{own}-01"
    assert own.startswith(TRACE_ID)
    assert span.attributes
    assert span.attributes["http.response.status_code"] == response.status_code
    assert "Jane" not in span.to_json()


@pytest.mark.usefixtures("broken_intake")
def test_a_fault_is_an_error_without_its_text(
    client: TestClient, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry = recorded(monkeypatch)
    client.post(PATH, json=body)
    [span] = telemetry.named(f"POST {PATH}")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes
    assert span.attributes["error.type"] == "500"
    assert SECRET not in span.to_json()


def test_what_has_no_route_is_named_after_its_method(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry = recorded(monkeypatch)
    client.get("/nowhere")
    client.get("/health/live")
    client.get("/api/v1/health/ready")
    assert [span.name for span in telemetry.spans()] == ["GET"]


@pytest.mark.parametrize("path", ["/health/live", PATH, "/nowhere", "/openapi.json"])
def test_headers_of_every_answer(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in headers


def test_over_tls_browsers_are_told_to_stay_there(app: FastAPI) -> None:
    headers = TestClient(app, base_url="https://oms.example").get("/nowhere").headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert invoke(app, "GET", "/nowhere").headers["strict-transport-security"]


@pytest.mark.usefixtures("broken_intake")
def test_a_fault_has_the_headers_too(client: TestClient, body: dict[str, Any]) -> None:
    response = client.post(PATH, json=body)
    assert response.status_code == 500
    assert "content-security-policy" in response.headers


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_other_origin_is_let_in(client: TestClient, method: str) -> None:
    asked = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    headers = client.request(method, PATH, headers=asked).headers
    assert not [name for name in headers if name.startswith("access-control")]


def test_the_page_of_the_description_may_run_what_it_is_made_of(client: TestClient) -> None:
    response = client.get("/docs")
    policy = dict(
        part.split(" ", 1) for part in response.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    [inline] = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    sources = policy["script-src"].split(" ")
    assert f"'sha256-{digest}'" in sources
    assert "'unsafe-inline'" not in sources
    [script] = re.findall(r'<script src="([^"]+)"', response.text)
    assert script.startswith(sources[0])
    [style] = re.findall(r'<link type="text/css" rel="stylesheet" href="([^"]+)"', response.text)
    assert style.startswith(policy["style-src"].split(" ")[0])
    assert not re.findall(r'(?:href|src)="(?!https://cdn\.jsdelivr\.net/|data:)', response.text)


@pytest.mark.parametrize("path", ["/health/live", PATH, "/nowhere", "/docs"])
def test_head(client: TestClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.content == b""


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", PATH, "GET, HEAD, POST"),
        ("OPTIONS", PATH, "GET, HEAD, POST"),
        ("HEAD", f"{PATH}/1/cancel", "POST"),
        ("DELETE", f"{PATH}/1", "GET, HEAD"),
        ("GET", f"{PATH}/1/cancel", "POST"),
        ("GET", f"{PATH}/batch", "POST"),
        ("OPTIONS", f"{PATH}/batch", "POST"),
        ("POST", f"{PATH}/summary", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
def test_method_not_allowed(client: TestClient, method: str, path: str, allow: str) -> None:
    response = client.request(method, path)
    assert response.headers["allow"] == allow
    if method != "HEAD":
        assert_problem(response, 405, "METHOD_NOT_ALLOWED")
    assert response.status_code == 405


@pytest.mark.parametrize(
    "path", ["/", "/api/v1", f"{PATH}/", "/redoc", "/%00", "/%ED%A0%80", "/docs/oauth2-redirect"]
)
def test_unknown_route(client: TestClient, path: str) -> None:
    assert_problem(client.get(path), 404, "NOT_FOUND")


def test_any_error_of_the_framework(app: FastAPI) -> None:
    def refuse() -> None:
        raise HTTPException(418, headers={"X-Kind": "teapot"})

    app.add_api_route("/tea", refuse)
    response = TestClient(app).get("/tea")
    assert_problem(response, 418, "IM_A_TEAPOT")
    assert response.headers["x-kind"] == "teapot"


def test_a_body_that_breaks_off(app: FastAPI, store: MemoryStore) -> None:
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert store.is_empty
