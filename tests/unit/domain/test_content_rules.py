from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from shared.domain import batching, content_rules, strict_json, transaction_data
from shared.domain.content_rules import (
    MAX_VIOLATIONS,
    Violation,
    content_violations,
    is_xml_name,
    text_violation,
)
from shared.domain.strict_json import Number
from tests.unit.domain.builders import a_request, nested, trees


def violations_of(text: str | bytes) -> list[tuple[str, str]]:
    tree = strict_json.loads(text.encode() if isinstance(text, str) else text)
    return [(violation.field, violation.message) for violation in content_violations(tree)]


# --- characters -----------------------------------------------------------------------------


def is_xml_character(character: str) -> bool:
    """XML 1.0 (Fifth Edition), production 2, word by word."""
    code = ord(character)
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or 0x10000 <= code <= 0x10FFFF
    )


borders = [0x0, 0x8, 0x9, 0xA, 0xB, 0xC, 0xD, 0xE, 0x1F, 0x20, 0x7F, 0x80, 0x9F, 0xA0]
borders += [0xD7FF, 0xD800, 0xDFFF, 0xE000, 0xFDD0, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF]


@pytest.mark.parametrize("code", borders, ids=hex)
def test_a_text_may_hold_what_xml_may_hold(code: int) -> None:
    problem = text_violation(f"ab{chr(code)}")
    assert (problem is None) == is_xml_character(chr(code))
    if problem:
        assert f"(U+{code:04X}) at position 2" in problem


@given(st.text(st.characters(), max_size=20))
@example("\ud83d")
def test_a_text_is_refused_for_its_first_wrong_character(text: str) -> None:
    wrong = [index for index, character in enumerate(text) if not is_xml_character(character)]
    problem = text_violation(text)
    if wrong:
        assert problem is not None
        assert problem.endswith(f"at position {wrong[0]}")
    else:
        assert problem is None


def test_a_lone_surrogate_is_called_by_its_name() -> None:
    assert text_violation("\udc00") == "contains a lone surrogate (U+DC00) at position 0"


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a", "A1", "_", "_1", "a-b", "a.b", "Straße", "日本", "é", "xml", "a\u0301", "😀"]
)
def test_these_can_name_an_element(name: str) -> None:
    assert is_xml_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "1",
        "1a",
        "-a",
        ".a",
        "a b",
        " a",
        "a ",
        "a\n",
        "a\t",
        "a:b",
        ":",
        "{a}b",
        "{}b",
        "{a",
        "a}",
        "a<b",
        "a>",
        "a/",
        "a&b",
        'a"b',
        "a=b",
        "a\x00",
        "\x00",
        "\ud800",
        "a\ud800",
        "\u0301a",
        "\u00d7",
        "#text",
        "@id",
        "$ref",
        "!--",
    ],
)
def test_these_cannot(name: str) -> None:
    assert not is_xml_name(name)


def parsed_name(key: str) -> str | None:
    try:
        return str(etree.fromstring(f"<{key}/>".encode()).tag)
    except (etree.XMLSyntaxError, UnicodeEncodeError):
        return None


@given(st.text(st.characters(), max_size=4) | st.text("aA1_-.:{}<>/ é\u0301\n", max_size=4))
def test_a_name_is_what_a_parser_reads_as_one(key: str) -> None:
    assert is_xml_name(key) == (parsed_name(key) == key and ":" not in key)


@given(st.text("abAB01_-.: {}</\n\r\t\x00", max_size=4))
def test_a_second_parser_agrees_on_ascii_names(key: str) -> None:
    try:
        tag = ET.fromstring(f"<{key}/>").tag
    except (ET.ParseError, ValueError):
        tag = None
    assert is_xml_name(key) == (tag == key)


# --- depth ----------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["x", Number("1"), None, True])
def test_sixty_four_levels_are_accepted(inner: Any) -> None:
    assert content_violations(nested(64, inner)) == []


@pytest.mark.parametrize("inner", [{}, [], {"a": "x"}, [[]]])
def test_the_sixty_fifth_level_is_refused(inner: Any) -> None:
    refused = [Violation("content", "nested deeper than 64 levels")]
    assert content_violations(nested(64, inner)) == refused


def test_arrays_are_levels_too() -> None:
    def arrays(levels: int) -> dict[str, Any]:
        value: Any = "x"
        for _ in range(levels):
            value = [value]
        return {"a": value}

    assert content_violations(arrays(63)) == []
    assert content_violations(arrays(64)) != []


def test_a_depth_that_could_be_parsed_but_not_written_is_refused() -> None:
    assert content_violations(nested(100_000))[0].message == "nested deeper than 64 levels"


# --- paths ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ('{"a":"\\u0000"}', "content.a", "U+0000"),
        ('{"a":{"b":"x\\u0008"}}', "content.a.b", "position 1"),
        ('{"lines":[{"t":"a"},{"t":"\\ud800"}]}', "content.lines[1].t", "lone surrogate"),
        ('{"a":[["ok","\\uffff"]]}', "content.a[0][1]", "U+FFFF"),
        ('{"a":{"1st":1}}', "content.a.1st", "cannot name an XML element"),
        ('{"lines":[1,{"a b":1}]}', "content.lines[1].a b", "cannot name an XML element"),
        ('{"":1}', "content.", "cannot name an XML element"),
        ('{"a":{"b":1,"b":2}}', "content.a.b", "occurs more than once"),
        ('{"b":1,"b":2}', "content.b", "occurs more than once"),
        ('{"a":[{"b":1,"c":[{"x":1,"x":1}]}]}', "content.a[0].c[0].x", "more than once"),
    ],
)
def test_a_violation_names_its_place(text: str, path: str, message: str) -> None:
    [(field, found)] = violations_of(text)
    assert field == path
    assert message in found


