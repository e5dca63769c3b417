from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from shared.clients.thunderhead import ThunderheadClient
from shared.domain.models import BatchCounts, JobMessage, Output
from shared.domain.thunderhead import (
    Accepted,
    BatchReport,
    CallFailed,
    Cancellation,
    DocumentProblem,
    DocumentReport,
    DocumentStatus,
    Duplicate,
    Forbidden,
    Found,
    NotFound,
    NotSent,
    NotVisible,
    Rejected,
    Throttled,
    TooLarge,
    Unexpected,
    Unknown,
)
from tests.unit.clients.support import (
    TRACE_ID,
    TRACEPARENT,
    FakeClock,
    RawServer,
    Received,
    Reply,
    make_settings,
    misbehaving,
    read_request,
    serving,
    unused_port,
)

CLOCK = FakeClock()
SOON = {"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}
"""30 seconds after the clock's time."""


def client(url: str, **settings: Any) -> ThunderheadClient:
    return ThunderheadClient(make_settings(thunderhead_base_url=url, **settings), CLOCK)


def submit(*replies: Reply) -> Any:
    with serving(list(replies)) as server:
        return client(server.url).submit(b"{}", TRACEPARENT)


# --- submit ------------------------------------------------------------------------------


def test_a_submission_is_posted_as_it_is() -> None:
    payload = b'{"clientReference":"x"}'
    with serving([Reply(202, {"batchId": "76647"})]) as server:
        answer = client(f"{server.url}/thunderhead/v1").submit(payload, TRACEPARENT)

    assert answer == Accepted("76647")
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/thunderhead/v1/batches")
    assert received.body == payload
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["X-Correlation-ID"] == TRACE_ID
    assert received.headers["traceparent"].startswith(f"00-{TRACE_ID}-")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(202, {"batchId": "7"}, {"Retry-After": "5"}), Accepted("7", 5.0)),
        (Reply(202, {"batchId": 76647}), Accepted("76647")),
        (Reply(200, {"batchId": "7"}), Accepted("7")),
        (Reply(201, {"batchId": "7", "exceptions": ["late"]}), Accepted("7")),
        (Reply(202, b'while(1);{"batchId": "7"}'), Accepted("7")),
        (Reply(413), TooLarge()),
        (Reply(429), Throttled()),
        (Reply(429, None, {"Retry-After": "120"}), Throttled(120.0)),
        (Reply(429, None, SOON), Throttled(30.0)),
        (Reply(429, None, {"Retry-After": "later"}), Throttled()),
        (
            Reply(409, {"code": "DUPLICATE_CLIENT_REFERENCE", "existingBatchId": 5}),
            Duplicate("5"),
        ),
    ],
)
def test_clear_answers_to_a_submission(reply: Reply, expected: object) -> None:
    assert submit(reply) == expected


@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_rejection_names_its_documents(status: int) -> None:
    body = {
        "errors": [
            {"documentReference": "d1", "code": "BAD_XML", "message": "not well-formed"},
            {"documentReference": "d2", "detail": "no template"},
            "nonsense",
        ]
    }
    assert submit(Reply(status, body)) == Rejected(
        (
            DocumentProblem("d1", "BAD_XML", "not well-formed"),
            DocumentProblem("d2", "REJECTED", "no template"),
        )
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"code": "BAD", "detail": "words"}, DocumentProblem(None, "BAD", "words")),
        ({"errors": None}, DocumentProblem(None, "REJECTED", "Thunderhead refused it.")),
        (b"<html>", DocumentProblem(None, "REJECTED", "Thunderhead refused it.")),
    ],
)
def test_a_rejection_may_name_no_document(body: Any, problem: DocumentProblem) -> None:
    assert submit(Reply(422, body)) == Rejected((problem,))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(202),
        Reply(202, {"status": "QUEUED"}),
        Reply(202, {"batchId": None}),
        Reply(202, {"batchId": " "}),
        Reply(202, {"batchId": True}),
        Reply(202, {"batchId": "9" * 101}),
        Reply(202, {"batchId": {"id": 1}}),
        Reply(202, {"exceptions": [{"code": "X"}]}),
        Reply(202, ["7"]),
        Reply(202, b"<html>"),
        Reply(202, b'{"batchId": "7"'),
        Reply(200, b""),
        Reply(204),
        Reply(500, {"batchId": "7"}),
        Reply(502),
        Reply(504),
    ],
)
def test_unclear_answers_leave_the_outcome_unknown(reply: Reply) -> None:
    answer = submit(reply)
    assert isinstance(answer, Unknown)
    assert answer.retry_after is None


