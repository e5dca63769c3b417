"""Our own API: every answer against the description that it serves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import Headers

from shared.domain.models import Failure, JobRun, NewRequest, Output, Pause
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.errors import AuthenticationUnavailable
from shared.jobs.intake import Intake
from shared.jobs.operations import Operations
from shared.jobs.outcomes import Recorder
from shared.jobs.queries import Caller, Queries
from shared.web.app import create_app
from shared.web.bodies import EXAMPLE
from shared.web.security import NotAuthenticated, NotAuthorized, anonymous_caller
from shared.web.services import Authenticate, Services, Throttle, unlimited
from shared.web.throttling import RateLimit
from tests.contracts.documents import DOCUMENT_REQUEST_API
from tests.contracts.openapi import Contract, Exchange
from tests.unit.jobs.fakes import ScriptedThunderhead, earlier_documents
from tests.unit.web.fakes import NOON, Clock, FakeReferenceData, MemoryStore

CONTRACT = Contract(DOCUMENT_REQUEST_API)
REQUESTS = "/api/v1/document-requests"
NOBODY = uuid4()


class Api:
    """The API on a store in memory, and every answer that it gave."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.reference_data = FakeReferenceData()
        self.caller: Authenticate = anonymous_caller
        self.limit: Throttle = unlimited
        clock = Clock()
        self.services = Services(
            intake=Intake(self.store, self.reference_data, clock, uuid4),
            queries=Queries(self.store),
            operations=Operations(
                self.store,
                self.reference_data,
                earlier_documents(self.store, ScriptedThunderhead(), clock),
                Recorder("test", "topic"),
                lambda _: "topic",
                clock,
            ),
            authenticate=self._authenticate,
            clock=clock,
            throttle=self._throttle,
            dependencies=("events", "reference-data", "thunderhead"),
        )
        self.client = TestClient(create_app(self.services))
        self.exchanges: list[Exchange] = []

    async def _authenticate(self, headers: Headers) -> Caller:
        return await self.caller(headers)

    def _throttle(self, caller: Caller) -> None:
        self.limit(caller)

    def call(self, method: str, path: str, expected: int, **kwargs: Any) -> Any:
        """Make a call, remember it and return its parsed answer."""
        response = self.client.request(method, path, **kwargs)
        assert response.status_code == expected, response.text
        self.exchanges.append(
            Exchange(
                method,
                response.request.url.raw_path.decode(),
                dict(response.request.headers),
                response.request.read(),
                response.status_code,
                dict(response.headers),
                response.content,
            )
        )
        return response.json()

    def submit(self, correlation_id: str, expected: int = 202, **changes: Any) -> Any:
        body = EXAMPLE | {"requestCorrelationId": correlation_id} | changes
        return self.call("POST", REQUESTS, expected, json=body)

    def change(self, request_id: str, **values: Any) -> None:
        """Change a stored request as the jobs would."""
        rows = self.store.tables.requests.rows
        rows[UUID(request_id)] = replace(rows[UUID(request_id)], **values)


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    """Every operation with every answer that it has."""
    found: list[Exchange] = []
    for scenario in (_use, _be_refused, _be_unavailable, _break):
        api = Api()
        scenario(api)
        found += api.exchanges
    return found


def _use(api: Api) -> None:
    first = api.submit("one")["requestId"]
    api.submit("one", 200)
    api.submit("one", 409, priority="HIGH")
    second = api.submit("two", documentName="IVZRECPA", metadata={})["requestId"]
    items = [
        EXAMPLE | {"requestCorrelationId": "three"},
        EXAMPLE | {"requestCorrelationId": "three"},
        EXAMPLE | {"requestCorrelationId": "three", "priority": "LOW"},
        EXAMPLE | {"requestCorrelationId": "four", "language": "XX"},
        None,
    ]
    answer = api.call("POST", f"{REQUESTS}/batch", 207, json={"items": items})
    assert [item["status"] for item in answer["items"]] == [202, 200, 409, 422, 422]
    third = answer["items"][0]["requestId"]
    api.call("POST", f"{REQUESTS}/{third}/cancel", 200)
    api.call("POST", f"{REQUESTS}/{third}/cancel", 409)
    submitted = {"submitted_at": NOON, "thunderhead_batch_id": "76647"}
    api.change(
        first,
        status=RequestStatus.COMPLETED,
        completed_at=NOON + timedelta(seconds=9),
        outputs=(
            Output("PRINT", "application/pdf", 2, "Invoice", "/output/1"),
            Output("ARCHIVE"),
        ),
        **submitted,
    )
    for category in FailureCategory:
        failure = Failure(category, "CODE", "Words.")
        api.change(second, status=RequestStatus.FAILED, failure=failure, **submitted)
        api.call("GET", f"{REQUESTS}/{second}", 200)
    for request_id in (first, third):
        api.call("GET", f"{REQUESTS}/{request_id}", 200)
        api.call("GET", f"{REQUESTS}/{request_id}/history", 200)
    assert api.call("GET", f"{REQUESTS}?limit=2&metadata.FOOTER_ID=2", 200)["nextCursor"] is None
    assert api.call("GET", f"{REQUESTS}?limit=2", 200)["nextCursor"]
    api.call("GET", f"{REQUESTS}?status=HELD", 200)
    api.call("GET", f"{REQUESTS}/summary?sourceSystem=ARCADE", 200)
    api.store.tables.pauses.pauses = {
        "thunderhead": Pause("thunderhead", NOON, NOON, 1, "status 503", "monitoring"),
        "submission": Pause("submission", NOON, None, 1, "on purpose", "somebody"),
    }
    api.store.tables.job_runs.runs = [JobRun("processing", uuid4(), NOON, NOON, {"claimed": 3})]
    api.call("GET", "/health/live", 200)
    api.call("GET", "/health/ready", 200)


