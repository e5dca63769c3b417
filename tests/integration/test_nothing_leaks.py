"""Secrets and personal data, marked, through the whole flow: where they turn up, and where not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from aiohttp import web
from fastapi.testclient import TestClient
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from local import reference_data
from local.broker import MockBroker
from local.problems import Handler
from local.thunderhead import ThunderheadOptions, create_app
from local.thunderhead.options import TOKEN_PATH
from shared import measures, tracing
from shared.asgi import api
from shared.composition import System, compose
from shared.settings import Settings
from shared.store import tables
from shared.store.engine import create_engine
from shared.telemetry import log_to
from tests.contracts.recording import Recording, recorded
from tests.integration.clocks import TestClock
from tests.integration.jobs.world import PATIENCE, POLICY_TOPIC, STEP_SECONDS, TOPIC, rows

SECRETS = {
    "reference_data_token": "leak-reference-token",
    "thunderhead_client_secret": "leak-client-secret",
    "eventhub_connection_string": "Endpoint=sb://example/;SharedAccessKeyName=all;"
    "SharedAccessKey=leak-shared-key",
}
CONTENT, METADATA, VENDOR, BODY = "LeakContent", "LeakMetadata", "LeakVendor", "LeakBody"
PERSONAL = (CONTENT, METADATA, VENDOR, BODY)
USERS = {"oauth2": "oms-local", "oauth1": "oms-local!oms-user", "basic": "oms-local"}
PATH = "/api/v1/document-requests"


@web.middleware
async def talkative(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put a marker into every text that the vendor may choose freely."""
    response = await handler(request)
    if isinstance(response, web.Response) and response.content_type.endswith("json"):
        assert isinstance(response.body, bytes)
        response.body = json.dumps(_with_marker(json.loads(response.body))).encode()
    return response