def test_a_server_error_says_how_long_to_wait() -> None:
    answer = submit(Reply(503, None, SOON))
    assert answer == Unknown("Thunderhead answered 503", 30.0)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(301, None, {"Location": "/elsewhere"}),
        Reply(307, None, {"Location": "/elsewhere"}),
        Reply(304),
        Reply(404),
        Reply(405),
        Reply(408),
        Reply(409),
        Reply(409, {"code": "DUPLICATE_CLIENT_REFERENCE"}),
        Reply(409, {"code": "OTHER", "existingBatchId": "5"}),
        Reply(410),
    ],
)
def test_other_answers_are_for_a_person(reply: Reply) -> None:
    assert submit(reply) == Unexpected(f"Thunderhead answered {reply.status}")


@pytest.mark.parametrize("status", [401, 403])
def test_no_access_is_forbidden(status: int) -> None:
    assert submit(Reply(status)) == Forbidden(f"Thunderhead answered {status}")


def test_a_refused_connection_is_not_sent() -> None:
    answer = client(f"http://127.0.0.1:{unused_port()}").submit(b"{}", TRACEPARENT)
    assert isinstance(answer, NotSent)


def hang_up_after(data: bytes) -> Any:
    def script(connection: socket.socket, _: RawServer) -> None:
        while b"{}" not in connection.recv(65536):
            pass
        connection.sendall(data)

    return script


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\n\r\n{"],
    ids=["nothing", "half a body"],
)
def test_a_broken_answer_leaves_the_outcome_unknown(data: bytes) -> None:
    with misbehaving(hang_up_after(data)) as server:
        assert isinstance(client(server.url).submit(b"{}", TRACEPARENT), Unknown)


def test_a_time_out_leaves_the_outcome_unknown() -> None:
    def script(connection: socket.socket, server: RawServer) -> None:
        server.stopped.wait()

    with misbehaving(script) as server:
        answer = client(server.url, http_timeout_seconds=0.2).submit(b"{}", TRACEPARENT)
    assert isinstance(answer, Unknown)


# --- tokens ------------------------------------------------------------------------------


class Vendor:
    """A token endpoint and a Thunderhead that accepts the tokens in `valid`."""

    def __init__(self, *valid: str) -> None:
        self.valid = valid
        self.issued = 0
        self.token_reply: Reply | None = None

    def __call__(self, request: Received) -> Reply:
        if request.path == "/token":
            self.issued += 1
            body = {"access_token": f"t{self.issued}", "expires_in": 3600}
            return self.token_reply or Reply(200, body)
        if request.headers["Authorization"].removeprefix("Bearer ") in self.valid:
            return Reply(202, {"batchId": "7"})
        return Reply(401)


def oauth2_client(url: str) -> ThunderheadClient:
    return client(
        url,
        thunderhead_auth="oauth2",
        thunderhead_token_url=f"{url}/token",
        thunderhead_client_id="id",
        thunderhead_client_secret="secret",
    )


def test_a_refused_token_is_renewed_once() -> None:
    with serving(Vendor("t2")) as server:
        thunderhead = oauth2_client(server.url)
        assert thunderhead.submit(b"{}", TRACEPARENT) == Accepted("7")
        assert thunderhead.submit(b"{}", TRACEPARENT) == Accepted("7")
    paths = [received.path for received in server.received]
    assert paths == ["/token", "/batches", "/token", "/batches", "/batches"]


