from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient

from shared.web.answers import BatchAnswer, DocumentRequestAnswer
from shared.web.bodies import EXAMPLE
from tests.unit.web.checks import PATH, assert_problem
from tests.unit.web.fakes import FakeReferenceData, MemoryStore


def test_accepts(client: TestClient, store: MemoryStore, body: dict[str, Any]) -> None:
    response = client.post(PATH, json=body)
    assert response.status_code == 202
    resource = response.json()
    DocumentRequestAnswer.model_validate(resource, extra="forbid")
    assert response.headers["location"] == f"{PATH}/{resource['requestId']}"
    assert "idempotent-replayed" not in response.headers
    assert resource["status"] == "RECEIVED"
    assert resource["priority"] == "NORMAL"
    assert client.get(response.headers["location"]).json() == resource
    assert list(store.tables.requests.rows) == [UUID(resource["requestId"])]


def test_accepts_its_own_example(client: TestClient) -> None:
    assert client.post(PATH, json=EXAMPLE).status_code == 202


def test_works_outside_the_event_loop(
    client: TestClient, store: MemoryStore, body: dict[str, Any]
) -> None:
    client.post(PATH, json=body)
    client.get(PATH)
    client.get("/health/ready")
    assert all("worker thread" in name for name in store.thread_names)


def test_replays(
    client: TestClient, reference_data: FakeReferenceData, body: dict[str, Any]
) -> None:
    first = client.post(PATH, json=body)
    reference_data.is_out = True
    again = client.post(PATH, json=body | {"priority": "NORMAL"})
    assert again.status_code == 200
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.json() == first.json()


def test_refuses_a_reused_correlation_id(
    client: TestClient, store: MemoryStore, body: dict[str, Any]
) -> None:
    client.post(PATH, json=body)
    response = client.post(PATH, json=body | {"priority": "HIGH"})
    assert_problem(response, 409, "CORRELATION_ID_REUSED", "requestCorrelationId")
    assert len(store.tables.requests.rows) == 1


def test_database_out(client: TestClient, store: MemoryStore, body: dict[str, Any]) -> None:
    store.is_out = True
    response = client.post(PATH, json=body)
    problem = assert_problem(response, 503, "DATABASE_UNAVAILABLE")
    assert response.headers["retry-after"] == "5"
    assert "send it again" in problem["detail"]
    assert "hunter2" not in response.text


def test_takes_and_refuses_items_one_by_one(
    client: TestClient, store: MemoryStore, body: dict[str, Any]
) -> None:
    def item(correlation_id: str, **changes: Any) -> dict[str, Any]:
        return body | {"requestCorrelationId": correlation_id} | changes

    client.post(PATH, json=item("old"))
    items = [
        item("a"),
        item("b", language="XX"),
        item("a"),
        item("a", priority="LOW"),
        item("old"),
        item("old", priority="LOW"),
        item("c", content=[]),
        None,
        item("d"),
    ]
    response = client.post(f"{PATH}/batch", json={"items": items})
    assert response.status_code == 207
    answer = response.json()
    BatchAnswer.model_validate(answer, extra="forbid")
    assert [one["index"] for one in answer["items"]] == list(range(9))
    statuses = [one["status"] for one in answer["items"]]
    assert statuses == [202, 422, 200, 409, 200, 409, 422, 422, 202]
    for one in answer["items"]:
        assert ("requestId" in one) == (one["status"] < 300)
        assert ("problem" in one) == (one["status"] >= 300)
    assert answer["items"][0]["requestId"] == answer["items"][2]["requestId"]
    assert answer["items"][1]["problem"]["errors"][0]["field"] == "language"
    assert len(store.tables.requests.rows) == 3


def test_takes_500_items(client: TestClient, store: MemoryStore, body: dict[str, Any]) -> None:
    items = [body | {"requestCorrelationId": f"REQ-{number}"} for number in range(500)]
    response = client.post(f"{PATH}/batch", json={"items": items})
    assert {one["status"] for one in response.json()["items"]} == {202}
    assert len(store.tables.requests.rows) == 500


def test_batch_while_reference_data_is_out(
    client: TestClient,
    store: MemoryStore,
    reference_data: FakeReferenceData,
    body: dict[str, Any],
) -> None:
    client.post(PATH, json=body)
    reference_data.is_out = True
    items = [body, body | {"requestCorrelationId": "new"}]
    answer = client.post(f"{PATH}/batch", json={"items": items}).json()
    assert [one["status"] for one in answer["items"]] == [200, 503]
    assert answer["items"][1]["problem"]["code"] == "REFERENCE_DATA_UNAVAILABLE"


def test_batch_while_the_database_is_out(
    client: TestClient, store: MemoryStore, body: dict[str, Any]
) -> None:
    store.is_out = True
    response = client.post(f"{PATH}/batch", json={"items": [body]})
    assert_problem(response, 503, "DATABASE_UNAVAILABLE")


def test_foreign_source_system(
    client_of: Callable[..., TestClient], store: MemoryStore, body: dict[str, Any]
) -> None:
    client = client_of("NOVA")
    assert_problem(client.post(PATH, json=body), 403, "FORBIDDEN_SOURCE_SYSTEM", "sourceSystem")
    items = [body, body | {"sourceSystem": "NOVA"}]
    answer = client.post(f"{PATH}/batch", json={"items": items}).json()
    assert [one["status"] for one in answer["items"]] == [403, 202]
    assert answer["items"][0]["problem"]["code"] == "FORBIDDEN_SOURCE_SYSTEM"
    assert [row.source_system for row in store.tables.requests.rows.values()] == ["NOVA"]
    assert {entry.actor for entry in store.tables.history.entries} == {"somebody"}


def test_control_characters_in_content_that_xml_has(
    client: TestClient, body: dict[str, Any]
) -> None:
    assert client.post(PATH, json=body | {"content": {"a": "x\ty\r\nz"}}).status_code == 202


def test_limits_are_inclusive(client: TestClient, body: dict[str, Any]) -> None:
    full = body | {
        "requestCorrelationId": "😀" * 50,
        "metadata": {"INVOICE_ID": "x" * 255},
    }
    assert client.post(PATH, json=full).status_code == 202


def test_an_item_has_the_limit_of_a_single_request(
    client: TestClient, body: dict[str, Any]
) -> None:
    items = [
        body | {"requestCorrelationId": "fits", "content": {"a": "x" * 1_048_568}},
        body | {"requestCorrelationId": "does not", "content": {"a": "x" * 1_048_569}},
    ]
    answer = client.post(f"{PATH}/batch", json={"items": items}).json()
    assert [one["status"] for one in answer["items"]] == [202, 413]
    assert answer["items"][1]["problem"]["code"] == "PAYLOAD_TOO_LARGE"
