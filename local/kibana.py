"""Kibana's saved objects, made from this list: `python -m local.kibana` writes observability/.

An NDJSON of Kibana's cannot be read, let alone reviewed; this can. A test holds the file to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.alert_rules import LOGS, RULES, Rule

ROOT = Path(__file__).parent.parent
FILE = ROOT / "observability" / "kibana.ndjson"

DATA_VIEW = "oms-logs"
CONNECTOR = "oms-server-log"
DASHBOARD = "oms-overview"


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart over time: one line or bar for each field."""

    title: str
    fields: tuple[str, ...]
    operation: str = "max"
    shape: str = "line"


PANELS = (
    Panel(
        "Open requests",
        tuple(f"oms.requests.{s}" for s in ("RECEIVED", "PROCESSING", "SUBMITTED", "HELD")),
    ),
    Panel(
        "Age of the oldest, seconds",
        tuple(f"oms.oldestSeconds.{s}" for s in ("RECEIVED", "PROCESSING", "SUBMITTED", "HELD")),
    ),
    Panel("Documents", ("oms.completed", "oms.failed", "oms.held"), "sum", "bar_stacked"),
    Panel("Submitted, given back, lost", ("oms.submitted", "oms.retried", "oms.lost"), "sum"),
    Panel("Events in the outbox", ("oms.outbox.PENDING", "oms.outbox.SET_ASIDE")),
    Panel("Events published", ("oms.published",), "sum", "bar_stacked"),
    Panel(
        "Pauses, seconds",
        tuple(f"oms.pausedSeconds.{s}" for s in ("thunderhead", "referenceData", "events")),
    ),
    Panel("Longest run, seconds", ("oms.seconds",)),
)

TROUBLE = ("log.level", "message", "event.reason", "oms.requestId", "oms.batchId", "trace.id")
"""Columns of the list of warnings and errors."""


def objects() -> Iterator[dict[str, Any]]:
    """Return the saved objects, those first that others refer to."""
    yield _object(
        "index-pattern",
        DATA_VIEW,
        {"name": "OMS logs", "title": LOGS, "timeFieldName": "@timestamp"},
    )
    yield _object(
        "action",
        CONNECTOR,
        {"name": "OMS alerts", "actionTypeId": ".server-log", "config": {}, "secrets": {}},
    )
    for panel in PANELS:
        yield _chart(panel)
    yield _trouble()
    yield _dashboard()
    for rule in RULES:
        yield _alert(rule)


def text() -> str:
    """Return the file: an object a line."""
    return "".join(json.dumps(one, sort_keys=True) + "\n" for one in objects())


def _object(
    kind: str, name: str, attributes: dict[str, Any], *references: tuple[str, str, str]
) -> dict[str, Any]:
    return {
        "type": kind,
        "id": name,
        "attributes": attributes,
        "references": [
            {"name": role, "type": other, "id": target} for role, other, target in references
        ],
    }


def _alert(rule: Rule) -> dict[str, Any]:
    page = f"docs/runbooks/{rule.page}.md"
    return _object(
        "alert",
        str(uuid5(NAMESPACE_URL, f"urn:oms:alert:{rule.page}")),
        {
            "name": f"OMS: {rule.page}",
            "tags": ["oms", f"runbook:{page}"],
            "alertTypeId": ".es-query",
            "consumer": "stackAlerts",
            "enabled": False,
            "schedule": {"interval": "5m"},
            "params": {
                "searchType": "esqlQuery",
                "esqlQuery": {"esql": f"FROM {LOGS} | {rule.query}"},
                "timeField": "@timestamp",
                "timeWindowSize": rule.minutes,
                "timeWindowUnit": "m",
                "size": 1,
                "threshold": [0],
                "thresholdComparator": ">",
                "aggType": "count",
                "groupBy": "all",
                "excludeHitsFromPreviousRun": False,
            },
            "actions": [
                {
                    "actionRef": "action_0",
                    "actionTypeId": ".server-log",
                    "group": "query matched",
                    "uuid": str(uuid5(NAMESPACE_URL, f"urn:oms:action:{rule.page}")),
                    "params": {"level": "error", "message": f"{rule.says}. What to do: {page}"},
                    "frequency": {
                        "summary": False,
                        "notifyWhen": "onActionGroupChange",
                        "throttle": None,
                    },
                }
            ],
            "mutedInstanceIds": [],
            "muteAll": False,
            "throttle": None,
            "notifyWhen": None,
        },
        ("action_0", "action", CONNECTOR),
    )


def _chart(panel: Panel) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "time": {
            "label": "@timestamp",
            "dataType": "date",
            "operationType": "date_histogram",
            "sourceField": "@timestamp",
            "isBucketed": True,
            "scale": "interval",
            "params": {"interval": "auto"},
        }
    }
    for number, field in enumerate(panel.fields):
        columns[f"value{number}"] = {
            "label": field.removeprefix("oms."),
            "customLabel": True,
            "dataType": "number",
            "operationType": panel.operation,
            "sourceField": field,
            "isBucketed": False,
            "scale": "ratio",
        }
    layer = {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}}
    return _object(
        "lens",
        _id_of(panel),
        {
            "title": f"OMS: {panel.title}",
            "visualizationType": "lnsXY",
            "state": {
                "datasourceStates": {"formBased": {"layers": {"layer": layer}}},
                "visualization": {
                    "preferredSeriesType": panel.shape,
                    "legend": {"isVisible": True, "position": "bottom"},
                    "layers": [
                        {
                            "layerId": "layer",
                            "layerType": "data",
                            "seriesType": panel.shape,
                            "xAccessor": "time",
                            "accessors": [name for name in columns if name != "time"],
                        }
                    ],
                },
                "query": {"language": "kuery", "query": ""},
                "filters": [],
            },
        },
        ("indexpattern-datasource-layer-layer", "index-pattern", DATA_VIEW),
    )


def _trouble() -> dict[str, Any]:
    source = {
        "query": {"language": "kuery", "query": "log.level : (warning or error or critical)"},
        "filter": [],
        "indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index",
    }
    return _object(
        "search",
        "oms-trouble",
        {
            "title": "OMS: warnings and errors",
            "columns": list(TROUBLE),
            "sort": [["@timestamp", "desc"]],
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
        },
        ("kibanaSavedObjectMeta.searchSourceJSON.index", "index-pattern", DATA_VIEW),
    )


def _dashboard() -> dict[str, Any]:
    members = [("lens", _id_of(panel)) for panel in PANELS] + [("search", "oms-trouble")]
    panels = []
    for index, (kind, _) in enumerate(members):
        is_wide = kind == "search"
        panels.append(
            {
                "type": kind,
                "panelIndex": str(index),
                "panelRefName": f"panel_{index}",
                "embeddableConfig": {},
                "gridData": {
                    "i": str(index),
                    "x": 0 if is_wide else 24 * (index % 2),
                    "y": 12 * (index // 2),
                    "w": 48 if is_wide else 24,
                    "h": 12,
                },
            }
        )
    return _object(
        "dashboard",
        DASHBOARD,
        {
            "title": "OMS: overview",
            "timeRestore": True,
            "timeFrom": "now-24h",
            "timeTo": "now",
            "panelsJSON": json.dumps(panels),
            "optionsJSON": json.dumps({"useMargins": True}),
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": json.dumps(
                    {"query": {"language": "kuery", "query": ""}, "filter": []}
                )
            },
        },
        *((f"{index}:panel_{index}", kind, name) for index, (kind, name) in enumerate(members)),
    )


def _id_of(panel: Panel) -> str:
    return "oms-" + panel.title.lower().replace(",", "").replace(" ", "-")


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
