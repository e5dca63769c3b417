"""The answers that thunderhead-api.yaml shows, as our client understands them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from requests.structures import CaseInsensitiveDict

from local.thunderhead.batches import _STATUS_TEXTS as SIMULATED_STATUSES
from shared.clients.http import Response
from shared.clients.oauth2 import _parse_token as parse_token
from shared.clients.thunderhead_answers import parse_cancel, parse_lookup, parse_submission
from shared.clients.thunderhead_reports import parse_documents, parse_poll
from shared.domain import batching
from shared.domain import thunderhead as domain
from shared.domain.models import BatchCounts, JobMessage, Output
from tests.contracts.documents import THUNDERHEAD_API
from tests.contracts.openapi import Contract
from tests.unit.clients.support import FakeClock

CONTRACT = Contract(THUNDERHEAD_API)
NOW = FakeClock()()


def test_the_known_statuses_are_those_of_the_code() -> None:
    schemas = CONTRACT.document["components"]["schemas"]
    known = domain.IN_PROGRESS | domain.ENDED_WELL | domain.ENDED_BADLY
    assert set(schemas["KnownBatchStatus"]["enum"]) == known
    assert set(schemas["DocumentStatus"]["enum"]) == set(domain.DocumentStatus)
    assert known >= SIMULATED_STATUSES.keys()
    described = {
        frozenset(cell.strip() for cell in row.split("|")[1].split(","))
        for row in schemas["BatchStatus"]["description"].splitlines()[2:5]
    }
    assert described == {domain.IN_PROGRESS, domain.ENDED_WELL, domain.ENDED_BADLY}


def test_the_limits_are_those_of_the_code() -> None:
    schemas = CONTRACT.document["components"]["schemas"]
    assert schemas["Submission"]["properties"]["documents"]["maxItems"] == batching.MAX_DOCUMENTS
    assert batching.MAX_BYTES <= 10_000_000


REFERENCE = "8f14e45f-ceea-467f-9a36-dedd4bea2543"
DOCUMENT = "6f1ed002-ab5c-4d2b-9d3a-1c2f0e4b7a10"
CLAIM_MISSING = domain.DocumentProblem(
    DOCUMENT, "TMH-2107", "The element ClaimNumber is required at submission."
)
SUBMISSIONS: dict[tuple[str, str], domain.Submission] = {
    ("202", "queued"): domain.Accepted("76647", 10.0),
    ("200", "overloaded"): domain.Unknown("Thunderhead answered 200 without a batch id"),
    ("400", "envelope"): domain.Rejected(
        (
            domain.DocumentProblem(
                None, "INVALID_ENVELOPE", "A list of objects with name and value is required."
            ),
        )
    ),
    ("401", "noCredentials"): domain.Forbidden("Thunderhead answered 401"),
    ("403", "forbidden"): domain.Forbidden("Thunderhead answered 403"),
    ("409", "duplicate"): domain.Duplicate("76647"),
    ("413", "tooLarge"): domain.TooLarge(),
    ("415", "noJson"): domain.Rejected(
        (domain.DocumentProblem(None, "UNSUPPORTED_MEDIA_TYPE", "A JSON body is required."),)
    ),
    ("422", "named"): domain.Rejected((CLAIM_MISSING,)),
    ("422", "unnamed"): domain.Rejected(
        (domain.DocumentProblem(None, "INVALID_TRANSACTION_DATA", "The XML is not well-formed."),)
    ),
    ("429", "tooMany"): domain.Throttled(30.0),
    ("5XX", "out"): domain.Unknown("Thunderhead answered 503", 30.0),
    ("5XX", "gateway"): domain.Unknown("Thunderhead answered 500", 30.0),
}


def _documented(operation_id: str) -> dict[tuple[str, str], Response]:
    """Return every example of an operation's answers, as our client would get it."""
    answers = {}
    for operation, status, response in CONTRACT.answers():
        if operation.operation_id != operation_id:
            continue
        headers = CaseInsensitiveDict()
        for name, header in response.get("headers", {}).items():
            described = CONTRACT.resolve(header)
            examples = [one["value"] for one in described.get("examples", {}).values()]
            headers[name] = str([*examples, described.get("example")][0])
        for content in response["content"].values():
            for name, example in content.get("examples", {}).items():
                value = example["value"]
                body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
                is_problem = isinstance(value, dict) and "traceId" in value
                number = value["status"] if is_problem else int(status.replace("X", "0"))
                answers[status, name] = Response(number, headers, body)
    return answers