def test_a_token_that_is_refused_again_is_forbidden() -> None:
    with serving(Vendor()) as server:
        answer = oauth2_client(server.url).submit(b"{}", TRACEPARENT)
    assert answer == Forbidden("Thunderhead answered 401")
    paths = [received.path for received in server.received]
    assert paths == ["/token", "/batches", "/token", "/batches"]


def test_refused_credentials_are_forbidden() -> None:
    vendor = Vendor()
    vendor.token_reply = Reply(401)
    with serving(vendor) as server:
        thunderhead = oauth2_client(server.url)
        assert thunderhead.submit(b"{}", TRACEPARENT) == Forbidden(
            "the token endpoint answered 401"
        )
        assert isinstance(thunderhead.poll("7", TRACEPARENT), CallFailed)


def test_without_a_token_nothing_is_sent() -> None:
    vendor = Vendor()
    vendor.token_reply = Reply(503)
    with serving(vendor) as server:
        assert isinstance(oauth2_client(server.url).submit(b"{}", TRACEPARENT), NotSent)
    assert [received.path for received in server.received] == ["/token"]


# --- look-up -----------------------------------------------------------------------------


def find(reply: Reply) -> Any:
    with serving([reply]) as server:
        answer = client(server.url).find("ref-1", TRACEPARENT)
    (received,) = server.received
    assert (received.method, received.path) == ("GET", "/batches")
    assert received.query == {"clientReference": "ref-1"}
    return answer


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], NotFound()),
        ([{"batchId": 7, "clientReference": "ref-1"}], Found("7")),
        ([{"batchId": "7"}], Found("7")),
        ([{"batchId": "6", "clientReference": "x"}, {"batchId": "7", "clientReference": "ref-1"}],
         Found("7")),
    ],
)  # fmt: skip
def test_a_look_up_finds_our_batch(items: list[object], expected: object) -> None:
    assert find(Reply(200, {"items": items})) == expected


@pytest.mark.parametrize(
    "body",
    [None, b"<html>", {}, {"items": None}, {"items": [{"clientReference": "ref-1"}]},
     {"items": [{"batchId": "6", "clientReference": "x"}]}, {"items": ["7"]}],
)  # fmt: skip
def test_a_look_up_that_cannot_be_read_is_no_verdict(body: Any) -> None:
    assert isinstance(find(Reply(200, body)), CallFailed)


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_a_look_up_that_fails_is_no_verdict(status: int) -> None:
    expected = CallFailed(f"Thunderhead answered {status}", refused=status in (401, 403, 429))
    assert find(Reply(status)) == expected


# --- poll --------------------------------------------------------------------------------


def poll(reply: Reply) -> Any:
    with serving([reply]) as server:
        answer = client(server.url).poll("a/b c", TRACEPARENT)
    (received,) = server.received
    assert (received.method, received.path) == ("GET", "/batches/a%2Fb%20c")
    return answer


def test_a_poll_reads_everything() -> None:
    body = {
        "batchId": "7",
        "status": "COMPLETED_WITH_ERRORS",
        "statusText": "done",
        "transCount": 3,
        "transCompleted": "2",
        "transErrored": 1.0,
        "transStopped": None,
        "startTime": "2026-03-01T11:00:00.123456Z",
        "finishTime": "2026-03-01T13:30:00+02:00",
        "clientReference": "ref",
        "jobMessages": [
            {"msgType": "E", "msgText": "bad", "documentReference": "d1"},
            {"msgType": "I", "msgText": "ok"},
            {"msgType": "W", "msgText": None},
            "nonsense",
        ],
    }
    assert poll(Reply(200, body, {"Retry-After": "9"})) == BatchReport(
        "COMPLETED_WITH_ERRORS",
        "done",
        BatchCounts(3, 2, 1, None),
        datetime(2026, 3, 1, 11, 0, 0, 123000, UTC),
        datetime(2026, 3, 1, 11, 30, tzinfo=UTC),
        (JobMessage("E", "bad", "d1"), JobMessage("I", "ok")),
        9.0,
        "ref",
    )


