"""Where spans and metrics go."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from shared.settings.environment import Environment


class Telemetry(StrEnum):
    """Where spans and metrics go."""

    NONE = "none"
    OTLP = "otlp"
    AZURE_MONITOR = "azure-monitor"


class TelemetrySettings(Environment):
    """Exporters."""

    telemetry: Telemetry = Field(
        Telemetry.NONE,
        description="Where spans and metrics go: `none`, `otlp` (an OTLP receiver, by "
        "`OTEL_EXPORTER_OTLP_…`) or `azure-monitor` (by `APPLICATIONINSIGHTS_CONNECTION_STRING`; "
        "in the Functions worker, which exports by itself, see observability.md).",
    )
