from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.instrumentation.logging.handler import LoggingHandler

from shared import tracing
from shared.telemetry import EcsFormatter, log_through_worker
from tests.telemetry import recorded


class Channel(logging.StreamHandler[io.StringIO]):
    """The worker's own handler: it has no formatter."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())


@contextmanager
def root_with(*handlers: logging.Handler) -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = handlers
    root.setLevel(logging.INFO)
    try:
        yield
        assert root.handlers == list(handlers), "a handler was added"
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def test_the_workers_handler_writes_ecs_and_none_is_added() -> None:
    channel = Channel()
    with root_with(channel):
        log_through_worker("test")
        log_through_worker("test")
        logging.getLogger("shared.x").info("constant", extra={"oms.runId": "1"})
    line = json.loads(channel.stream.getvalue())
    assert (line["message"], line["oms"], line["service"]["environment"]) == (
        "constant",
        {"runId": "1"},
        "test",
    )
    assert "trace" not in line


def test_handlers_that_know_what_to_write_are_left_alone() -> None:
    channel, own, exporting = Channel(), logging.Formatter("%(message)s"), LoggingHandler()
    channel.setFormatter(own)
    with root_with(channel, exporting):
        log_through_worker("test")
    assert channel.formatter is own
    assert exporting.formatter is None


def test_a_line_within_a_span_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = recorded(monkeypatch)
    record = logging.makeLogRecord({"msg": "constant"})
    with tracing.span("work"):
        line = json.loads(EcsFormatter("test").format(record))
    [span] = telemetry.named("work")
    assert span.context
    assert line["trace"]["id"] == f"{span.context.trace_id:032x}"
    assert line["span"]["id"] == f"{span.context.span_id:016x}"


def test_a_trace_that_is_named_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(monkeypatch)
    record = logging.makeLogRecord({"msg": "constant", "trace.id": "the caller's"})
    with tracing.span("work"):
        line = json.loads(EcsFormatter("test").format(record))
    assert line["trace"] == {"id": "the caller's"}
    assert "span" not in line
