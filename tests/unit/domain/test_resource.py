from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from shared.domain.models import Failure, HistoryEntry, Output
from shared.domain.resource import to_history_item, to_resource
from shared.domain.statuses import FailureCategory, RequestStatus
from tests.unit.domain.builders import NOON, a_request


def test_a_new_request_shows_what_it_has_and_nothing_else() -> None:
    assert to_resource(a_request()) == {
        "requestId": "00000000-0000-0000-0000-000000000001",
        "sourceSystem": "ARCADE",
        "requestCorrelationId": "REQ-0001-9749",
        "documentType": "INVOICE",
        "documentName": "IVZRECPA",
        "language": "EN",
        "priority": "NORMAL",
        "metadata": {"POLICY_ID": "14545", "FOOTER_ID": "2"},
        "status": "RECEIVED",
        "generation": 1,
        "receivedAt": "2026-03-02T12:00:00.000Z",
        "updatedAt": "2026-03-02T12:00:00.000Z",
    }


def test_a_completed_request_shows_its_batch_and_its_outputs() -> None:
    request = a_request(
        status=RequestStatus.COMPLETED,
        submitted_at=NOON + timedelta(milliseconds=1),
        completed_at=NOON + timedelta(seconds=1, milliseconds=20),
        thunderhead_batch_id="76647",
        outputs=(
            Output("PRINT", "application/pdf", 2, "IVZRECPA", "parts/1"),
            Output("ARCHIVE"),
        ),
    )
    resource = to_resource(request)
    assert resource["submittedAt"] == "2026-03-02T12:00:00.001Z"
    assert resource["completedAt"] == "2026-03-02T12:00:01.020Z"
    assert resource["thunderheadBatchId"] == "76647"
    assert resource["outputs"][0] == {
        "channelName": "PRINT",
        "mimeType": "application/pdf",
        "pageCount": 2,
        "documentName": "IVZRECPA",
        "location": "parts/1",
    }
    assert resource["outputs"][1]["channelName"] == "ARCHIVE"
    assert "failure" not in resource


def test_a_failed_request_shows_why() -> None:
    failure = Failure(FailureCategory.GENERATION, "FONT", "A font is missing.")
    resource = to_resource(a_request(status=RequestStatus.FAILED, failure=failure))
    assert resource["failure"] == {
        "category": "GENERATION",
        "code": "FONT",
        "message": "A font is missing.",
    }
    assert "outputs" not in resource


def test_the_resource_names_no_field_of_ours_alone() -> None:
    resource = to_resource(a_request(batch_id=UUID(int=9), event_topic="t"))
    assert not resource.keys() & {"batchId", "eventTopic", "bodyDigest", "version", "traceparent"}


def test_the_first_transition_comes_from_nothing() -> None:
    entry = HistoryEntry(UUID(int=1), 1, None, RequestStatus.RECEIVED, NOON, "arcade")
    assert to_history_item(entry) == {
        "from": None,
        "to": "RECEIVED",
        "at": "2026-03-02T12:00:00.000Z",
        "actor": "arcade",
        "reason": None,
        "runId": None,
    }


def test_a_transition_names_its_run_and_its_reason() -> None:
    entry = HistoryEntry(
        UUID(int=1),
        1,
        RequestStatus.SUBMITTED,
        RequestStatus.HELD,
        NOON,
        "monitoring",
        "lost",
        UUID(int=10),
    )
    item = to_history_item(entry)
    assert (item["from"], item["to"], item["reason"]) == ("SUBMITTED", "HELD", "lost")
    assert item["runId"] == "00000000-0000-0000-0000-00000000000a"
