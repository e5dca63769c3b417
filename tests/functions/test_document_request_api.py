from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.web.app import DocumentRequestApp
from shared.web.submissions import MAX_REQUEST_BYTES
from tests.functions.settings import invoice, settings
from tests.functions.worker import Answer, Load, LoadedFunction, answer_of

REQUESTS = "/api/v1/document-requests"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


def assert_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert len(problem["traceId"]) == 32
    return problem


# --- answers ------------------------------------------------------------------------------------


def test_a_valid_request_is_accepted_and_can_be_read_at_its_location(api: LoadedFunction) -> None:
    accepted = api.post_json(REQUESTS, invoice("REQ-1"))
    assert accepted.status == 202
    assert accepted.json()["status"] == "RECEIVED"

    read = api.http("GET", accepted.headers["location"])
    assert read.status == 200
    assert read.json()["requestCorrelationId"] == "REQ-1"


def test_the_same_request_again_is_answered_with_the_first(api: LoadedFunction) -> None:
    first = api.post_json(REQUESTS, invoice("REQ-1"))
    again = api.post_json(REQUESTS, invoice("REQ-1"))
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["requestId"] == first.json()["requestId"]


def test_an_invalid_request_is_refused_with_its_fields(api: LoadedFunction) -> None:
    answer = api.post_json(REQUESTS, invoice("REQ-1", documentName="IVZRECXX"))
    problem = assert_problem(answer, 422, "VALIDATION_ERROR")
    assert [error["field"] for error in problem["errors"]] == ["documentName"]


@pytest.mark.parametrize("path", ["/nothing/here", f"{REQUESTS}/{uuid4()}", "/caf%e9"])
def test_what_does_not_exist_is_not_found(api: LoadedFunction, path: str) -> None:
    assert_problem(api.http("GET", path), 404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_method_that_a_path_does_not_know_is_refused_by_the_api(
    api: LoadedFunction, method: str
) -> None:
    answer = api.http(method, REQUESTS)
    assert_problem(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_a_query_reaches_the_api(api: LoadedFunction) -> None:
    for number in range(3):
        api.post_json(REQUESTS, invoice(f"REQ-{number}"))
    page = api.http("GET", f"{REQUESTS}?limit=2&status=RECEIVED").json()
    assert len(page["items"]) == 2


def test_a_body_above_the_limit_is_refused(api: LoadedFunction) -> None:
    body = b" " * (MAX_REQUEST_BYTES + 1)
    answer = api.http("POST", REQUESTS, body, {"Content-Type": "application/json"})
    assert_problem(answer, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", ["/health/live", "/openapi.json"])
def test_head_is_answered_as_get_without_the_body(api: LoadedFunction, path: str) -> None:
    got, head = api.http("GET", path), api.http("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers.keys() == got.headers.keys()
    assert head.headers["content-length"] == str(len(got.body))


def test_the_api_describes_itself(api: LoadedFunction) -> None:
    answer = api.http("GET", "/openapi.json")
    assert answer.status == 200
    assert REQUESTS in answer.json()["paths"]


def test_the_trace_of_the_caller_is_continued(api: LoadedFunction) -> None:
    answer = api.http("GET", "/nothing/here", headers={"traceparent": TRACEPARENT})
    assert answer.headers["traceparent"].split("-")[1] == TRACE_ID
    assert answer.json()["traceId"] == TRACE_ID


# --- failures -----------------------------------------------------------------------------------


def test_what_nobody_expected_is_an_answer_with_a_trace_id_and_not_a_failed_invocation(
    api: LoadedFunction, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    location = api.post_json(REQUESTS, invoice("REQ-1")).headers["location"]
    _damage(database)

    answer = api.http("GET", location, headers={"traceparent": TRACEPARENT})

    problem = assert_problem(answer, 500, "INTERNAL_ERROR")
    assert problem["traceId"] == TRACE_ID
    [logged] = [record for record in caplog.records if record.name == "shared.web.boundary"]
    assert logged.levelname == "ERROR"
    assert vars(logged)["trace.id"] == TRACE_ID
    assert "NONSENSE" not in answer.body.decode()


def test_after_an_unexpected_error_the_worker_goes_on(api: LoadedFunction, database: Path) -> None:
    location = api.post_json(REQUESTS, invoice("REQ-1")).headers["location"]
    _damage(database)
    api.http("GET", location)
    assert api.post_json(REQUESTS, invoice("REQ-2")).status == 202


def test_without_a_database_callers_are_told_to_come_back(load: Load, tmp_path: Path) -> None:
    api = load("DocumentRequestApi", settings(tmp_path / "missing" / "oms.db"))
    answer = api.http("GET", REQUESTS)
    assert_problem(answer, 503, "DATABASE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "5"


def _damage(database: Path) -> None:
    """Put a value into every row that no code of ours could have written."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE document_requests SET priority = 'NONSENSE'")
    connection.commit()
    connection.close()


# --- readiness ----------------------------------------------------------------------------------


def test_readiness_shows_database_and_dependencies(api: LoadedFunction) -> None:
    answer = api.http("GET", "/health/ready")
    assert answer.status == 200
    body = answer.json()
    assert (body["status"], body["database"]) == ("ready", "up")
    assert {dependency["state"] for dependency in body["dependencies"]} == {"up"}


def test_without_a_database_the_app_is_alive_and_not_ready(load: Load, tmp_path: Path) -> None:
    api = load("DocumentRequestApi", settings(tmp_path / "missing" / "oms.db"))
    assert api.http("GET", "/health/live").status == 200
    answer = api.http("GET", "/health/ready")
    assert (answer.status, answer.json()["database"]) == (503, "down")


# --- start-up -----------------------------------------------------------------------------------


def test_twenty_concurrent_first_calls_start_the_app_once(
    api: LoadedFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    original = DocumentRequestApp.__call__

    async def recording(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            if message["type"].startswith("lifespan."):
                seen.append(message["type"])
            await send(message)

        seen.append(scope["type"])
        await original(self, scope, receive, noting)

    monkeypatch.setattr(DocumentRequestApp, "__call__", recording)

    calls = [api.begin_http("GET", f"{REQUESTS}?limit=1") for _ in range(20)]

    assert {answer_of(call).status for call in calls} == {200}
    assert seen == ["lifespan", "lifespan.startup.complete", *["http"] * 20]


def test_concurrent_calls_with_one_correlation_id_store_one_request(api: LoadedFunction) -> None:
    body = json.dumps(invoice("REQ-1")).encode()
    media = {"Content-Type": "application/json"}
    calls = [api.begin_http("POST", REQUESTS, body, media) for _ in range(20)]
    answers = [answer_of(call) for call in calls]
    assert sorted(answer.status for answer in answers) == [200] * 19 + [202]
    assert len({answer.json()["requestId"] for answer in answers}) == 1
