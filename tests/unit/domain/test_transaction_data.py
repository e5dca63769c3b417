from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lxml import etree

from shared.domain import strict_json
from shared.domain.content_rules import content_violations
from shared.domain.strict_json import Number
from shared.domain.transaction_data import JSON, XML, render
from tests.unit.domain.builders import a_request, nested, plain, trees

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
Element = tuple[str, bool, str, list[Any]]
"""Name, whether it is nil, text, children."""

xml_names = st.sampled_from(["a", "b", "Line", "_x", "a-1.b", "é", "日本", "xml"])
xml_texts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\t\n\r<>&\"' ]"), max_size=12
)


def expected(name: str, value: Any) -> Iterator[Element]:
    """The elements of a key, after the words of the contract."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, list):  # an array in an array repeats its element inside it
                yield name, False, "", list(expected(name, item))
            else:
                yield from expected(name, item)
    elif isinstance(value, dict):
        yield name, False, "", [e for key in value for e in expected(key, value[key])]
    elif value is None:
        yield name, True, "", []
    elif isinstance(value, bool):
        yield name, False, "true" if value else "false", []
    else:
        yield name, False, value.text if isinstance(value, Number) else value, []


def actual(element: Any) -> Element:
    assert set(element.keys()) <= {NIL}
    children = [actual(child) for child in element]
    return element.tag, element.get(NIL) == "true", element.text or "", children


def rendered_content(content: dict[str, Any]) -> Any:
    return etree.fromstring(render(a_request(), content, XML)).find("content")


# --- XML ------------------------------------------------------------------------------------


def test_the_fields_come_first_then_the_metadata_then_the_content() -> None:
    data = render(a_request(), {"Document": {"total": Number("12.50")}}, XML)
    root = ET.fromstring(data)
    assert root.tag == "transaction"
    fields = {child.tag: child.text for child in root[:-2]}
    assert (
        fields.items()
        >= {
            "sourceSystem": "ARCADE",
            "requestCorrelationId": "REQ-0001-9749",
            "documentType": "INVOICE",
            "documentName": "IVZRECPA",
            "language": "EN",
            "priority": "NORMAL",
        }.items()
    )
    assert [child.tag for child in root[-2:]] == ["metadata", "content"]
    assert {child.tag: child.text for child in root[-2]} == {"POLICY_ID": "14545", "FOOTER_ID": "2"}
    assert data.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


@pytest.mark.parametrize(
    ("content", "xml"),
    [
        ('{"a":"x"}', "<a>x</a>"),
        ('{"a":{"b":"x","c":"y"}}', "<a><b>x</b><c>y</c></a>"),
        ('{"b":"1","a":"2"}', "<b>1</b><a>2</a>"),
        ('{"a":["x","y"]}', "<a>x</a><a>y</a>"),
        ('{"a":[{"b":"x"},{"b":"y"}]}', "<a><b>x</b></a><a><b>y</b></a>"),
        ('{"a":[["x","y"],["z"]]}', "<a><a>x</a><a>y</a></a><a><a>z</a></a>"),
        ('{"a":[]}', ""),
        ('{"a":{}}', "<a/>"),
        ('{"a":""}', "<a></a>"),
        ('{"a":null}', '<a xsi:nil="true"/>'),
        ('{"a":[null,"x"]}', '<a xsi:nil="true"/><a>x</a>'),
        ('{"a":true,"b":false}', "<a>true</a><b>false</b>"),
        ('{"a":1.10}', "<a>1.10</a>"),
        ('{"a":1E400}', "<a>1E400</a>"),
        ('{"a":-0}', "<a>-0</a>"),
        ('{"a":123456789012345678901234567890}', "<a>123456789012345678901234567890</a>"),
        ('{"a":"<&>\\"\'"}', "<a>&lt;&amp;&gt;\"'</a>"),
        ('{"a":"]]>"}', "<a>]]&gt;</a>"),
        ('{"a":" x\\n\\t "}', "<a> x\n\t </a>"),
        ('{"a":"x\\r\\ny"}', "<a>x&#13;\ny</a>"),
        ('{"a":"\\ud83d\\ude00é"}', "<a>😀é</a>"),
        ("{}", ""),
    ],
)
def test_content_as_xml(content: str, xml: str) -> None:
    tree = strict_json.loads(content.encode())
    wanted = f'<content xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{xml}</content>'
    assert actual(rendered_content(tree)) == actual(etree.fromstring(wanted.encode()))


@given(trees(xml_texts, xml_names) | trees(xml_texts))
def test_whatever_the_content_rules_accept_parses_back_to_the_same(content: dict[str, Any]) -> None:
    assume(not content_violations(content))
    [wanted] = expected("content", content)
    assert actual(rendered_content(content)) == wanted


@given(trees(xml_texts, st.sampled_from(["a", "B_1", "c-d.e"])))
def test_a_second_parser_reads_the_same(content: dict[str, Any]) -> None:
    assume(not content_violations(content))
    data = render(a_request(), content, XML)
    assert actual(ET.fromstring(data)) == actual(etree.fromstring(data))


def test_the_deepest_content_can_be_written_and_read() -> None:
    for data_type in (XML, JSON):
        assert render(a_request(), nested(64), data_type).count(b"a") >= 64
    assert rendered_content(nested(64)).xpath("count(.//a)") == 64


@pytest.mark.parametrize("data_type", [XML, JSON])
def test_the_same_request_gives_the_same_bytes(data_type: str) -> None:
    content = strict_json.loads(b'{"b":1.10,"a":[null,{"x":"y"}]}')
    first = a_request(metadata={"A": "1", "B": "2"})
    again = a_request(metadata={"B": "2", "A": "1"})  # as a database may return it
    assert render(first, content, data_type) == render(again, content, data_type)


# --- JSON -----------------------------------------------------------------------------------


@given(trees())
def test_json_carries_the_content_as_it_was_sent(content: dict[str, Any]) -> None:
    data = render(a_request(), content, JSON)
    members = dict(plain(data.decode("utf-8"))[1])
    assert members["content"] == plain(strict_json.dumps(content))


@pytest.mark.parametrize("data_type", [JSON, XML])
def test_what_cannot_be_rendered_is_a_value_error(data_type: str) -> None:
    """By which a run leaves such a request out, and goes on with the others."""
    with pytest.raises(ValueError, match=r"."):
        render(a_request(), {"a": "\ud800"}, data_type)


def test_json_is_the_same_object_as_the_xml() -> None:
    tree = strict_json.loads('{"Document":{"total":1.10,"note":"é"}}'.encode())
    data = render(a_request(), tree, JSON)
    as_json = json.loads(data)
    root = etree.fromstring(render(a_request(), tree, XML))
    assert [child.tag for child in root] == list(as_json)
    for name in as_json.keys() - {"metadata", "content"}:
        assert root.findtext(name) == as_json[name]
    assert as_json["metadata"] == {child.tag: child.text for child in root.find("metadata")}
    assert "é".encode() in data
    assert b"1.10" in data