def _with_marker(node: Any, name: str = "") -> Any:
    match node:
        case dict():
            return {name: _with_marker(value, name) for name, value in node.items()}
        case list():
            return [_with_marker(value, name) for value in node]
        case str() if name in ("message", "msgText", "detail", "title", "statusText"):
            return f"{node} {VENDOR}"
        case _:
            return node


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log as the commands write it, with every logger at DEBUG unless the code forbids it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    loggers = [logging.getLogger(name) for name in root.manager.loggerDict]
    levels = [logger.level for logger in loggers]
    written = io.StringIO()
    log_to(written)
    for logger in (root, *loggers):
        logger.setLevel(logging.DEBUG)
    # The HTTP client of the test is the caller, whose log is not ours.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    for logger, before in zip(loggers, levels, strict=True):
        logger.setLevel(before)


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """Every span and metric, as an exporter would get them."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("oms")
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("oms"))
    monkeypatch.setattr(measures, "_instruments", measures.instruments(meter))
    return Telemetry(exporter, reader)


@dataclass
class Telemetry:
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self) -> str:
        return "\n".join(span.to_json() for span in self.exporter.get_finished_spans())

    def metrics(self) -> str:
        collected = self.reader.get_metrics_data()
        assert collected is not None
        return str(collected.to_json())


class Flow:
    """The system between peers that remember what they were sent."""

    def __init__(self, stack: ExitStack, kind: Any, database_url: str) -> None:
        self.clock = TestClock()
        platform = create_app(
            ThunderheadOptions(
                authentication=kind,
                client_secret=SECRETS["thunderhead_client_secret"],
                clock=self.clock.seconds,
            )
        )
        platform.middlewares.insert(0, talkative)
        codes = reference_data.create_app(
            reference_data.ReferenceDataOptions(bearer_token=SECRETS["reference_data_token"])
        )
        self.platform: Recording = stack.enter_context(recorded(platform))
        self.codes: Recording = stack.enter_context(recorded(codes))
        broker = stack.enter_context(MockBroker([TOPIC, POLICY_TOPIC]))
        values: dict[str, Any] = {
            "environment": "local",
            "database_url": database_url,
            "reference_data_base_url": self.codes.url,
            "thunderhead_base_url": f"{self.platform.url}/thunderhead/v1",
            "thunderhead_auth": kind,
            "thunderhead_client_id": USERS[kind],
            "thunderhead_token_url": self.platform.url + TOKEN_PATH,
            "kafka_bootstrap_servers": broker.bootstrap_servers,
            "kafka_security": "plaintext",
            "api_auth": "none",
            **SECRETS,
            **PATIENCE,
        }
        self.system: System = compose(Settings(**values), self.clock)
        stack.callback(self.system.close)
        self.caller = TestClient(api(self.system))
        self.told: list[str] = []

    def post(self, number: int, status: int = 202, **changes: Any) -> None:
        body = {
            "sourceSystem": "ARCADE",
            "requestCorrelationId": f"REQ-{number}",
            "documentType": "INVOICE",
            "documentName": "IVZRECPA",
            "language": "EN",
            "metadata": {"INVOICE_ID": METADATA},
            "content": {"InvoiceNumber": CONTENT, "TotalAmount": CONTENT},
        }
        response = self.caller.post(PATH, json=body | changes)
        assert response.status_code == status, response.text
        if status >= 400:
            self.told.append(response.text)

    def refused(self, method: str, path: str, **arguments: Any) -> None:
        response = self.caller.request(method, path, **arguments)
        assert response.status_code >= 400, response.text
        self.told.append(response.text)

    def arm(self, *faults: dict[str, Any]) -> None:
        answer = requests.post(
            f"{self.platform.url}/_simulator/faults", json=list(faults), timeout=5
        )
        assert answer.status_code == 200

    def round(self) -> None:
        for job in (self.system.processing, self.system.monitoring):
            self.told.append(json.dumps(job.run()))
        ready = self.caller.get("/health/ready")
        self.told.append(ready.text)
        self.clock.advance(STEP_SECONDS)


def _use(flow: Flow) -> None:
    flow.post(1)
    flow.post(2, content={"InvoiceNumber": CONTENT})  # its generation fails
    flow.post(1, 409, content={"InvoiceNumber": BODY})
    flow.post(3, 422, language=BODY)
    flow.post(3, 422, metadata={"FAX_NUMBER": BODY})
    flow.post(3, 422, content={"text": f"{BODY}\x00", "more": [BODY + "\x01"]})
    json_ = {"Content-Type": "application/json"}
    flow.refused("POST", PATH, content=f'{{"content": "{BODY}" {BODY}', headers=json_)
    flow.refused("POST", f"{PATH}/batch", content=f'{{"items": "{BODY}"}}', headers=json_)
    for name in ("status", "cursor", "limit", "receivedFrom", "colour", "metadata.A B"):
        flow.refused("GET", f"{PATH}?{name}={BODY}")
    flow.refused("GET", f"{PATH}/summary?receivedTo={BODY}")
    # Every kind of refusal and trouble on the way, then what remains is done.
    for fault in (
        {"kind": "status", "status": 503, "retryAfter": "3"},
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 429},
        {"kind": "exceptions"},
        {"kind": "status", "status": 422},
    ):
        flow.arm({"operation": "submit", "times": 1, **fault})
        flow.round()
    flow.post(4)
    for operation, status in (("poll", 500), ("documents", 403), ("lookup", 502)):
        flow.arm({"operation": operation, "kind": "status", "status": status, "times": 1})
    for _ in range(8):
        flow.round()


@pytest.mark.parametrize("kind", USERS)
def test_secrets_and_personal_data_stay_where_they_belong(
    kind: str, database_url: str, log: io.StringIO, telemetry: Telemetry
) -> None:
    with ExitStack() as stack:
        flow = Flow(stack, kind, database_url)
        _use(flow)
        states = {
            row["status"] for row in rows(flow.system, "SELECT status FROM document_requests")
        }
        kept = {
            name: repr(rows(flow.system, f"SELECT * FROM {name}"))
            for name in tables.metadata.tables
        }
    exchanges = flow.platform.exchanges + flow.codes.exchanges
    tokens = {
        one.request_headers["authorization"]
        for one in exchanges
        if "authorization" in one.request_headers
    }
    # A token, a user with its password, or (last in its header, in quotes) a signature.
    secrets = {"leak-", *(token.replace('"', " ").split()[-1] for token in tokens)}
    targets = [one.target for one in exchanges]

    # The flow did what it is for, so the markers went all the way.
    assert states == {"COMPLETED", "FAILED"}
    assert len(tokens) >= 2
    assert METADATA in kept["outbox"]
    assert VENDOR in kept["document_requests"]

    written = log.getvalue()
    assert "urllib3.connectionpool" in written
    assert "sqlalchemy.engine" in written
    spans, metrics = telemetry.spans(), telemetry.metrics()
    assert all(name in spans for name in ("POST /batches", "INSERT outbox", "send oms-"))
    assert "oms.request.transitions" in metrics
    for name, text in (
        ("log", written),
        ("span", spans),
        ("metric", metrics),
        ("answer", "\n".join(flow.told)),
        ("target", "\n".join(targets)),
        *((name, kept[name]) for name in ("job_runs", "pauses")),
    ):
        found = [marker for marker in (*secrets, *PERSONAL) if marker in text]
        assert not found, f"{name}: {_around(text, found[0])}"
    for name, text in kept.items():
        assert not [secret for secret in secrets if secret in text], name


def _around(text: str, marker: str) -> str:
    at = text.index(marker)
    return text[max(0, at - 300) : at + 100]


def test_errors_of_the_database_show_no_values(database_url: str) -> None:
    engine = create_engine(database_url)
    try:
        with pytest.raises(IntegrityError) as raised, engine.begin() as connection:
            connection.execute(insert(tables.pauses), {"name": CONTENT})
    finally:
        engine.dispose()
    assert "INSERT INTO pauses" in str(raised.value)
    assert CONTENT not in str(raised.value)
