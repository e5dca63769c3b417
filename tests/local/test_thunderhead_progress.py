from typing import Any

import pytest

from tests.local.conftest import StartPlatform
from tests.local.platform import WITHOUT_TOTAL, Platform, document


def documents(count: int) -> list[dict[str, str]]:
    return [document(f"doc-{number}") for number in range(count)]


def test_a_batch_is_queued_then_running_then_completed(platform: Platform) -> None:
    batch_id = platform.accepted(*documents(4))
    queued = platform.batch(batch_id)
    platform.clock.advance(6)
    running = platform.batch(batch_id)
    platform.clock.advance(4)
    completed = platform.batch(batch_id)

    assert queued == {
        "batchId": batch_id,
        "batchName": "a batch",
        "clientReference": "ref-1",
        "status": "QUEUED",
        "statusText": "Waiting for a generation engine",
        "transCount": 4,
        "transCompleted": 0,
        "transErrored": 0,
        "transStopped": 0,
        "startTime": None,
        "finishTime": None,
        "jobMessages": [{"msgType": "I", "msgText": "Waiting for a generation engine"}],
    }
    assert (running["status"], running["transCompleted"]) == ("RUNNING", 2)
    assert (running["startTime"], running["finishTime"]) == ("2026-09-21T14:13:22.000Z", None)
    assert (completed["status"], completed["transCompleted"]) == ("COMPLETED", 4)
    assert completed["finishTime"] == "2026-09-21T14:13:30.000Z"


def test_documents_come_with_their_channels(platform: Platform) -> None:
    batch_id = platform.accepted(document("doc-1"))
    assert platform.documents(batch_id) == [
        {"documentReference": "doc-1", "status": "PENDING", "channels": [], "errors": []}
    ]
    platform.clock.advance(10)
    (item,) = platform.documents(batch_id)
    assert item["status"] == "COMPLETED"
    assert item["channels"] == [
        {
            "channelName": name,
            "mimeType": "application/pdf",
            "pageCount": 1,
            "documentName": "Customer invoice doc-1",
            "partLocation": f"/output/{batch_id}/1/{name.lower()}",
        }
        for name in ("PRINT", "ARCHIVE")
    ]


def test_larger_data_makes_more_pages(platform: Platform) -> None:
    filling = "<Document><InvoiceNumber/><TotalAmount/>" + "x" * 9000 + "</Document>"
    batch_id = platform.accepted(document("doc-1", filling))
    platform.clock.advance(10)
    assert platform.documents(batch_id)[0]["channels"][0]["pageCount"] == 3


def test_a_missing_mandatory_element_fails_the_document_alone(platform: Platform) -> None:
    batch_id = platform.accepted(document("good"), document("bad", WITHOUT_TOTAL))
    platform.clock.advance(10)
    batch = platform.batch(batch_id)
    assert batch["status"] == "COMPLETED_WITH_ERRORS"
    assert (batch["transCompleted"], batch["transErrored"]) == (1, 1)
    assert batch["jobMessages"][-1] == {
        "msgType": "E",
        "msgText": "Mandatory element TotalAmount is missing",
        "documentReference": "bad",
    }
    assert platform.documents(batch_id)[1] == {
        "documentReference": "bad",
        "status": "FAILED",
        "channels": [],
        "errors": [
            {
                "code": "TMH-4012",
                "category": "DATA",
                "message": "Mandatory element TotalAmount is missing",
                "retryable": False,
            }
        ],
    }


def test_a_batch_without_any_success_has_failed(platform: Platform) -> None:
    batch_id = platform.accepted(document("bad", WITHOUT_TOTAL))
    platform.clock.advance(10)
    assert platform.batch(batch_id)["status"] == "FAILED"


def test_generation_times_are_drawn_from_their_range_repeatably(
    start_platform: StartPlatform,
) -> None:
    def finish_times() -> list[str]:
        platform = start_platform(generation_seconds=(5.0, 50.0), seed=3)
        ids = [platform.accepted(clientReference=f"ref-{number}") for number in range(3)]
        platform.clock.advance(50)
        return [platform.batch(batch_id)["finishTime"] for batch_id in ids]

    first = finish_times()
    assert len(set(first)) == 3
    assert all("2026-09-21T14:13:25" <= time <= "2026-09-21T14:14:11" for time in first)
    assert finish_times() == first