@pytest.mark.parametrize("value", [None, "", "x", -1, True, [], {}, 1.5, "0x10", 10**20, "9" * 50])
def test_a_poll_is_lenient_in_what_does_not_matter(value: Any) -> None:
    body = dict.fromkeys(
        ("statusText", "transCount", "startTime", "finishTime", "jobMessages"), value
    )
    report = poll(Reply(200, body | {"status": "running"}))
    assert report.vendor_status == "RUNNING"
    assert report.counts == BatchCounts()
    assert (report.started_at, report.finished_at, report.messages) == (None, None, ())


def test_texts_are_cut_to_what_the_database_keeps() -> None:
    report = poll(Reply(200, {"status": "RUNNING", "statusText": "\U0001f600" * 600 + "\ud800"}))
    assert report.status_text == "\U0001f600" * 500


def test_a_poll_of_an_unknown_status_is_a_report() -> None:
    assert poll(Reply(200, {"status": "MOON"})) == BatchReport("MOON")


def test_a_batch_may_not_be_visible() -> None:
    assert poll(Reply(404)) == NotVisible()


@pytest.mark.parametrize(
    ("reply", "refused", "retry_after"),
    [
        (Reply(401), True, None),
        (Reply(403), True, None),
        (Reply(429, None, {"Retry-After": "8"}), True, 8.0),
        (Reply(500), False, None),
        (Reply(503, None, SOON), False, 30.0),
        (Reply(302, None, {"Location": "/"}), False, None),
        (Reply(202, {"status": "COMPLETED"}), False, None),
        (Reply(200, b"<html>"), False, None),
        (Reply(200, {"status": None}), False, None),
        (Reply(200, ["COMPLETED"]), False, None),
    ],
)
def test_a_poll_that_failed_is_no_verdict(
    reply: Reply, refused: bool, retry_after: float | None
) -> None:
    answer = poll(reply)
    assert isinstance(answer, CallFailed)
    assert (answer.refused, answer.retry_after) == (refused, retry_after)


@pytest.mark.parametrize("operation", ["poll", "find", "documents"])
def test_a_broken_connection_is_no_verdict(operation: str) -> None:
    def script(connection: socket.socket, _: RawServer) -> None:
        read_request(connection)

    with misbehaving(script) as server:
        answer = getattr(client(server.url), operation)("7", TRACEPARENT)
    assert isinstance(answer, CallFailed)
    assert not answer.refused


# --- documents ---------------------------------------------------------------------------


def documents(*replies: Reply) -> Any:
    with serving(list(replies)) as server:
        answer = client(server.url).documents("7", TRACEPARENT)
    assert {received.path for received in server.received} == {"/batches/7/documents"}
    assert {received.query["limit"] for received in server.received} == {"500"}
    return answer


def page(cursor: object, *items: object) -> Reply:
    return Reply(200, {"items": items, "nextCursor": cursor})


def item(reference: str, status: str) -> dict[str, object]:
    return {"documentReference": reference, "status": status}


def test_documents_are_read_whole() -> None:
    completed = item("d1", "COMPLETED") | {
        "channels": [
            {"channelName": "ARCHIVE", "mimeType": "application/pdf", "pageCount": 3,
             "documentName": "x.pdf", "partLocation": "/out/x.pdf"},
            {"channelName": None, "pageCount": "many"},
        ],
    }  # fmt: skip
    failed = item("d2", "FAILED") | {
        "errors": [{"code": "E1", "category": "DATA", "message": "no name", "retryable": False}]
    }
    assert documents(page(None, completed, failed, item("d3", "MELTED"), {"status": "FAILED"})) == {
        "d1": DocumentReport(
            "d1",
            DocumentStatus.COMPLETED,
            (Output("ARCHIVE", "application/pdf", 3, "x.pdf", "/out/x.pdf"), Output("UNKNOWN")),
        ),
        "d2": DocumentReport("d2", DocumentStatus.FAILED, (), "E1", "no name"),
        "d3": DocumentReport("d3", DocumentStatus.PENDING),
    }