def test_a_submission_is_understood_as_documented() -> None:
    assert {
        key: parse_submission(answer, NOW) for key, answer in _documented("submitBatch").items()
    } == SUBMISSIONS


def test_a_lookup_is_understood_as_documented() -> None:
    understood = {
        key: parse_lookup(answer, REFERENCE, NOW)
        for key, answer in _documented("findBatch").items()
    }
    assert understood.pop(("200", "found")) == domain.Found("76647")
    assert understood.pop(("200", "none")) == domain.NotFound()
    assert len(understood) == 6
    assert {type(answer) for answer in understood.values()} == {domain.CallFailed}


def test_a_poll_is_understood_as_documented() -> None:
    understood = {key: parse_poll(answer, NOW) for key, answer in _documented("getBatch").items()}
    running, ended, least = (
        understood.pop(("200", name)) for name in ("running", "ended", "least")
    )
    assert isinstance(running, domain.BatchReport)
    assert (running.vendor_status, running.retry_after) == ("RUNNING", 30.0)
    assert running.counts == BatchCounts(total=2, completed=1, errored=0, stopped=0)
    assert running.started_at == datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)
    assert (running.finished_at, running.messages) == (None, ())
    assert isinstance(ended, domain.BatchReport)
    assert ended.status_text == "Some documents could not be generated"
    assert ended.counts == BatchCounts(total=3, completed=1, errored=2, stopped=0)
    assert ended.finished_at == datetime(2026, 3, 2, 12, 0, 9, 400_000, tzinfo=UTC)
    assert ended.messages[1] == JobMessage(
        "E", "Mandatory element TotalAmount is missing", "d3d94468-02a4-4259-b55d-38e6d163e820"
    )
    assert least == domain.BatchReport("REINDEXING", retry_after=30.0)
    assert understood.pop(("404", "notFound")) == domain.NotVisible()
    assert {type(answer) for answer in understood.values()} == {domain.CallFailed}


def test_documents_are_understood_as_documented() -> None:
    understood = {
        key: parse_documents(answer, NOW)
        for key, answer in _documented("listDocumentsOfBatch").items()
    }
    page = understood.pop(("200", "allStatuses"))
    assert isinstance(page, tuple)
    reports, cursor = page
    assert cursor is None
    assert [report.status for report in reports] == ["COMPLETED", "FAILED", "STOPPED", "PENDING"]
    assert reports[0].outputs == (
        Output("PRINT", "application/pdf", 2, "Customer invoice", "/output/76647/1/print"),
    )
    assert (reports[1].error_code, reports[1].error_message) == (
        "TMH-4012",
        "Mandatory element TotalAmount is missing",
    )
    more = understood.pop(("200", "more"))
    assert isinstance(more, tuple)
    assert (more[0][0].outputs, more[1]) == ((Output("ARCHIVE"),), "1")
    assert {type(answer) for answer in understood.values()} == {domain.CallFailed}


def test_a_cancellation_is_understood_as_documented() -> None:
    understood = {key: parse_cancel(answer) for key, answer in _documented("cancelBatch").items()}
    accepted = {key for key, answer in understood.items() if answer is domain.Cancellation.ACCEPTED}
    assert accepted == {("202", "stopping"), ("409", "terminal")}


def test_a_token_is_understood_as_documented() -> None:
    answers = _documented("issueToken")
    token = parse_token(answers["200", "token"], 0.0)
    assert (token.header, token.expires_at) == ("Bearer 2YotnFZFEjr1zCsicMWpAA", 3600.0)
    assert {status for status, _ in answers} == {"200", "400", "401"}
