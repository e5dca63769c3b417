from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode

from shared import tracing
from shared.domain.models import DocumentRequest, Failure
from shared.domain.statuses import FailureCategory, RequestStatus
from shared.domain.tracing import trace_id_of
from tests.telemetry import Telemetry, recorded
from tests.unit.domain.builders import a_request

BATCH = UUID(int=7)


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    return recorded(monkeypatch)


def traceparent(number: int, flags: str = "01") -> str:
    return f"00-{number:032x}-{number:016x}-{flags}"


def requests(count: int) -> list[DocumentRequest]:
    return [
        a_request(request_id=UUID(int=number), traceparent=traceparent(number))
        for number in range(1, count + 1)
    ]


def trace_of(span: ReadableSpan) -> int:
    assert span.context
    return span.context.trace_id


def links_of(span: ReadableSpan) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


def own(span: ReadableSpan) -> tuple[int, int]:
    assert span.context
    return span.context.trace_id, span.context.span_id


def test_shared_work_is_in_the_trace_of_each_request(telemetry: Telemetry) -> None:
    with (
        tracing.span("run"),
        tracing.of_requests("submit", requests(3), BATCH),
        tracing.span("POST /batches", SpanKind.CLIENT, parent=traceparent(1)),
    ):
        pass
    [run], spans, [call] = (telemetry.named(name) for name in ("run", "submit", "POST /batches"))
    by_trace = {trace_of(span): span for span in spans}
    assert by_trace.keys() == {1, 2, 3}
    first = by_trace[1]
    assert (trace_of(call), call.parent and call.parent.span_id) == own(first)
    assert links_of(first) == [own(run)]
    for number in (2, 3):
        assert links_of(by_trace[number]) == [own(run), own(first)]
        assert by_trace[number].attributes == {
            "oms.request.id": str(UUID(int=number)),
            "oms.source_system": "ARCADE",
            "oms.batch.id": str(BATCH),
        }


def test_each_trace_decides_for_itself_whether_it_is_sampled(telemetry: Telemetry) -> None:
    one, two = requests(2)
    not_sampled = replace(one, traceparent=traceparent(1, "00"))
    with tracing.of_requests("submit", [not_sampled, two], BATCH):
        pass
    assert [trace_of(span) for span in telemetry.named("submit")] == [2]


def test_a_change_of_status_is_a_span_with_its_category(telemetry: Telemetry) -> None:
    failure = Failure(FailureCategory.GENERATION, "CODE", "Jane Doe has no address")
    [one] = requests(1)
    failed = replace(one, status=RequestStatus.FAILED, failure=failure, generation=2)
    tracing.note_transitions([failed], RequestStatus.SUBMITTED, tracing.now_ns())
    [span] = telemetry.named("SUBMITTED to FAILED")
    assert span.attributes
    assert span.attributes["oms.failure.category"] == "GENERATION"
    assert span.attributes["oms.request.generation"] == 2
    assert "Jane" not in span.to_json()


def test_an_exception_is_told_by_its_kind_alone(telemetry: Telemetry) -> None:
    with pytest.raises(KeyError), tracing.span("work"):
        raise KeyError("Jane Doe")
    [span] = telemetry.named("work")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes == {"error.type": "KeyError"}
    assert "Jane" not in span.to_json()


def test_a_run_links_to_its_requests(telemetry: Telemetry) -> None:
    with tracing.span("run"):
        tracing.link_to(traceparent(number) for number in (1, 2))
    [run] = telemetry.named("run")
    assert links_of(run) == [(1, 1), (2, 2)]


def test_a_span_in_another_trace_links_to_where_it_was_made(telemetry: Telemetry) -> None:
    with tracing.span("run"), tracing.span("poll", parent=traceparent(5)):
        pass
    [run], [poll] = telemetry.named("run"), telemetry.named("poll")
    assert trace_of(poll) == 5
    assert links_of(poll) == [own(run)]


@pytest.mark.parametrize("parent", [None, traceparent(3)])
def test_without_an_sdk_there_is_no_span_of_ours(parent: str | None) -> None:
    with tracing.span("call", parent=parent) as span:
        assert tracing.traceparent_of(span, parent) is None
        assert not tracing.is_recording()
    assert tracing.traceparent_of(INVALID_SPAN, parent) is None


def test_a_span_names_itself_to_others(telemetry: Telemetry) -> None:
    with tracing.span("call", parent=traceparent(3)) as span:
        named = tracing.traceparent_of(span, traceparent(3))
        assert named == tracing.current_traceparent()
    assert named
    assert trace_id_of(named) == f"{3:032x}"
    assert named != traceparent(3)


def test_without_an_sdk_nothing_fails() -> None:
    some: Sequence[DocumentRequest] = requests(2)
    with tracing.of_requests("submit", some, uuid4()):
        tracing.link_to(iter([traceparent(1)]))
    tracing.note_transitions(some, RequestStatus.RECEIVED, tracing.now_ns())
