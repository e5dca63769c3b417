from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.reference_data import ReferenceDataOptions, create_app
from local.serving import ServerThread

TODAY = "2026-03-01"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    options = ReferenceDataOptions(base_path="/reference/v1", max_age_seconds=30)
    with ServerThread(create_app(options)) as server:
        yield f"{server.url}/reference/v1"


def get(base: str, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
    return requests.get(base + path, params=query, headers=headers, timeout=5)


def test_a_type_lists_all_its_rows_in_effect_or_not(base: str) -> None:
    response = get(base, "/reference-data/type/DOCUMENT_TYPE", asOf=TODAY)
    rows = response.json()
    assert response.status_code == 200
    assert rows[0] == {
        "id": 201,
        "refDataType": "DOCUMENT_TYPE",
        "refDataValue": "INVOICE",
        "description": "Invoices and statements",
        "editable": True,
        "effectFromDat": "2015-01-01",
        "effectToDat": "4712-12-31",
    }
    assert any(row["effectToDat"] < TODAY for row in rows)
    assert any(row["effectFromDat"] > TODAY for row in rows)


def test_an_unknown_type_is_a_problem_document(base: str) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    response = get(
        base,
        "/reference-data/type/NO_SUCH_TYPE",
        headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"},
        asOf=TODAY,
    )
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("application/problem+json")
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no reference data of this type.",
        "instance": "/reference/v1/reference-data/type/NO_SUCH_TYPE",
        "code": "UNKNOWN_TYPE",
        "errors": [],
        "traceId": trace,
    }


def test_an_answer_may_be_cached_and_revalidated(base: str) -> None:
    first = get(base, "/reference-data/type/LANGUAGE", asOf=TODAY)
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "max-age=30"
    assert etag.startswith('"')

    second = get(base, "/reference-data/type/LANGUAGE", headers={"If-None-Match": etag}, asOf=TODAY)
    assert second.status_code == 304
    assert second.content == b""
    assert second.headers["ETag"] == etag
    assert second.headers["Cache-Control"] == "max-age=30"


def test_another_representation_has_another_etag(base: str) -> None:
    etag = get(base, "/reference-data/type/LANGUAGE", asOf=TODAY).headers["ETag"]
    response = get(base, "/reference-data/type/FOOTER_ID", headers={"If-None-Match": etag})
    assert response.status_code == 200


def test_a_search_answers_every_row_that_could_apply(base: str) -> None:
    response = get(
        base, "/document-configurations/search", footer="2", documentName="IVZRECPA", asOf=TODAY
    )
    rows = response.json()
    found = {(row["footer"]["refDataValue"], row["appDocSpec"]["refDataValue"]) for row in rows}
    assert found == {("0", "IVZRECPA"), ("0", "IV"), ("0", "*"), ("2", "*"), ("2", "IV")}
    assert rows[0] == {
        "id": 9001,
        "footer": {"id": 601, "refDataValue": "0"},
        "appDocSpec": {"id": 801, "refDataType": "APP_DOC_SPEC", "refDataValue": "IVZRECPA"},
        "code": {"id": 701, "refDataValue": "BATCH_CONFIG_ID"},
        "value": "1709524441",
        "effectFromDat": "2023-01-01",
        "effectToDat": "4712-12-31",
    }
    assert response.headers["ETag"]


def test_a_search_without_footer_means_footer_0(base: str) -> None:
    rows = get(base, "/document-configurations/search", documentName="POSHOOFF").json()
    assert {row["footer"]["refDataValue"] for row in rows} == {"0"}
    assert {row["appDocSpec"]["refDataValue"] for row in rows} == {"POSHOOFF", "POSH", "PO", "*"}


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/reference-data/type/LANGUAGE", {"asOf": "yesterday"}, "asOf"),
        ("/document-configurations/search", {"footer": "2"}, "documentName"),
    ],
)
def test_wrong_parameters_are_named(
    base: str, path: str, query: dict[str, Any], field: str
) -> None:
    response = get(base, path, **query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field


def test_an_unknown_route_is_a_problem_document(base: str) -> None:
    response = get(base, "/nothing-here")
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


def test_a_token_is_required_where_configured() -> None:
    options = ReferenceDataOptions(bearer_token="made-up")
    with ServerThread(create_app(options)) as server:
        path = "/reference-data/type/LANGUAGE"
        refused = get(server.url, path)
        wrong = get(server.url, path, headers={"Authorization": "Bearer other"})
        right = get(server.url, path, headers={"Authorization": "Bearer made-up"})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert wrong.status_code == 401
    assert right.status_code == 200


def test_requests_are_counted() -> None:
    with ServerThread(create_app()) as server:
        etag = get(server.url, "/reference-data/type/LANGUAGE").headers["ETag"]
        get(server.url, "/reference-data/type/LANGUAGE", headers={"If-None-Match": etag})
        get(server.url, "/document-configurations/search", documentName="IVZRECPA")
        counts = get(server.url, "/_simulator/requests").json()
    assert counts == {"type": 2, "search": 1, "notModified": 1}
