"""The log is ECS, and every field that something uses is one that the code emits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from logstash_pipeline_parser import Pipeline

from local import kibana
from local.alert_rules import RULES
from shared import measures
from tests.observability.emitted import emitted_fields, flat, made_lines, written_lines

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
ECS = json.loads((Path(__file__).parent / "ecs_fields.json").read_text())["fields"]
TEMPLATE = json.loads((ROOT / "observability" / "index-template.json").read_text())
PIPELINE = ROOT / "observability" / "logstash.conf"
ADDED_ON_THE_WAY = {
    "cloud.provider",
    "data_stream.type",
    "data_stream.dataset",
    "data_stream.namespace",
}
OUR_FIELD = re.compile(r"\boms\.[A-Za-z_.]+")
RUNBOOKS = {
    *("not-submitted-in-time", "no-outcome-in-time", "held", "failure-rate", "outbox-growing"),
    *("job-not-run", "reference-data-stale", "thunderhead-paused", "database-near-limit"),
    "event-set-aside",
}


def mapped(properties: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the types of a mapping by the dotted names of its fields."""
    found: dict[str, str] = {}
    for name, field in properties.items():
        if "properties" in field:
            found |= mapped(field["properties"], f"{prefix}{name}.")
        else:
            found[prefix + name] = field["type"]
    return found


MAPPED = mapped(TEMPLATE["template"]["mappings"]["properties"])


def test_every_field_is_one_of_ecs_or_one_of_ours() -> None:
    strange = {field for field in emitted_fields() if not field.startswith("oms.")} - ECS.keys()
    assert not strange


def test_messages_are_constants_and_are_on_the_page() -> None:
    on_the_page = {
        message: set(re.findall(r"`([^`]+)`", fields))
        for message, fields in re.findall(
            r"^\| `([^`]+)` \| (?:info|warning|error) \| (.*) \|$", PAGE, re.MULTILINE
        )
    }
    written = written_lines()
    assert on_the_page.keys() == written.keys() | made_lines().keys()
    for message, fields in written.items():
        assert on_the_page[message] == fields, message


@pytest.mark.parametrize("message", ["job run finished", "figures taken"])
def test_the_fields_of_lines_that_are_put_together_are_on_the_page(message: str) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{message}`")]
    shown = {name for pattern in re.findall(r"`(oms\.[^`]+)`", row) for name in _expanded(pattern)}
    ours = {field for field in flat(made_lines()[message]) if field.startswith("oms.")}
    assert shown == ours


def _expanded(pattern: str) -> list[str]:
    head, brace, rest = pattern.partition("{")
    return [head + name for name in rest.rstrip("}").split(",")] if brace else [pattern]


def test_a_line_has_what_elastic_expects_of_every_line() -> None:
    line = flat(made_lines()["job run finished"])
    assert line.keys() >= {"@timestamp", "message", "log.level", "ecs.version", "service.name"}
    assert (line["trace.id"], line["span.id"]) == (f"{1:032x}", f"{2:016x}")
    assert line["service.environment"] == "test"


def test_the_template_maps_what_is_emitted_with_the_types_of_ecs() -> None:
    assert MAPPED.keys() == emitted_fields() | ADDED_ON_THE_WAY
    for field, type_ in MAPPED.items():
        if not field.startswith("oms."):
            assert type_ == ECS[field], field
    for field, value in flat(made_lines()["figures taken"]).items():
        if field.startswith("oms.") and not isinstance(value, str):
            assert MAPPED[field] in ("long", "double"), field


def test_the_pipeline_can_be_parsed_and_adds_what_the_template_knows() -> None:
    Pipeline.from_file(PIPELINE).parse()
    text = PIPELINE.read_text(encoding="utf-8")
    added = set(re.findall(r'"((?:\[\w+\])+)" => "', text))
    named = {name.strip("[]").replace("][", ".") for name in added}
    # What comes from the host's record is not ours.
    named = {name for name in named if not name.startswith(("records", "@metadata"))}
    assert named <= MAPPED.keys()
    assert named >= ADDED_ON_THE_WAY
    assert '"@timestamp":' in text
    assert json.dumps(made_lines()["job run finished"]).startswith('{"@timestamp":')


def test_the_saved_objects_are_those_of_the_list() -> None:
    lines = kibana.FILE.read_text(encoding="utf-8")
    assert lines == kibana.text(), "run `make docs`"
    parsed = [json.loads(line) for line in lines.splitlines()]
    ids = {(one["type"], one["id"]) for one in parsed}
    assert len(ids) == len(parsed)
    for one in parsed:
        assert {(r["type"], r["id"]) for r in one["references"]} <= ids
    [dashboard] = [one for one in parsed if one["type"] == "dashboard"]
    named = {panel["panelRefName"] for panel in json.loads(dashboard["attributes"]["panelsJSON"])}
    assert named == {r["name"].partition(":")[2] for r in dashboard["references"]}


def test_rules_and_panels_use_fields_that_the_code_emits() -> None:
    known = emitted_fields()
    for rule in RULES:
        used = set(OUR_FIELD.findall(rule.query))
        assert used, rule.page
        assert used <= known, rule.page
    for panel in kibana.PANELS:
        assert set(panel.fields) <= known, panel.title
    assert set(kibana.TROUBLE) <= known


def test_the_limits_are_those_of_the_rules_for_azure_monitor() -> None:
    bicep = (ROOT / "infra" / "modules" / "alerts.bicep").read_text(encoding="utf-8")
    query = re.compile(r"runbook: '([\w-]+)'\n(?:.+\n){4} +query: '.*\$\{newest\} (\d+)'")
    azure = dict(query.findall(bicep))
    elastic = {rule.page: rule.query for rule in RULES}
    assert len(azure) == 7
    for page, limit in azure.items():
        assert elastic[page].endswith(f"> {limit}"), page


def test_every_rule_leads_to_its_page() -> None:
    assert {rule.page for rule in RULES} == RUNBOOKS
    for one in kibana.objects():
        if one["type"] == "alert":
            page = one["attributes"]["name"].removeprefix("OMS: ")
            (action,) = one["attributes"]["actions"]
            assert action["params"]["message"].endswith(f"docs/runbooks/{page}.md")


def test_the_metrics_on_the_page_are_those_of_the_code() -> None:
    rows = [
        f"| `{one.name}` | {one.kind.value} | `{one.unit}` "
        f"| {', '.join(f'`{name}`' for name in one.attributes) or '-'} | {one.description} |"
        for one in measures.CATALOGUE
    ]
    shown = [line for line in PAGE.splitlines() if re.match(r"\| `oms\.[^`]+` \| (c|h|g)", line)]
    assert shown == rows


def test_no_attribute_of_a_metric_is_an_id() -> None:
    for one in measures.CATALOGUE:
        assert not [name for name in one.attributes if name.endswith(("id", "Id"))]