def _operations(api: Api) -> Iterator[tuple[str, str]]:
    for operation in CONTRACT.operations:
        if not operation.template.startswith("/health"):
            yield operation.method, operation.template.replace("{requestId}", str(NOBODY))


def _be_refused(api: Api) -> None:
    def refuse(error: type[Exception]) -> Authenticate:
        async def caller(_headers: Mapping[str, str]) -> Caller:
            raise error("why")

        return caller

    json_type = {"Content-Type": "application/json"}
    for path, limit in ((REQUESTS, 1024 * 1024), (f"{REQUESTS}/batch", 16 * 1024 * 1024)):
        api.call("POST", path, 400, content=b"{", headers=json_type)
        api.call("POST", path, 415, content=b"{}", headers={"Content-Type": "text/plain"})
        api.call("POST", path, 422, json={"colour": "blue"})
        too_large = {"Content-Length": str(limit + 1)}
        api.call("POST", path, 413, content=b"{}", headers=json_type | too_large)
    for method, rest in (("GET", ""), ("GET", "/history"), ("POST", "/cancel")):
        api.call(method, f"{REQUESTS}/{NOBODY}{rest}", 404)
        api.call(method, f"{REQUESTS}/nobody{rest}", 422)
    for path in (REQUESTS, f"{REQUESTS}/summary"):
        api.call("GET", f"{path}?receivedFrom=today&colour=blue", 422)

    async def nova(_headers: Mapping[str, str]) -> Caller:
        return Caller("somebody", frozenset({"NOVA"}))

    api.caller = nova
    api.submit("one", 403)
    api.limit = RateLimit("1/hour")
    api.limit(Caller("somebody"))
    for method, path in _operations(api):
        api.call(method, path, 429)
    for error, status in (
        (NotAuthenticated, 401),
        (NotAuthorized, 403),
        (AuthenticationUnavailable, 503),
    ):
        api.caller = refuse(error)
        for method, path in _operations(api):
            api.call(method, path, status)


def _be_unavailable(api: Api) -> None:
    api.reference_data.is_out = True
    api.submit("one", 503)
    api.reference_data.is_out = False
    api.store.is_out = True
    batch = {"items": [EXAMPLE]}
    for method, path in _operations(api):
        body = batch if path.endswith("/batch") else EXAMPLE
        api.call(method, path, 503, json=body if method == "POST" else None)
    api.call("GET", "/health/ready", 503)


def _break(api: Api) -> None:
    async def fail(_headers: Mapping[str, str]) -> Caller:
        raise LookupError

    api.caller = fail
    for method, path in _operations(api):
        api.call(method, path, 500)


def test_every_answer_is_documented(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        CONTRACT.assert_response(exchange, with_headers=False)


def test_every_documented_answer_is_given(exchanges: list[Exchange]) -> None:
    given = {
        (
            CONTRACT.operation_of(exchange).operation_id,
            CONTRACT.assert_response(exchange, with_headers=False),
        )
        for exchange in exchanges
    }
    documented = {(operation.operation_id, status) for operation, status, _ in CONTRACT.answers()}
    assert given == documented


def test_what_has_no_value_is_left_out(exchanges: list[Exchange]) -> None:
    """The description would allow null: nothing may rely on that."""
    resources = [
        json.loads(exchange.response_body)
        for exchange in exchanges
        if CONTRACT.operation_of(exchange).operation_id == "getDocumentRequest"
        and exchange.status == 200
    ]
    assert len(resources) == 8
    assert all(value is not None for resource in resources for value in resource.values())


def test_an_answer_with_a_member_too_many_is_found(exchanges: list[Exchange]) -> None:
    live = next(exchange for exchange in exchanges if exchange.path == "/health/live")
    spoiled = replace(live, response_body=b'{"status": "live", "colour": "blue"}')
    with pytest.raises(AssertionError, match="'colour' was unexpected"):
        CONTRACT.assert_response(spoiled, with_headers=False)


@pytest.mark.parametrize("change", [{}, {"priority": "HIGH"}])
def test_the_documented_body_is_taken(change: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/DocumentRequestBody"}
    assert CONTRACT.schema_faults(EXAMPLE | change, schema) == []
    Api().submit("one", **change)


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "blue"},
        {"content": []},
        {"documentType": "x" * 51},
        {"metadata": {"1": "x"}},
        {"metadata": {"INVOICE_ID": ""}},
        {"metadata": {f"KEY{number}": "x" for number in range(51)}},
        {"priority": "URGENT"},
        {"requestCorrelationId": "x" * 101},
        {"requestCorrelationId": ""},
        {"sourceSystem": None},
    ],
    ids=str,
)
def test_a_body_against_the_description_is_refused(change: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/DocumentRequestBody"}
    assert CONTRACT.schema_faults(EXAMPLE | change, schema)
    api = Api()
    problem = api.call("POST", REQUESTS, 422, json=EXAMPLE | change)
    assert problem["code"] == "VALIDATION_ERROR"
    assert api.store.is_empty


def test_new_request_and_body_have_the_same_fields() -> None:
    body = CONTRACT.document["components"]["schemas"]["DocumentRequestBody"]["properties"]
    fields = {name.replace("_", "") for name in NewRequest.__slots__}
    assert {name.lower() for name in body} == fields