def test_all_pages_are_read() -> None:
    pages = [page("a b", item("d1", "COMPLETED")), page(2, item("d2", "STOPPED")), page("")]
    with serving(pages) as server:
        answer = client(server.url).documents("7", TRACEPARENT)
    assert not isinstance(answer, CallFailed)
    assert list(answer) == ["d1", "d2"]
    assert [received.query.get("cursor") for received in server.received] == [None, "a b", "2"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("PENDING", "COMPLETED", "COMPLETED"),
        ("COMPLETED", "PENDING", "COMPLETED"),
        ("FAILED", "FAILED", "FAILED"),
        ("COMPLETED", "FAILED", "PENDING"),
    ],
)
def test_a_document_on_two_pages(first: str, second: str, expected: str) -> None:
    answer = documents(page("2", item("d1", first)), page(None, item("d1", second)))
    assert answer["d1"].status == expected


def test_pages_that_go_in_circles_end() -> None:
    answer = documents(page("a", item("d1", "COMPLETED")), page("b"), page("a"))
    assert isinstance(answer, CallFailed)


def endless_pages() -> Iterator[bytes]:
    for number in count(1):
        body = json.dumps({"items": [], "nextCursor": str(number)}).encode()
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_pages_without_end_end() -> None:
    pages = endless_pages()

    def script(connection: socket.socket, _: RawServer) -> None:
        while read_request(connection):
            connection.sendall(next(pages))

    with misbehaving(script) as server:
        answer = client(server.url).documents("7", TRACEPARENT)
    assert isinstance(answer, CallFailed)
    assert int(next(pages).split(b'"')[-2]) == 1001


@pytest.mark.parametrize(
    "second",
    [Reply(503), Reply(404), Reply(200, b"<"), Reply(200, {"items": None}), page({"a": 1})],
)
def test_a_page_that_fails_spoils_the_whole(second: Reply) -> None:
    answer = documents(page("2", item("d1", "COMPLETED")), second)
    assert isinstance(answer, CallFailed)


def test_all_pages_together_obey_the_time_limit() -> None:
    pages = endless_pages()

    def script(connection: socket.socket, server: RawServer) -> None:
        while read_request(connection) and not server.stopped.wait(0.05):
            connection.sendall(next(pages))

    with misbehaving(script) as server:
        answer = client(server.url, http_timeout_seconds=0.3).documents("7", TRACEPARENT)
    assert isinstance(answer, CallFailed)
    assert int(next(pages).split(b'"')[-2]) < 20


# --- cancel ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(202), Cancellation.ACCEPTED),
        (Reply(200), Cancellation.ACCEPTED),
        (Reply(409, {"code": "BATCH_TERMINAL"}), Cancellation.ACCEPTED),
        (Reply(409), Cancellation.REFUSED),
        (Reply(404), Cancellation.REFUSED),
        (Reply(405), Cancellation.REFUSED),
        (Reply(403), Cancellation.FAILED),
        (Reply(429), Cancellation.FAILED),
        (Reply(503), Cancellation.FAILED),
        (Reply(302, None, {"Location": "/"}), Cancellation.FAILED),
    ],
)
def test_cancel(reply: Reply, expected: Cancellation) -> None:
    with serving([reply]) as server:
        assert client(server.url).cancel("7", TRACEPARENT) is expected
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/batches/7/cancel")


def test_a_cancel_that_cannot_be_sent_has_failed() -> None:
    answer = client(f"http://127.0.0.1:{unused_port()}").cancel("7", TRACEPARENT)
    assert answer is Cancellation.FAILED
