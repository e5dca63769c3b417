"""An OTLP receiver on loopback: keeps the spans and the metrics that processes send it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status as ProtoStatus

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Span:
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    began: int
    attributes: Attributes
    links: tuple[Link, ...]
    is_error: bool
    resource: Attributes
    texts: str = field(repr=False)
    """The whole of it, for a search."""

    @property
    def as_link(self) -> Link:
        return Link(self.trace_id, self.span_id)


@dataclass(frozen=True, slots=True)
class Point:
    name: str
    unit: str
    description: str
    kind: str
    value: float
    """The sum, where it is a histogram."""
    count: int
    attributes: Attributes


@dataclass(slots=True)
class Receiver:
    url: str
    spans: list[Span] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Return the settings of a process that exports to here."""
        return {"OMS_TELEMETRY": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def take(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            self.spans.extend(
                _span(span, _values(resource.resource.attributes))
                for resource in traces.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
        elif path == "/v1/metrics":
            metrics = ExportMetricsServiceRequest.FromString(body)
            for resource in metrics.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self.points.extend(_points(metric))


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _span(span: ProtoSpan, resource: Attributes) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        ProtoSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.start_time_unix_nano,
        _values(span.attributes),
        tuple(Link(link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        span.status.code == ProtoStatus.STATUS_CODE_ERROR,
        resource,
        str(span),
    )


def _points(metric: Any) -> Iterator[Point]:
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points:
        if kind == "histogram":
            value, count = point.sum, point.count
        else:
            value, count = getattr(point, point.WhichOneof("value")), 1
        yield Point(
            metric.name,
            metric.unit,
            metric.description,
            kind,
            value,
            count,
            _values(point.attributes),
        )


def _values(attributes: Any) -> Attributes:
    return {pair.key: _value(pair.value) for pair in attributes if isinstance(pair, KeyValue)}


def _value(value: AnyValue) -> Any:
    return getattr(value, str(value.WhichOneof("value")))
