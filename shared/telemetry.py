"""Logs in Elastic Common Schema, one JSON object a line.

Messages are constant; what varies is in fields (docs/observability.md), and no field holds
content, metadata or the vendor's messages.
"""

from __future__ import annotations

import logging
from typing import Any, TextIO

import ecs_logging
from opentelemetry import trace

SERVICE = "oms"


class EcsFormatter(ecs_logging.StdlibFormatter):
    """Writes a record as ECS, with the trace that it belongs to."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            exclude_fields=["process", "log.original"],
            extra={
                "service.name": SERVICE,
                "service.environment": environment,
                "event.dataset": f"{SERVICE}.log",
            },
        )

    def format_to_ecs(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields of a record."""
        fields: dict[str, Any] = super().format_to_ecs(record)
        current = trace.get_current_span().get_span_context()
        if current.is_valid and "trace" not in fields:
            fields["trace"] = {"id": f"{current.trace_id:032x}"}
            fields["span"] = {"id": f"{current.span_id:016x}"}
        return fields


def log_to(stream: TextIO, environment: str = "", level: int = logging.INFO) -> None:
    """Send this process's logs to a stream; for processes without a Functions host."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(EcsFormatter(environment))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    _quieten()


def log_through_worker(environment: str) -> None:
    """Let the Functions worker's own handler write ECS; for functions.

    No handler is added: the worker has one that leads to its host, and a second would report
    everything twice. OpenTelemetry's, where the worker is configured for it, keeps its records as
    they are: it sends the fields apart from the message.
    """
    for handler in logging.getLogger().handlers:
        is_opentelemetrys = type(handler).__module__.startswith("opentelemetry.")
        if handler.formatter is None and not is_opentelemetrys:
            handler.setFormatter(EcsFormatter(environment))
    _quieten()


def _quieten() -> None:
    # One line per HTTP call of a library says nothing that the runs do not say.
    for noisy in ("urllib3", "alembic", "azure.core", "azure.identity", "azure.monitor"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
