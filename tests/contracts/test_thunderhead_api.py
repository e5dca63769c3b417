"""The Thunderhead API: simulator and client against thunderhead-api.yaml."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import requests
from aiohttp import web

from local.clock import ManualClock
from local.problems import Handler
from local.thunderhead import ThunderheadOptions, create_app
from local.thunderhead.options import TOKEN_PATH
from shared.clients.thunderhead import ThunderheadClient
from shared.domain import batching
from shared.domain import thunderhead as domain
from tests.contracts.documents import THUNDERHEAD_API
from tests.contracts.openapi import Contract, Exchange
from tests.contracts.recording import Recording, recorded
from tests.unit.clients.support import TRACEPARENT, FakeClock, make_settings

CONTRACT = Contract(THUNDERHEAD_API)
INVOICES, CLAIM_LETTERS = "1709524441", "1709524444"
GOOD, BAD = UUID(int=1), UUID(int=2)
TIMEOUT = 10


def data_of(total: str) -> bytes:
    return f"<transaction><InvoiceNumber>1</InvoiceNumber>{total}</transaction>".encode()


def submission(number: int, data_type: str = "application/xml", **changes: Any) -> bytes:
    """Write a batch of a good and a bad document as the jobs do."""
    values: dict[str, Any] = {
        "client_reference": str(UUID(int=number)),
        "batch_name": f"OMS-{number}",
        "batch_config_id": INVOICES,
        "project_id": None,
        "transaction_data_type": data_type,
        "properties": (("SIGNEE_1", "GBMHEN1"),),
        **changes,
    }
    as_xml = data_type == "application/xml"
    good = data_of("<TotalAmount>2.50</TotalAmount>")
    documents = [
        (GOOD, good if as_xml else b'{"InvoiceNumber": 1, "TotalAmount": 2.50}'),
        (BAD, data_of("") if as_xml else b'{"InvoiceNumber": 1}'),
    ]
    return batching.payload(
        batching.Envelope(**values),
        [batching.RenderedDocument.of(request_id, data) for request_id, data in documents],
    )


@contextmanager
def platform(clock: ManualClock, **options: Any) -> Iterator[Recording]:
    """A simulator whose pages of documents hold one at most, so that there are several."""

    @web.middleware
    async def small_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/documents") and request.query.get("limit") == "500":
            request = request.clone(rel_url=request.rel_url.update_query(limit="1"))
        return await handler(request)

    values = {
        "base_path": CONTRACT.base_path,
        "clock": clock,
        "generation_seconds": (10.0, 10.0),
        "stopping_seconds": 5.0,
        **options,
    }
    app = create_app(ThunderheadOptions(**values))
    app.middlewares.insert(0, small_pages)
    with recorded(app) as recording:
        yield recording


def client_of(recording: Recording, **settings: Any) -> ThunderheadClient:
    values = {
        "thunderhead_base_url": recording.url + CONTRACT.base_path,
        "thunderhead_token_url": recording.url + TOKEN_PATH,
        "thunderhead_client_id": "oms-local",
        "thunderhead_client_secret": "oms-local-only",
        **settings,
    }
    return ThunderheadClient(make_settings(**values), FakeClock())


def arm(recording: Recording, operation: str, kind: str, **fault: Any) -> None:
    response = requests.post(
        f"{recording.url}/_simulator/faults",
        json=[{"operation": operation, "kind": kind, "times": 1, **fault}],
        timeout=TIMEOUT,
    )
    assert response.status_code == 200, response.text


@pytest.fixture(scope="module")
def exchanges() -> Recording:
    """Everything that our client asks and that the simulator can answer."""
    everything = Recording()
    for scenario in (_use_as_client, _use_wrongly, _use_other_tenants):
        clock = ManualClock()
        everything.exchanges += scenario(clock)
    return everything


def _use_as_client(clock: ManualClock) -> list[Exchange]:
    """Walk through the whole API, with each way of authentication."""
    with platform(clock, authentication="oauth2", submit_retry_after="3") as recording:
        client = client_of(
            recording, thunderhead_auth="oauth2", thunderhead_scope="batches documents"
        )
        batch_id = _accepted(client.submit(submission(1), TRACEPARENT))
        assert client.find(str(UUID(int=1)), TRACEPARENT) == domain.Found(batch_id)
        assert client.find(str(UUID(int=9)), TRACEPARENT) == domain.NotFound()
        assert _status(client.poll(batch_id, TRACEPARENT)) == "QUEUED"
        clock.advance(5)
        assert _status(client.poll(batch_id, TRACEPARENT)) == "RUNNING"
        clock.advance(6)
        assert _status(client.poll(batch_id, TRACEPARENT)) == "COMPLETED_WITH_ERRORS"
        documents = client.documents(batch_id, TRACEPARENT)
        assert not isinstance(documents, domain.CallFailed)
        assert [report.status for report in documents.values()] == ["COMPLETED", "FAILED"]
        assert client.cancel(batch_id, TRACEPARENT) is domain.Cancellation.ACCEPTED  # had ended
        assert client.submit(submission(1), TRACEPARENT) == domain.Duplicate(batch_id)

        changes = {"project_id": "CLAIMS", "properties": ()}
        batch_id = _accepted(
            client.submit(submission(2, "application/json", **changes), TRACEPARENT)
        )
        clock.advance(6)
        assert client.cancel(batch_id, TRACEPARENT) is domain.Cancellation.ACCEPTED
        assert _status(client.poll(batch_id, TRACEPARENT)) == "STOPPING"
        client.documents(batch_id, TRACEPARENT)
        clock.advance(5)
        assert _status(client.poll(batch_id, TRACEPARENT)) == "CANCELLED"
        client.documents(batch_id, TRACEPARENT)

        assert client.poll("a/b", TRACEPARENT) == domain.NotVisible()
        assert isinstance(client.documents("0", TRACEPARENT), domain.CallFailed)
        assert client.cancel("0", TRACEPARENT) is domain.Cancellation.REFUSED
        clock.advance(3600)  # the token ends: 401, a new one, again
        assert _status(client.poll(batch_id, TRACEPARENT)) == "CANCELLED"

        arm(recording, "submit", "stopped")
        arm(recording, "poll", "unknown-status")
        arm(recording, "poll", "while1")
        batch_id = _accepted(client.submit(submission(3), TRACEPARENT))
        assert _status(client.poll(batch_id, TRACEPARENT)) == "REINDEXING"
        clock.advance(10)
        assert _status(client.poll(batch_id, TRACEPARENT)) == "STOPPED"
        client.documents(batch_id, TRACEPARENT)

        refused = client_of(
            recording, thunderhead_auth="oauth2", thunderhead_client_secret="another"
        )
        assert isinstance(refused.submit(submission(4), TRACEPARENT), domain.Forbidden)
    found = recording.exchanges
    for kind, user in (("oauth1", "oms-local!oms-user"), ("basic", "oms-local"), ("none", "")):
        with platform(clock, authentication=kind) as recording:
            client = client_of(recording, thunderhead_auth=kind, thunderhead_client_id=user)
            batch_id = _accepted(client.submit(submission(5), TRACEPARENT))
            assert _status(client.poll(batch_id, TRACEPARENT)) == "QUEUED"
        found += recording.exchanges
    return found


def _use_wrongly(clock: ManualClock) -> list[Exchange]:
    """Provoke every error that the simulator has, by itself and by its faults."""
    with platform(clock, authentication="none") as recording, requests.Session() as session:
        base_url = recording.url + CONTRACT.base_path

        def post(body: bytes, content_type: str = "application/json") -> int:
            headers = {"Content-Type": content_type}
            return session.post(
                f"{base_url}/batches", data=body, headers=headers, timeout=TIMEOUT
            ).status_code

        def get(path: str) -> int:
            return session.get(f"{base_url}{path}", timeout=TIMEOUT).status_code

        good = json.loads(submission(1))
        document = {"documentReference": "a", "transactionData": "?"}
        claim = {"documentReference": "b", "transactionData": _encoded(b"<transaction/>")}
        assert post(b"{") == 400
        assert post(b"[]") == 400
        assert post(json.dumps(good | {"colour": "blue"}).encode()) == 400
        assert post(json.dumps(good | {"batchConfigResId": "0"}).encode()) == 422
        assert post(json.dumps(good | {"documents": [document]}).encode()) == 422
        changes = {"batchConfigResId": CLAIM_LETTERS, "documents": [claim]}
        assert post(json.dumps(good | changes).encode()) == 422
        assert post(submission(1), "text/plain") == 415
        many = [{**claim, "documentReference": str(n)} for n in range(501)]
        assert post(json.dumps(good | {"documents": many}).encode()) == 413
        assert post(submission(1)) == 202
        assert get("/batches") == 400
        batch_id = recording.exchanges[-2].response_headers["location"].rsplit("/", 1)[1]
        assert get(f"/batches/{batch_id}/documents?limit=0") == 400
        assert get(f"/batches/{batch_id}/documents?limit=2") == 200

        calls: dict[str, Callable[[], int]] = {
            "submit": lambda: post(submission(2)),
            "lookup": lambda: get("/batches?clientReference=x"),
            "poll": lambda: get(f"/batches/{batch_id}"),
            "documents": lambda: get(f"/batches/{batch_id}/documents"),
            "cancel": lambda: (
                session.post(f"{base_url}/batches/{batch_id}/cancel", timeout=TIMEOUT).status_code
            ),
            "token": lambda: (
                session.post(
                    recording.url + TOKEN_PATH, data={"grant_type": "password"}, timeout=TIMEOUT
                ).status_code
            ),
        }
        for operation, call in calls.items():
            for status in (401, 403, 404, 409, 418, 429, 500, 502, 503, 599):
                if operation == "token" and status == 401:
                    continue  # a token endpoint has its own form of this error
                waits = {"retryAfter": "7"} if status == 429 or status >= 500 else {}
                arm(recording, operation, "status", status=status, **waits)
                assert call() == status
            arm(recording, operation, "status-after", status=504, retryAfter=_http_date())
            assert call() == 504
        arm(recording, "submit", "exceptions")
        assert post(submission(3)) == 200
        assert calls["token"]() == 400
    return recording.exchanges


def _use_other_tenants(clock: ManualClock) -> list[Exchange]:
    found = []
    for options in (
        {"lookup_supported": False},
        {"lookup_supported": False, "lookup_refusal_status": 405},
        {"names_bad_documents": False, "visibility_seconds": 60},
        {"authentication": "basic"},
    ):
        with platform(clock, **options) as recording:
            client = client_of(recording)
            client.find(str(UUID(int=1)), TRACEPARENT)
            client.submit(submission(1, batch_config_id=CLAIM_LETTERS), TRACEPARENT)
            answer = client.submit(submission(1), TRACEPARENT)
            if isinstance(answer, domain.Accepted):
                client.poll(answer.thunderhead_batch_id, TRACEPARENT)
        found += recording.exchanges
    return found


def _accepted(answer: domain.Submission) -> str:
    assert isinstance(answer, domain.Accepted), answer
    return answer.thunderhead_batch_id


def _status(answer: domain.Poll) -> str:
    assert isinstance(answer, domain.BatchReport), answer
    return answer.vendor_status


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _http_date() -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(1_800_000_000))


def test_every_answer_of_the_simulator_is_documented(exchanges: Recording) -> None:
    exchanges.assert_answers(CONTRACT)


def test_every_documented_answer_is_given_by_the_simulator(exchanges: Recording) -> None:
    assert exchanges.assert_answers(CONTRACT) == {
        (operation.operation_id, status) for operation, status, _ in CONTRACT.answers()
    }


def test_every_call_of_our_client_is_documented(exchanges: Recording) -> None:
    assert exchanges.assert_requests(CONTRACT) == {
        operation.operation_id for operation in CONTRACT.operations
    }


def test_every_documented_parameter_is_sent_by_our_client(exchanges: Recording) -> None:
    for operation in CONTRACT.operations:
        calls = [
            exchange
            for exchange in exchanges.of_our_clients
            if CONTRACT.operation_of(exchange) == operation
        ]
        sent = {name for call in calls for name, _ in call.query}
        sent |= {name for call in calls for name in call.request_headers}
        documented = {one["name"] for one in operation.parameters if one["in"] != "path"}
        assert {name.lower() for name in documented} <= {name.lower() for name in sent}


def test_every_way_of_authentication_is_used_by_our_client(exchanges: Recording) -> None:
    used = {
        call.request_headers.get("authorization", "").partition(" ")[0]
        for call in exchanges.of_our_clients
    }
    assert used == {"Bearer", "OAuth", "Basic", ""}
    assert set(CONTRACT.document["components"]["securitySchemes"]) == {"oauth2", "oauth1", "basic"}


def test_every_documented_member_occurs(exchanges: Recording) -> None:
    """In what the simulator answers or our client sends; what only vendors send is listed."""
    seen: set[str] = set()
    for exchange in exchanges.exchanges:
        seen |= _members(exchange.response_body) | _members(exchange.request_body)
        seen |= {pair.partition("=")[0] for pair in exchange.request_body.decode().split("&")}
    documented = {
        name
        for schema in CONTRACT.document["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    assert documented - seen == {"error_description"}


def _members(body: bytes) -> set[str]:
    try:
        tree = json.loads(body.removeprefix(b"while(1);"))
    except ValueError:
        return set()
    names: set[str] = set()
    open_ends = [tree]
    while open_ends:
        match open_ends.pop():
            case dict() as members:
                names |= members.keys()
                open_ends += members.values()
            case list() as items:
                open_ends += items
    return names
