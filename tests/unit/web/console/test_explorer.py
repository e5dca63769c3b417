"""The explorer's address, and the export."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import QueryParams

from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.jobs.queries import MOST_EXPORTED
from shared.jobs.request_storage import RequestFilter
from shared.web.console.csv_export import plain, to_csv
from shared.web.console.explorer_query import FIELDS, read_explorer
from tests.unit.domain.builders import a_request
from tests.unit.web.console.conftest import browser
from tests.unit.web.console.fakes import COMPLETED, FAILED, HELD_BATCH, FakeUseCases
from tests.unit.web.console.hostile import CORPUS

MARCH = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
UNDERSTOOD: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "status": ({"status": "FAILED"}, {"statuses": (RequestStatus.FAILED,)}),
    "sourceSystem": ({"sourceSystem": " ARCADE "}, {"source_system": "ARCADE"}),
    "requestCorrelationId": ({"requestCorrelationId": "a b"}, {"request_correlation_id": "a b"}),
    "requestId": (
        {"requestId": f"{UUID(int=1)}, {UUID(int=2)};\n{UUID(int=1)}"},
        {"request_ids": (UUID(int=1), UUID(int=2))},
    ),
    "batchId": ({"batchId": f"76647 {UUID(int=7)}"}, {"batch_ids": ("76647", str(UUID(int=7)))}),
    "documentType": ({"documentType": "INVOICE"}, {"document_type": "INVOICE"}),
    "documentName": ({"documentName": "IVZ"}, {"document_name": "IVZ"}),
    "failureCategory": (
        {"failureCategory": "TIMEOUT"},
        {"failure_category": FailureCategory.TIMEOUT},
    ),
    "metadataKey": ({"metadataKey": "K", "metadataValue": "v"}, {"metadata": {"K": "v"}}),
    "metadataValue": ({"metadataKey": "K", "metadataValue": "v w"}, {"metadata": {"K": "v w"}}),
    "receivedFrom": ({"receivedFrom": "2026-03-02T14:30"}, {"received_from": MARCH}),
    "receivedTo": ({"receivedTo": "2026-03-02 14:30:00"}, {"received_to": MARCH}),
    "updatedFrom": ({"updatedFrom": "2026-03-02T14:30:00Z"}, {"updated_from": MARCH}),
    "updatedTo": ({"updatedTo": "2026-03-02T16:30+02:00"}, {"updated_to": MARCH}),
}


def read(**parameters: str) -> Any:
    return read_explorer(QueryParams(parameters))


def test_every_filter_has_a_case_here() -> None:
    assert set(UNDERSTOOD) == set(FIELDS)


@pytest.mark.parametrize(("given", "meant"), UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_a_filter_is_understood(given: dict[str, str], meant: dict[str, Any]) -> None:
    query = read(**given)
    assert not query.errors
    assert query.where == RequestFilter(**meant)


def test_many_statuses_are_any_of_them() -> None:
    query = read_explorer(QueryParams([("status", "HELD"), ("status", "FAILED")]))
    assert query.where.statuses == (RequestStatus.HELD, RequestStatus.FAILED)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"status": "DONE"}, "status"),
        ({"failureCategory": "BAD"}, "failureCategory"),
        ({"requestId": "7"}, "requestId"),
        ({"requestId": " ".join(str(UUID(int=n)) for n in range(201))}, "requestId"),
        ({"batchId": "7" * 101}, "batchId"),
        ({"sourceSystem": "x" * 51}, "sourceSystem"),
        ({"metadataKey": "K"}, "metadataValue"),
        ({"metadataValue": "v"}, "metadataKey"),
        ({"receivedFrom": "yesterday"}, "receivedFrom"),
        ({"receivedFrom": "0001-01-01T00:00+14:00"}, "receivedFrom"),
        ({"limit": "7"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"cursor": "forged"}, "cursor"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_read_is_said_beside_its_field(
    client: TestClient, given: dict[str, str], field: str
) -> None:
    assert set(read(**given).errors) == {field}
    answer = client.get(f"/console/requests?{urlencode(given)}")
    assert answer.status_code == 422
    assert "Nothing was searched." in answer.text
    assert "REQ-0001" not in answer.text


def test_the_address_of_the_next_page_keeps_every_filter(client: TestClient) -> None:
    given = {"sourceSystem": "A&B", "metadataKey": "K", "metadataValue": "v=1", "limit": "25"}
    page = client.get(f"/console/requests?{urlencode(given)}").text
    link = page.split('rel="next"')[0].rpartition('href="')[2].split('"')[0].replace("&amp;", "&")
    following = read_explorer(QueryParams(link.partition("?")[2]))
    assert not following.errors
    assert following.before is not None
    assert following.where == read(**given).where
    assert following.page_size == 25


def test_a_cursor_is_good_for_its_own_list_only(client: TestClient) -> None:
    page = client.get("/console/requests?sourceSystem=ARCADE").text
    cursor = page.split("cursor=")[1].split('"')[0]
    assert not read(sourceSystem="ARCADE", cursor=cursor).errors
    assert read(sourceSystem="NOVA", cursor=cursor).errors


def test_a_line_may_end_within_a_code_that_is_escaped_all_the_same() -> None:
    class Coded(FakeUseCases):
        def request(self, request_id: UUID) -> DocumentRequest:
            failure = Failure(FailureCategory.GENERATION, "NOT_<b>_FOUND", "y")
            return replace(super().request(request_id), failure=failure)

    page = browser(Coded()).get("/console/requests").text
    assert "NOT_<wbr>&lt;b&gt;_<wbr>FOUND</code>" in page


# --- export ---------------------------------------------------------------------------------


def test_the_export_is_a_file(client: TestClient) -> None:
    answer = client.get("/console/requests.csv?status=FAILED")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="requests-20260302T031240Z.csv"'
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    [header, *rows] = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert header[:3] == ["requestId", "sourceSystem", "requestCorrelationId"]
    assert [row[0] for row in rows][1] == str(FAILED)
    assert len({len(row) for row in [header, *rows]}) == 1


@pytest.mark.parametrize("text", [*CORPUS, *(f"{first}1+1" for first in "=+-@\t\r\n")])
def test_no_cell_is_a_formula(text: str) -> None:
    page = browser(FakeUseCases(text=text)).get("/console/requests.csv")
    rows = list(csv.reader(io.StringIO(page.content.decode("utf-8-sig"))))
    for row in rows:
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    [done] = [row for row in rows if row[0] == str(COMPLETED)]
    assert done[2] in (text, f"'{text}")


def test_only_what_would_be_calculated_is_quoted() -> None:
    assert plain("REQ-1") == "REQ-1"
    assert plain(None) == ""
    assert plain("=1") == "'=1"


def test_the_last_line_says_so_where_the_export_was_capped() -> None:
    def requests(count: int) -> list[DocumentRequest]:
        return [replace(a_request(), failure=Failure(FailureCategory.TIMEOUT, "X", "y"))] * count

    whole = to_csv(requests(MOST_EXPORTED - 1)).splitlines()
    assert (len(whole), whole[-1].count(",")) == (MOST_EXPORTED, 17)
    capped = to_csv(requests(MOST_EXPORTED)).splitlines()
    assert "Only the newest 10000 requests" in capped[-1]


@pytest.mark.parametrize("query", ["cursor=forged", "limit=7"])
def test_an_address_of_a_batch_that_cannot_be_read_is_refused(
    client: TestClient, query: str
) -> None:
    answer = client.get(f"/console/batches/{HELD_BATCH}?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.text
