import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.local.conftest import StartPlatform
from tests.local.platform import (
    CLAIM_LETTERS,
    COMPLETE,
    TIMEOUT,
    Platform,
    document,
    encoded_document,
    envelope,
)


def post(platform: Platform, body: bytes, content_type: str = "application/json") -> Any:
    return platform.session.post(
        f"{platform.base}/batches",
        data=body,
        headers={"Content-Type": content_type},
        timeout=TIMEOUT,
    )


def problem(response: requests.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"].startswith("application/problem+json")
    return response.status_code, response.json()["code"]


def test_a_batch_is_accepted(platform: Platform) -> None:
    response = platform.submit(document("doc-1"), document("doc-2"))
    body = response.json()
    assert response.status_code == 202
    assert body == {
        "batchId": body["batchId"],
        "clientReference": "ref-1",
        "status": "QUEUED",
        "submittedAt": "2026-09-21T14:13:20.000Z",
    }
    assert response.headers["Location"] == f"/thunderhead/v1/batches/{body['batchId']}"
    assert "Retry-After" not in response.headers


def test_the_tenant_may_suggest_when_to_poll(start_platform: StartPlatform) -> None:
    assert start_platform(submit_retry_after="7").submit().headers["Retry-After"] == "7"


def test_the_base_path_is_the_tenants(start_platform: StartPlatform) -> None:
    platform = start_platform(base_path="/gateway/generation/")
    response = requests.post(
        f"{platform.url}/gateway/generation/batches", json=envelope([document("d")]), timeout=5
    )
    assert response.headers["Location"].startswith("/gateway/generation/batches/")


def test_json_transaction_data_is_accepted(platform: Platform) -> None:
    data = {"content": {"Document": [{"InvoiceNumber": "1"}, {"TotalAmount": 2.5}]}}
    batch_id = platform.accepted(
        encoded_document("doc-1", json.dumps(data).encode()),
        encoded_document("doc-2", b'{"content": {}}'),
        transactionDataType="application/json",
    )
    platform.clock.advance(10)
    statuses = [item["status"] for item in platform.documents(batch_id)]
    assert statuses == ["COMPLETED", "FAILED"]


def test_a_body_that_is_not_json_is_refused(platform: Platform) -> None:
    assert problem(post(platform, b"{")) == (400, "MALFORMED_JSON")
    assert problem(post(platform, b"{}", "text/plain")) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert problem(post(platform, b"[]")) == (400, "INVALID_ENVELOPE")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"clientReference": ""}, "clientReference"),
        ({"batchName": None}, "batchName"),
        ({"batchConfigResId": 1709524441}, "batchConfigResId"),
        ({"projectId": 1}, "projectId"),
        ({"transactionDataType": "text/csv"}, "transactionDataType"),
        ({"properties": [{"name": "SIGNEE_1"}]}, "properties"),
        ({"documents": []}, "documents"),
        ({"documents": [{"documentReference": "doc-1"}]}, "documents"),
        ({"documents": [document("doc-1"), document("doc-1")]}, "documents"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_an_envelope_out_of_order_is_refused(
    platform: Platform, changes: dict[str, Any], field: str
) -> None:
    response = post(platform, json.dumps({**envelope([document("d")]), **changes}).encode())
    assert problem(response) == (400, "INVALID_ENVELOPE")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_more_than_500_documents_are_too_many(platform: Platform) -> None:
    documents = [document(f"doc-{number}") for number in range(501)]
    assert problem(platform.submit(*documents)) == (413, "TOO_MANY_DOCUMENTS")
    assert platform.submit(*documents[:500]).status_code == 202


def test_more_than_10_megabytes_are_too_large(platform: Platform) -> None:
    body = json.dumps(envelope([document("doc-1")])).encode()
    assert problem(post(platform, body.ljust(10_000_001))) == (413, "PAYLOAD_TOO_LARGE")
    assert post(platform, body.ljust(10_000_000)).status_code == 202


def test_an_unknown_configuration_is_refused(platform: Platform) -> None:
    response = platform.submit(batchConfigResId="1")
    assert problem(response) == (422, "UNKNOWN_BATCH_CONFIGURATION")
    assert response.json()["errors"][0]["field"] == "batchConfigResId"


@pytest.mark.parametrize(
    ("data_type", "data"),
    [
        ("application/xml", "%%%"),
        ("application/xml", encoded_document("", b"<transaction>")["transactionData"]),
        ("application/xml", encoded_document("", b"<other/>")["transactionData"]),
        ("application/json", encoded_document("", b"{")["transactionData"]),
        ("application/json", encoded_document("", b"[]")["transactionData"]),
        ("application/json", encoded_document("", b"\xff")["transactionData"]),
    ],
)
def test_bad_transaction_data_names_the_document(
    platform: Platform, data_type: str, data: str
) -> None:
    good = b"{}" if data_type == "application/json" else b"<transaction/>"
    response = platform.submit(
        encoded_document("good", good),
        {"documentReference": "bad", "transactionData": data},
        transactionDataType=data_type,
    )
    assert problem(response) == (422, "INVALID_TRANSACTION_DATA")
    assert [error["documentReference"] for error in response.json()["errors"]] == ["bad"]
    assert platform.control("ledger")["batches"] == []


def test_an_element_may_be_required_at_submission(platform: Platform) -> None:
    claim = "<requestCorrelationId>r</requestCorrelationId><ClaimNumber>1</ClaimNumber>"
    response = platform.submit(
        document("good", claim), document("bad"), batchConfigResId=CLAIM_LETTERS
    )
    assert problem(response) == (422, "INVALID_TRANSACTION_DATA")
    assert response.json()["errors"][0]["documentReference"] == "bad"


def test_a_tenant_may_leave_bad_documents_unnamed(start_platform: StartPlatform) -> None:
    platform = start_platform(names_bad_documents=False)
    response = platform.submit(document("good"), encoded_document("bad", b"<"))
    assert response.status_code == 422
    assert all("documentReference" not in error for error in response.json()["errors"])


def test_a_known_reference_is_refused_with_its_batch(platform: Platform) -> None:
    batch_id = platform.accepted()
    response = platform.submit(document("another"))
    assert problem(response) == (409, "DUPLICATE_CLIENT_REFERENCE")
    assert response.json()["existingBatchId"] == batch_id


def test_where_references_are_not_unique_a_second_batch_results(
    start_platform: StartPlatform,
) -> None:
    platform = start_platform(references_unique=False)
    first, second = platform.accepted(), platform.accepted()
    assert first != second
    assert len(platform.control("ledger")["batches"]) == 2
    assert [item["batchId"] for item in platform.lookup("ref-1").json()["items"]] == [first]


def test_configurations_come_from_a_file(start_platform: StartPlatform, tmp_path: Path) -> None:
    file = tmp_path / "configurations.json"
    entry = {
        "batchConfigResId": "7",
        "template": "Letter",
        "channels": [{"channelName": "PRINT", "mimeType": "application/pdf"}],
        "mandatoryElements": ["Document/TotalAmount"],
    }
    file.write_text(json.dumps([entry]))
    platform = start_platform(configurations_file=file)
    batch_id = platform.accepted(
        document("under-document", COMPLETE),
        document("elsewhere", "<TotalAmount>1</TotalAmount><Document/>"),
        batchConfigResId="7",
    )
    platform.clock.advance(10)
    assert [item["status"] for item in platform.documents(batch_id)] == ["COMPLETED", "FAILED"]
