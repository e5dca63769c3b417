"""Where spans and metrics go (OMS_TELEMETRY).

Logs are not among it: they are lines, which whoever runs the process collects. The SDK and the
exporters are imported only where they are used: a cold start without them pays for the API alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, assert_never

from shared.errors import SettingsError
from shared.settings.platform import worker_exports
from shared.settings.telemetry import Telemetry
from shared.telemetry import SERVICE

Stop = Callable[[], None]
"""Sends what is left. The end of the interpreter does it too, but not that by a signal."""


@cache
def start(telemetry: Telemetry, environment: str) -> Stop:
    """Begin to export, once for a process: a worker loads several functions.

    Raises SettingsError.
    """
    match telemetry:
        case Telemetry.NONE:
            return _nothing
        case Telemetry.OTLP:
            return _export(environment, *_otlp())
        case Telemetry.AZURE_MONITOR:
            return _export(environment, *_azure_monitor())
        case unreachable:
            assert_never(unreachable)


def start_in_worker(telemetry: Telemetry, environment: str) -> None:
    """Begin to export from the Functions worker, unless it does so by itself.

    The worker exports to Azure Monitor, and nobody else does from there: everything would arrive
    twice. Raises SettingsError.
    """
    its_own = worker_exports()
    if telemetry is Telemetry.OTLP and its_own:
        raise SettingsError(
            "OMS_TELEMETRY: otlp needs PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY to be off; "
            "the worker has one exporter"
        )
    if telemetry is Telemetry.AZURE_MONITOR and not its_own:
        raise SettingsError(
            "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: must be true for "
            "OMS_TELEMETRY=azure-monitor; the worker exports by itself"
        )
    if telemetry is Telemetry.OTLP:
        start(telemetry, environment)


def _nothing() -> None:
    pass


def _otlp() -> tuple[Any, Any]:
    """Return exporters that OTEL_EXPORTER_OTLP_… configures."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    return OTLPSpanExporter(), OTLPMetricExporter()


def _azure_monitor() -> tuple[Any, Any]:
    """Return exporters that APPLICATIONINSIGHTS_… configures."""
    from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415
        AzureMonitorMetricExporter,
        AzureMonitorTraceExporter,
    )

    try:
        return AzureMonitorTraceExporter(), AzureMonitorMetricExporter()
    except ValueError:
        raise SettingsError(
            "APPLICATIONINSIGHTS_CONNECTION_STRING: required for OMS_TELEMETRY=azure-monitor"
        ) from None


def _export(environment: str, span_exporter: Any, metric_exporter: Any) -> Stop:
    from opentelemetry import metrics, trace  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create(
        {"service.name": SERVICE, "deployment.environment.name": environment}
    )
    spans = TracerProvider(resource=resource)
    spans.add_span_processor(BatchSpanProcessor(span_exporter))
    reader = PeriodicExportingMetricReader(metric_exporter)
    readings = MeterProvider([reader], resource)
    trace.set_tracer_provider(spans)
    metrics.set_meter_provider(readings)

    def stop() -> None:
        spans.shutdown()
        readings.shutdown()

    return stop
