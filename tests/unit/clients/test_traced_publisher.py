from __future__ import annotations

from uuid import UUID

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from shared import tracing
from shared.clients.traced_publisher import TracedPublisher
from shared.domain.models import OutboxEvent
from shared.domain.tracing import trace_id_of
from shared.jobs.ports import PublishFailure
from tests.telemetry import recorded
from tests.unit.jobs.fakes import FakePublisher

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENT = OutboxEvent(UUID(int=1), UUID(int=2), 1, "topic", b"{}", TRACEPARENT)


def test_a_message_carries_its_own_span_on(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry, inner = recorded(monkeypatch), FakePublisher()
    with tracing.span("monitoring run"):
        assert TracedPublisher(inner, "kafka").publish([EVENT]) == {EVENT.event_id: None}
    [sent], [run] = telemetry.named("send topic"), telemetry.named("monitoring run")
    assert sent.kind is SpanKind.PRODUCER
    assert sent.context
    assert sent.parent
    assert run.context
    [message] = inner.published
    own = f"00-{trace_id_of(TRACEPARENT)}-{sent.context.span_id:016x}-01"
    assert (message.traceparent, message.payload) == (own, EVENT.payload)
    assert f"{sent.parent.span_id:016x}" == "b7ad6b7169203331"
    assert [link.context.span_id for link in sent.links] == [run.context.span_id]


@pytest.mark.parametrize(("is_final", "kind"), [(True, "refused"), (False, "not_acknowledged")])
def test_a_failure_is_told_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, is_final: bool, kind: str
) -> None:
    telemetry, inner = recorded(monkeypatch), FakePublisher()
    failure = PublishFailure("Jane Doe is too large", is_final)
    inner.failures[EVENT.event_id] = failure
    assert TracedPublisher(inner, "kafka").publish([EVENT]) == {EVENT.event_id: failure}
    [sent] = telemetry.named("send topic")
    assert sent.status.status_code is StatusCode.ERROR
    assert sent.attributes
    assert sent.attributes["error.type"] == kind
    assert "Jane" not in sent.to_json()


def test_without_an_sdk_the_message_carries_the_requests_context() -> None:
    inner = FakePublisher()
    TracedPublisher(inner, "kafka").publish([EVENT])
    assert inner.published == [EVENT]
