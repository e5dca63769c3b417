"""Telemetry from the worker: once, whichever switches are set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.functions.application_insights import Ingestion, ingesting
from tests.functions.peers import Peers
from tests.functions.processes import worker_processes
from tests.functions.worker import Load, LoadFailed, declared_functions
from tests.integration.otlp import receiving

MESSAGE = "job run finished"
each_function = pytest.mark.parametrize("name", [one.name for one in declared_functions()])


def logged_by_a_tick(settings: Mapping[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Let a timer fire once; returns what its host is told, and what the worker said it can."""
    with worker_processes(settings, "MonitoringTimer") as [worker]:
        worker.begin_tick()
        lines = worker.lines()
        loaded = worker.loaded
    return [json.loads(line) for line in lines if MESSAGE in line], loaded


def test_the_workers_own_export_gets_every_log_line_once_and_so_does_the_host(
    peers: Peers,
) -> None:
    with ingesting() as ingestion:
        told, loaded = logged_by_a_tick({**peers.settings, **ingestion.environment()})

    [message] = [one for one in ingestion.of("MessageData") if MESSAGE in one["message"]]
    # The message stays a constant, its fields are apart.
    assert message["message"] == MESSAGE
    assert message["properties"]["oms.job"] == "monitoring"
    # For the host's own log stream it is one line of ECS; Application Insights does not get it
    # from there a second time, as the worker says that it exports by itself.
    [line] = told
    assert line["message"] == MESSAGE
    assert line["oms"]["runId"] == message["properties"]["oms.runId"]
    assert loaded["capabilities"]["WorkerOpenTelemetryEnabled"]
    [its_run] = [
        one for one in ingestion.of("RemoteDependencyData") if one["name"] == "monitoring run"
    ]
    assert its_run["properties"]["oms.run.id"] == line["oms"]["runId"]
    names = {metric["name"] for one in ingestion.of("MetricData") for metric in one["metrics"]}
    assert {"oms.job.run.duration", "oms.request.count"} <= names


def test_without_switches_the_host_alone_is_told(peers: Peers) -> None:
    [line], loaded = logged_by_a_tick(peers.settings)
    assert line["ecs.version"]
    assert line["service"] == {"name": "oms", "environment": "local"}
    assert "WorkerOpenTelemetryEnabled" not in loaded["capabilities"]
    assert not [name for name in loaded["loaded"] if name.startswith("opentelemetry.sdk")]


def test_a_worker_that_does_not_export_by_itself_can_use_otlp(peers: Peers) -> None:
    with receiving() as receiver:
        [line], _ = logged_by_a_tick(
            {**peers.settings, **receiver.environment(), "OTEL_BSP_SCHEDULE_DELAY": "50"}
        )
        sent = {span.attributes.get("oms.run.id") for span in receiver.spans}
    assert line["oms"]["runId"] in sent


@each_function
def test_two_exporters_are_refused(load: Load, peers: Peers, name: str) -> None:
    own = Ingestion("http://127.0.0.1:9").environment()
    with pytest.raises(LoadFailed, match="OMS_TELEMETRY: otlp needs"):
        load(name, {**peers.settings, **own, "OMS_TELEMETRY": "otlp"})


@each_function
def test_azure_monitor_is_the_workers_own_business(load: Load, peers: Peers, name: str) -> None:
    with pytest.raises(LoadFailed, match="PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: must be"):
        load(name, {**peers.settings, "OMS_TELEMETRY": "azure-monitor"})


@each_function
def test_instrumentations_that_show_queries_are_refused(
    load: Load, peers: Peers, name: str
) -> None:
    own = Ingestion("http://127.0.0.1:9").environment()
    del own["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"]
    with pytest.raises(LoadFailed, match="OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: must hold"):
        load(name, {**peers.settings, **own})
