"""Spans and metrics as an exporter would get them, within the test's own process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from shared import measures, tracing


@dataclass
class Telemetry:
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans() if span.name == name]

    def all_of_spans(self) -> str:
        return "\n".join(span.to_json() for span in self.spans())

    def all_of_metrics(self) -> str:
        collected = self.reader.get_metrics_data()
        return collected.to_json() if collected else ""

    def points(self, name: str) -> list[Any]:
        """Return the data points of a metric since the last look at any."""
        collected = self.reader.get_metrics_data()
        return [
            point
            for resource in (collected.resource_metrics if collected else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


def recorded(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """Record what this test makes; the process's own providers stay as they are."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider(sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("oms")
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("oms"))
    monkeypatch.setattr(measures, "_instruments", measures.instruments(meter))
    return Telemetry(exporter, reader)