def test_the_path_begins_where_it_is_told_to() -> None:
    [violation] = content_violations({"a": "\x00"}, "items[3].content")
    assert violation.field == "items[3].content.a"


def test_each_violation_is_listed() -> None:
    found = violations_of('{"a":"\\u0000","b":{"c d":1,"e":"\\u0001"},"f":1,"f":2}')
    assert {field for field, _ in found} == {
        "content.a",
        "content.b.c d",
        "content.b.e",
        "content.f",
    }


def test_a_path_can_be_printed_whatever_the_keys_are() -> None:
    [(field, _)] = violations_of(b'{"a\\u0000\\ud800b":1}')
    assert field == "content.a\ufffd\ufffdb"
    field.encode()


def test_a_long_path_is_cut() -> None:
    [(field, _)] = violations_of('{"' + "k" * 5000 + ' ":1}')
    assert field.startswith("content.kkk")
    assert len(field) <= 201


@given(st.dictionaries(st.text(st.characters(), max_size=5), st.text(st.characters()), max_size=4))
def test_every_path_can_be_printed(content: dict[str, str]) -> None:
    for violation in content_violations(content):
        assert all(map(is_xml_character, violation.field + violation.message))


def test_no_value_is_repeated_in_a_message() -> None:
    [(_, message)] = violations_of('{"name":"Somebody\\u0000"}')
    assert "Somebody" not in message


@pytest.mark.parametrize(
    "content",
    [
        {f"{number} ": "x" for number in range(200)},
        {"a": ["\x00"] * 200},
        {"a": [{"b c": 1}] * 200},
    ],
)
def test_only_so_many_are_listed(content: dict[str, Any]) -> None:
    assert len(content_violations(content)) == MAX_VIOLATIONS


def test_what_is_not_listed_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    monkeypatch.setattr(content_rules, "text_violation", lambda text: texts.append(text) or "bad")
    content_violations({"a": ["x"] * 200})
    assert len(texts) == MAX_VIOLATIONS


def test_the_path_of_an_object_with_many_bad_keys_is_made_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key may be as long as a body: its path for each of many would take minutes."""
    paths: list[str] = []
    made = strict_json.Level.path_of

    def path_of(level: strict_json.Level, key: str | int) -> str:
        paths.append(made(level, key))
        return paths[-1]

    monkeypatch.setattr(strict_json.Level, "path_of", path_of)
    content_violations({"k" * 900: {f"{number} ": "x" for number in range(200)}})
    assert len(paths) == 1


# --- size -----------------------------------------------------------------------------------


TOO_LARGE = [Violation("content", "is too large once written as XML")]


def test_a_long_name_in_a_long_array_is_refused() -> None:
    assert content_violations({"k" * 1000: [Number("0")] * 3_000}) == TOO_LARGE


def test_nested_arrays_repeat_the_name_too() -> None:
    assert content_violations({"k" * 1000: [[[Number("0")] * 2_900]]}) == []
    assert content_violations({"k" * 1000: [[[Number("0")] * 3_000]]}) == TOO_LARGE


def test_the_size_of_objects_texts_and_numbers_is_that_of_their_elements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = {"Ab": {"Cd": "x&y", "né": Number("1.50")}, "Ef": "€"}
    written = "<content><Ab><Cd>x&amp;y</Cd><né>1.50</né></Ab><Ef>€</Ef></content>".encode()
    assert written in transaction_data.render(a_request(), content, transaction_data.XML)

    monkeypatch.setattr(content_rules, "MAX_XML_BYTES", len(written))
    assert content_violations(content) == []
    monkeypatch.setattr(content_rules, "MAX_XML_BYTES", len(written) - 1)
    assert content_violations(content) == TOO_LARGE


A_MEBIBYTE = 1024 * 1024
largest = {
    "plain": {"a": "x" * (A_MEBIBYTE - 8)},
    "escaped": {"a": "&" * (A_MEBIBYTE - 8)},
    "carriage returns": {"a": "\r" * (A_MEBIBYTE // 2 - 8)},
    "three bytes a character": {"a": "€" * (A_MEBIBYTE // 3 - 8)},
    "long names": {"k" * 500: [Number("0")] * 5_900},
    "long names of nulls": {"k" * 500: [None] * 5_900},
}


def fits(content: dict[str, Any]) -> bool:
    request = a_request()
    data = transaction_data.render(request, content, transaction_data.XML)
    envelope = batching.Envelope("r" * 36, "n" * 40, "c" * 50, None, transaction_data.XML, ())
    document = batching.RenderedDocument.of(request.request_id, data)
    return len(document.text) <= batching.capacity(envelope)


@pytest.mark.parametrize("kind", largest)
def test_what_is_accepted_fits_a_call_of_thunderhead(kind: str) -> None:
    content = largest[kind]
    assert len(strict_json.dumps(content)) <= A_MEBIBYTE
    assert content_violations(content) == []
    assert fits(content)


def test_what_does_not_fit_a_call_of_thunderhead_is_refused() -> None:
    content = {"日" * 500: [Number("0")] * 5_900}
    assert len(strict_json.dumps(content)) <= A_MEBIBYTE
    assert fits(content) or content_violations(content)


def test_a_name_that_common_parsers_refuse_for_its_length_is_refused() -> None:
    content = {"k" * 50_001: "x"}
    assert content_violations(content)


@given(trees())
def test_any_tree_gets_an_answer(content: dict[str, Any]) -> None:
    assert all(violation.field.startswith("content") for violation in content_violations(content))