def test_documents_are_read_page_by_page(platform: Platform) -> None:
    batch_id = platform.accepted(*documents(5))
    seen, sizes = [], []
    cursor: str | None = "0"
    while cursor is not None:
        page = platform.get(f"/batches/{batch_id}/documents", cursor=cursor, limit=2).json()
        sizes.append(len(page["items"]))
        seen += [item["documentReference"] for item in page["items"]]
        cursor = page["nextCursor"]
    assert seen == [f"doc-{number}" for number in range(5)]
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"cursor": "x"}, {"cursor": 9}])
def test_wrong_paging_is_refused(platform: Platform, query: dict[str, Any]) -> None:
    batch_id = platform.accepted()
    assert platform.get(f"/batches/{batch_id}/documents", **query).status_code == 400


def test_unknown_batches_are_not_found(platform: Platform) -> None:
    for response in (
        platform.get("/batches/1"),
        platform.get("/batches/1/documents"),
        platform.cancel("1"),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "BATCH_NOT_FOUND")


def test_a_batch_is_found_by_its_reference(platform: Platform) -> None:
    batch_id = platform.accepted()
    assert platform.lookup("ref-1").json() == {"items": [platform.batch(batch_id)]}
    assert platform.lookup("REF-1").json() == {"items": []}
    assert platform.get("/batches").status_code == 400


@pytest.mark.parametrize("status", [404, 405])
def test_a_tenant_may_lack_the_lookup(start_platform: StartPlatform, status: int) -> None:
    platform = start_platform(lookup_supported=False, lookup_refusal_status=status)
    platform.accepted()
    response = platform.lookup("ref-1")
    assert (response.status_code, response.json()["code"]) == (status, "LOOKUP_NOT_SUPPORTED")


def test_an_accepted_batch_may_take_time_to_be_seen(start_platform: StartPlatform) -> None:
    platform = start_platform(visibility_seconds=5.0)
    batch_id = platform.accepted()
    platform.clock.advance(4)
    assert platform.lookup("ref-1").json() == {"items": []}
    assert platform.get(f"/batches/{batch_id}").status_code == 404
    # The reference is taken all the same.
    assert platform.submit().json()["existingBatchId"] == batch_id
    platform.clock.advance(1)
    assert platform.lookup("ref-1").json()["items"][0]["batchId"] == batch_id
    assert platform.batch(batch_id)["status"] == "RUNNING"


def test_a_running_batch_can_be_cancelled(platform: Platform) -> None:
    batch_id = platform.accepted(*documents(4))
    platform.clock.advance(6)
    response = platform.cancel(batch_id)
    platform.clock.advance(100)
    batch = platform.batch(batch_id)
    assert response.status_code == 202
    assert batch["status"] == "CANCELLED"
    assert (batch["transCompleted"], batch["transStopped"]) == (2, 2)
    assert batch["finishTime"] == "2026-09-21T14:13:26.000Z"
    assert [item["status"] for item in platform.documents(batch_id)] == [
        "COMPLETED",
        "COMPLETED",
        "STOPPED",
        "STOPPED",
    ]


def test_a_cancelled_batch_may_take_time_to_stop(start_platform: StartPlatform) -> None:
    platform = start_platform(stopping_seconds=3.0)
    batch_id = platform.accepted()
    assert platform.cancel(batch_id).json()["status"] == "STOPPING"
    assert platform.cancel(batch_id).status_code == 202
    assert platform.documents(batch_id)[0]["status"] == "PENDING"
    platform.clock.advance(3)
    assert platform.batch(batch_id)["status"] == "CANCELLED"
    assert platform.documents(batch_id)[0]["status"] == "STOPPED"


def test_a_batch_that_has_ended_cannot_be_cancelled(platform: Platform) -> None:
    batch_id = platform.accepted()
    platform.clock.advance(10)
    response = platform.cancel(batch_id)
    assert (response.status_code, response.json()["code"]) == (409, "BATCH_TERMINAL")
    assert platform.batch(batch_id)["status"] == "COMPLETED"
