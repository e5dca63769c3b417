"""One request, followed by its spans through the real commands to a real OTLP receiver."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from shared import measures
from tests.integration.commands.processes import ROOT, Environment, run, serving, summary_of
from tests.integration.commands.stack import Stack, StackStarter, stack_of
from tests.integration.commands.test_commands import body
from tests.integration.jobs.world import POLICY_TOPIC, TOPIC
from tests.integration.otlp import Link, Receiver, Span, receiving
from tests.integration.reading import read_events
from tests.integration.waiting import wait_for

TRACE_ID, CALLER_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{CALLER_ID}-01"
PAGE = ROOT / "docs" / "observability.md"
MARKER = "MarkedContent"


@dataclass
class Flow:
    """What became visible of one request, from its POST to its event."""

    receiver: Receiver
    request_id: str
    answered: str
    """The traceparent of the answer to the POST."""
    event: dict[str, Any]
    logs: list[dict[str, Any]]
    vendor_id: str

    def span(self, name: str) -> Span:
        [found] = {span.span_id: span for span in self.receiver.spans if span.name == name}.values()
        return found

    def children(self, parent: Span) -> list[Span]:
        found = [span for span in self.receiver.spans if span.parent_id == parent.span_id]
        return sorted(found, key=lambda span: span.began)


@pytest.fixture(scope="module")
def flow(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    """Let the request go its way once, for all tests."""
    database = shutil.copy(migrated_file, tmp_path_factory.mktemp("telemetry") / "oms.db")
    with stack_of(f"sqlite:///{database}") as stack, receiving() as receiver:
        yield _followed(stack, receiver)


def _followed(stack: Stack, receiver: Receiver) -> Flow:
    environment = stack.environment(**receiver.environment())
    request = body(1)
    request["content"]["Document"]["Recipient"] = MARKER
    logs: list[dict[str, Any]] = []

    def command(name: str) -> None:
        finished = run(environment, name)
        summary_of(finished)
        logs.extend(json.loads(line) for line in finished.stderr.splitlines())

    with serving(environment) as api:
        answer = requests.post(
            f"{api}/document-requests",
            json=request,
            headers={"traceparent": TRACEPARENT},
            timeout=10,
        )
        command("process")
        [batch] = stack.ledger()["batches"]
        wait_for(lambda: _has_ended(stack, batch["batchId"]), "the batch")
        command("monitor")
    [event] = read_events(stack.broker.bootstrap_servers, [TOPIC, POLICY_TOPIC], 1)
    return Flow(
        receiver,
        answer.json()["requestId"],
        answer.headers["traceparent"],
        event,
        logs,
        batch["batchId"],
    )


def _has_ended(stack: Stack, batch_id: str) -> bool:
    url = f"{stack.thunderhead.url}/thunderhead/v1/batches/{batch_id}"
    status: str = requests.get(url, timeout=5).json()["status"]
    return status in ("COMPLETED", "FINISHED")


def test_one_trace_leads_from_the_call_to_the_event(flow: Flow) -> None:
    call = flow.span("POST /api/v1/document-requests")
    assert (call.trace_id, call.parent_id, call.kind) == (TRACE_ID, CALLER_ID, "SERVER")
    assert flow.answered == f"00-{TRACE_ID}-{call.span_id}-01"

    steps = [span.name for span in flow.children(call) if "db.system.name" not in span.attributes]
    assert [name for name in steps if not name.startswith("GET ")] == [
        "RECEIVED to PROCESSING",
        "submit",
        "PROCESSING to SUBMITTED",
        "poll",
        "SUBMITTED to COMPLETED",
        f"send {TOPIC}",
    ]
    assert [span.name for span in flow.children(flow.span("submit"))] == ["POST /batches"]
    assert [span.name for span in flow.children(flow.span("poll"))] == [
        "GET /batches/{batchId}",
        "GET /batches/{batchId}/documents",
    ]
    ours = [span for span in flow.receiver.spans if span.trace_id == TRACE_ID]
    assert {span.parent_id for span in ours} <= {CALLER_ID, *(span.span_id for span in ours)}
    # The event was frozen with its status; its message is on its way since it was sent.
    assert flow.event["value"]["traceparent"] == flow.answered
    sent = flow.span(f"send {TOPIC}")
    assert flow.event["headers"]["traceparent"] == f"00-{TRACE_ID}-{sent.span_id}-01"


def test_a_run_has_a_trace_of_its_own_and_both_lead_to_each_other(flow: Flow) -> None:
    call = flow.span("POST /api/v1/document-requests")
    for job, names in (
        ("processing", ["RECEIVED to PROCESSING", "submit", "PROCESSING to SUBMITTED"]),
        ("monitoring", ["poll", "SUBMITTED to COMPLETED", f"send {TOPIC}"]),
    ):
        its_run = flow.span(f"{job} run")
        assert its_run.parent_id == ""
        assert its_run.trace_id != TRACE_ID
        assert its_run.links == (Link(TRACE_ID, call.span_id),)
        for name in names:
            assert flow.span(name).links == (its_run.as_link,), name
        statements = flow.children(its_run)
        assert {span.kind for span in statements} == {"CLIENT"}
        assert "UPDATE batches" in {span.name for span in statements}


def test_spans_are_named_by_the_semantic_conventions(flow: Flow) -> None:
    call = flow.span("POST /api/v1/document-requests").attributes
    assert call == {
        "http.request.method": "POST",
        "http.response.status_code": 202,
        "http.route": "/api/v1/document-requests",
        "url.path": "/api/v1/document-requests",
        "url.scheme": "http",
    }
    poll = flow.span("GET /batches/{batchId}").attributes
    assert poll["url.full"].endswith(f"/thunderhead/v1/batches/{flow.vendor_id}")
    assert poll.keys() == {
        *("http.request.method", "http.response.status_code"),
        *("server.address", "server.port", "url.full", "url.template"),
    }
    statement = flow.span("INSERT request_contents")
    assert statement.kind == "CLIENT"
    assert (
        statement.attributes.items()
        >= {
            "db.operation.name": "INSERT",
            "db.collection.name": "request_contents",
            "db.query.summary": "INSERT request_contents",
        }.items()
    )
    assert statement.attributes["db.system.name"] in ("sqlite", "microsoft.sql_server")
    sent = flow.span(f"send {TOPIC}")
    assert sent.kind == "PRODUCER"
    assert sent.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": TOPIC,
        "messaging.message.id": flow.event["value"]["id"],
        "oms.request.id": flow.request_id,
    }
    submit = flow.span("submit").attributes
    assert submit["oms.request.id"] == flow.request_id
    assert submit["oms.source_system"] == "ARCADE"
    assert submit["oms.batch.id"] == flow.span("poll").attributes["oms.batch.id"]
    assert flow.span("submit").resource["service.name"] == "oms"


def test_metrics_are_those_of_the_catalogue(flow: Flow) -> None:
    catalogue = {measure.name: measure for measure in measures.CATALOGUE}
    points = [point for point in flow.receiver.points if point.name.startswith("oms.")]
    for point in points:
        measure = catalogue[point.name]
        assert (point.unit, point.description) == (measure.unit, measure.description)
        assert set(point.attributes) <= set(measure.attributes), point
    # What has not happened here: an outage, and a database with a limit.
    assert catalogue.keys() - {point.name for point in points} == {
        "oms.reference_data.stale.age",
        "oms.database.utilization",
    }
    entered = {
        point.attributes["oms.request.status"]: point.value
        for point in points
        if point.name == "oms.request.transitions"
    }
    assert entered == dict.fromkeys(("RECEIVED", "PROCESSING", "SUBMITTED", "COMPLETED"), 1)
    [polls] = [point for point in points if point.name == "oms.batch.polls"]
    assert (polls.value, polls.count) == (1, 1)


def test_nothing_that_is_sent_holds_what_the_request_holds(flow: Flow) -> None:
    assert len(flow.receiver.bodies) >= 6
    for sent in flow.receiver.bodies:
        assert MARKER.encode() not in sent
        assert b"documentName=" not in sent
        assert b"INSERT INTO" not in sent


def test_the_lines_of_a_run_name_its_trace(flow: Flow) -> None:
    for job in ("processing", "monitoring"):
        [line] = [line for line in flow.logs if line["oms"].get("job") == job]
        its_run = flow.span(f"{job} run")
        assert line["trace"]["id"] == its_run.trace_id
        assert line["span"]["id"] == its_run.span_id
        assert line["oms"]["runId"] == its_run.attributes["oms.run.id"]


def test_the_page_shows_this_trace(flow: Flow) -> None:
    names = ("POST /api/v1/document-requests", "processing run", "monitoring run")
    drawn = "\n".join(line for name in names for line in _drawn(flow, flow.span(name)))
    [shown] = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert drawn == shown.strip(), f"\n{drawn}"


def _drawn(flow: Flow, span: Span) -> Iterator[str]:
    """Draw a span and what is below it; of a run, not its statements."""
    links = f"  → {_names(flow, span.links)}" if span.links else ""
    yield f"{span.name}  [{span.kind}]{links}"
    below = flow.children(span)
    if span.name.endswith(" run"):
        below = [child for child in below if "db.system.name" not in child.attributes]
    children = _without_repetition(below)
    for child in children:
        is_last = child is children[-1]
        first, *others = _drawn(flow, child)
        yield f"{'└─' if is_last else '├─'} {first}"
        yield from (f"{'  ' if is_last else '│ '} {line}" for line in others)


def _without_repetition(spans: Sequence[Span]) -> list[Span]:
    return [
        span for index, span in enumerate(spans) if index == 0 or spans[index - 1].name != span.name
    ]


def _names(flow: Flow, links: Sequence[Link]) -> str:
    names = {span.as_link: span.name for span in flow.receiver.spans}
    return ", ".join(names[link] for link in links)


def test_a_receiver_that_is_out_costs_a_run_nothing_but_time(start: StackStarter) -> None:
    environment = start().environment(
        OMS_TELEMETRY="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )
    assert summary_of(run(environment, "process"))["claimed"] == 0


def test_azure_monitor_needs_its_connection_string(environment: Environment) -> None:
    environment |= {"OMS_TELEMETRY": "azure-monitor", "APPLICATIONINSIGHTS_CONNECTION_STRING": ""}
    finished = run(environment, "process")
    assert finished.returncode == 2
    assert finished.stderr.splitlines()[-1].startswith("APPLICATIONINSIGHTS_CONNECTION_STRING: ")


def test_without_telemetry_no_sdk_is_loaded(environment: Environment, tmp_path: Path) -> None:
    environment["PYTHONPROFILEIMPORTTIME"] = "1"
    finished = run(environment, "process")
    assert finished.returncode == 0
    assert "opentelemetry.trace" in finished.stderr
    assert "opentelemetry.sdk" not in finished.stderr
    assert "opentelemetry.exporter" not in finished.stderr
