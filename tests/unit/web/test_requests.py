from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from shared.domain.models import Output
from shared.domain.statuses import RequestStatus
from shared.web.answers import DocumentRequestAnswer, HistoryAnswer, PageAnswer, SummaryAnswer
from tests.unit.web.checks import PATH, assert_problem
from tests.unit.web.fakes import FakeReferenceData, MemoryStore


@pytest.fixture
def ids(client: TestClient, body: dict[str, Any]) -> list[str]:
    """Five stored requests, the oldest first; the last two of NOVA."""
    bodies = [
        body
        | {
            "sourceSystem": "ARCADE" if number < 3 else "NOVA",
            "requestCorrelationId": f"REQ-{number}",
            "metadata": {"POLICY_ID": f"{number % 2}"},
        }
        for number in range(5)
    ]
    return [client.post(PATH, json=one).json()["requestId"] for one in bodies]


def found(client: TestClient, query: str) -> list[str]:
    response = client.get(f"{PATH}?{query}")
    assert response.status_code == 200, response.text
    PageAnswer.model_validate(response.json(), extra="forbid")
    return [item["requestId"] for item in response.json()["items"]]


def test_lists_newest_first(client: TestClient, ids: list[str]) -> None:
    assert found(client, "") == ids[::-1]


def test_pages(client: TestClient, ids: list[str]) -> None:
    seen: list[str] = []
    query = "limit=2&sourceSystem=ARCADE"
    cursor = ""
    while True:
        page = client.get(f"{PATH}?{query}{cursor}").json()
        seen += [item["requestId"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == ids[2::-1]


def test_the_page_size_may_change_between_pages(client: TestClient, ids: list[str]) -> None:
    cursor = client.get(f"{PATH}?limit=1").json()["nextCursor"]
    assert found(client, f"limit=200&cursor={cursor}") == ids[3::-1]


def test_a_cursor_that_was_tampered_with(client: TestClient, ids: list[str]) -> None:
    cursor = client.get(f"{PATH}?limit=2").json()["nextCursor"]
    packed = bytearray(base64.urlsafe_b64decode(cursor + "="))
    bad = ["", "x", cursor[:-1], cursor + "A", cursor + "=", f"{cursor}%0A", "\N{SNOWMAN}" * 43]
    for place in range(len(packed)):
        changed = bytearray(packed)
        changed[place] ^= 1
        bad.append(base64.urlsafe_b64encode(changed).decode().rstrip("="))
    # The same bytes, written otherwise: the last character has two bits to spare.
    bad.append(cursor[:-1] + chr(ord(cursor[-1]) + 1))
    for one in bad:
        response = client.get(f"{PATH}?limit=2&cursor={one}")
        assert_problem(response, 422, "VALIDATION_ERROR", "cursor")


def test_a_cursor_of_another_list(client: TestClient, ids: list[str]) -> None:
    cursor = client.get(f"{PATH}?limit=2").json()["nextCursor"]
    response = client.get(f"{PATH}?limit=2&sourceSystem=ARCADE&cursor={cursor}")
    assert_problem(response, 422, "VALIDATION_ERROR", "cursor")


def test_filters(client: TestClient, ids: list[str]) -> None:
    received = client.get(f"{PATH}/{ids[2]}").json()["receivedAt"]
    assert found(client, "sourceSystem=NOVA") == [ids[4], ids[3]]
    assert found(client, "requestCorrelationId=REQ-1") == [ids[1]]
    assert found(client, "requestCorrelationId=req-1") == []
    assert found(client, "metadata.POLICY_ID=1") == [ids[3], ids[1]]
    assert found(client, "metadata.POLICY_ID=1&metadata.INVOICE_ID=1") == []
    assert found(client, "status=FAILED") == []
    assert found(client, "documentType=INVOICE&documentName=IVZRECPA&limit=1") == [ids[4]]
    assert found(client, f"receivedFrom={received}") == ids[:1:-1]
    assert found(client, f"receivedTo={received}") == [ids[1], ids[0]]
    assert found(client, f"updatedFrom={received}") == ids[:1:-1]
    assert found(client, "receivedFrom=2026-03-02t13:00:00.123456789%2B01:00") == ids[::-1]


def test_summary(client: TestClient, ids: list[str]) -> None:
    client.post(f"{PATH}/{ids[0]}/cancel")
    answer = client.get(f"{PATH}/summary").json()
    SummaryAnswer.model_validate(answer, extra="forbid")
    assert answer["total"] == 5
    assert answer["counts"] == dict.fromkeys(RequestStatus, 0) | {"RECEIVED": 4, "FAILED": 1}
    assert client.get(f"{PATH}/summary?sourceSystem=NOVA").json()["total"] == 2


def test_reads_a_finished_request(client: TestClient, store: MemoryStore, ids: list[str]) -> None:
    rows = store.tables.requests.rows
    row = rows[UUID(ids[0])]
    rows[row.request_id] = replace(
        row,
        status=RequestStatus.COMPLETED,
        submitted_at=row.received_at,
        completed_at=row.received_at,
        thunderhead_batch_id="76647",
        outputs=(Output("PRINT", "application/pdf", 2, "invoice.pdf", "https://x/1"),),
    )
    resource = client.get(f"{PATH}/{ids[0].upper()}").json()
    answer = DocumentRequestAnswer.model_validate(resource, extra="forbid")
    assert answer.outputs is not None
    assert answer.thunderhead_batch_id == "76647"


def test_history(client: TestClient, ids: list[str]) -> None:
    client.post(f"{PATH}/{ids[0]}/cancel")
    answer = client.get(f"{PATH}/{ids[0]}/history").json()
    HistoryAnswer.model_validate(answer, extra="forbid")
    changes = [(item["from"], item["to"], item["actor"]) for item in answer["items"]]
    assert changes == [(None, "RECEIVED", "anonymous"), ("RECEIVED", "FAILED", "anonymous")]


def test_cancels_once(client: TestClient, store: MemoryStore, ids: list[str]) -> None:
    response = client.post(f"{PATH}/{ids[0]}/cancel")
    assert response.status_code == 200
    assert response.json()["failure"]["category"] == "CANCELLED"
    DocumentRequestAnswer.model_validate(response.json(), extra="forbid")
    assert_problem(client.post(f"{PATH}/{ids[0]}/cancel"), 409, "NOT_CANCELLABLE")
    assert len(store.tables.outbox.events) == 1


def test_cancels_nothing_while_reference_data_is_out(
    client: TestClient, reference_data: FakeReferenceData, ids: list[str]
) -> None:
    reference_data.is_out = True
    response = client.post(f"{PATH}/{ids[0]}/cancel")
    assert_problem(response, 503, "REFERENCE_DATA_UNAVAILABLE")
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("method", "rest"), [("GET", ""), ("GET", "/history"), ("POST", "/cancel")]
)
def test_no_such_request(client: TestClient, method: str, rest: str) -> None:
    assert_problem(client.request(method, f"{PATH}/{uuid4()}{rest}"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "rest"), [("GET", ""), ("GET", "/history"), ("POST", "/cancel")]
)
def test_a_request_of_somebody_else_is_not_there(
    client_of: Callable[..., TestClient],
    store: MemoryStore,
    ids: list[str],
    method: str,
    rest: str,
) -> None:
    response = client_of("NOVA").request(method, f"{PATH}/{ids[0]}{rest}")
    assert_problem(response, 404, "NOT_FOUND")
    assert store.tables.requests.rows[UUID(ids[0])].status is RequestStatus.RECEIVED


def test_sees_only_what_is_his(client_of: Callable[..., TestClient], ids: list[str]) -> None:
    mine = client_of("NOVA")
    assert found(mine, "") == [ids[4], ids[3]]
    assert found(mine, "sourceSystem=ARCADE") == []
    assert mine.get(f"{PATH}/summary").json()["total"] == 2


@pytest.mark.parametrize("path", ["", "/summary", f"/{UUID(int=1)}", f"/{UUID(int=2)}/history"])
def test_database_out(client: TestClient, store: MemoryStore, path: str) -> None:
    store.is_out = True
    response = client.get(f"{PATH}{path}")
    problem = assert_problem(response, 503, "DATABASE_UNAVAILABLE")
    assert response.headers["retry-after"] == "5"
    assert "unknown" not in problem["detail"]
