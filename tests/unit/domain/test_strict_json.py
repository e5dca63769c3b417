from __future__ import annotations

import hashlib
import random
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from shared.domain import strict_json
from shared.domain.content_rules import Violation
from shared.domain.strict_json import MalformedJson, Number, RepeatedKeys
from tests.unit.domain.builders import frozen, nested, number_texts, plain, trees, written


def refusal(text: bytes) -> MalformedJson:
    with pytest.raises(MalformedJson) as caught:
        strict_json.loads(text)
    return caught.value


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-0",
        "-0.0",
        "1.10",
        "1.0",
        "18446744073709551616",  # 2 ** 64
        "-9223372036854775809",
        "123456789012345678901234567890.123456789012345678901234567890",
        "1E400",
        "1e-400",
        "1e+05",
        "9" * 5000,
    ],
)
def test_a_number_is_kept_digit_by_digit(number: str) -> None:
    text = f'{{"amount":{number}}}'
    tree = strict_json.loads(text.encode())
    assert isinstance(tree["amount"], Number)
    assert tree["amount"].text == number
    assert strict_json.dumps(tree) == text.encode()


@given(trees(), st.sampled_from(["", " ", "\r\n\t"]))
def test_what_is_written_is_what_was_read(tree: Any, blank: str) -> None:
    text = written(tree, blank)
    read = strict_json.loads(text.encode())
    assert frozen(read) == frozen(tree)
    assert plain(strict_json.dumps(read)) == plain(text)  # the order of keys included


@given(trees())
def test_what_is_stored_is_read_as_it_was_sent(tree: Any) -> None:
    read = strict_json.loads(written(tree, "").encode())
    assert frozen(strict_json.stored(strict_json.dumps(read).decode())) == frozen(read)


@pytest.mark.parametrize(
    "text", ['{"a":NaN}', "[-Infinity]", "[" * 100_000, '{"a":', ""], ids=lambda text: text[:9]
)
def test_what_is_stored_and_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        strict_json.stored(text)


@given(number_texts)
def test_every_number_comes_back_as_its_text(number: str) -> None:
    text = f"[{number}]".encode()
    assert strict_json.dumps(strict_json.loads(text)) == text


def test_writing_is_compact_and_keeps_the_order_of_keys() -> None:
    text = b'{ "b" : [ 1 , true , null ] , "a" : "\\u00e9" }'
    assert strict_json.dumps(strict_json.loads(text)) == '{"b":[1,true,null],"a":"é"}'.encode()


@pytest.mark.parametrize("write", [strict_json.dumps, strict_json.digest])
@pytest.mark.parametrize(
    "value",
    [{"a": "\ud800"}, {1: "a"}, {"a": 2**64}, nested(255)],
    ids=["surrogate", "key", "integer", "depth"],
)
def test_a_value_that_cannot_be_written_is_refused(
    write: Callable[[Any], object], value: Any
) -> None:
    with pytest.raises(ValueError, match=r"."):
        write(value)


@pytest.mark.parametrize(
    "value", [datetime.now(UTC), Violation("a", "b"), object(), etree.Comment()]
)
def test_what_is_no_json_is_not_written_in_a_form_of_its_own(value: object) -> None:
    with pytest.raises(TypeError):
        strict_json.dumps({"a": value})


def test_what_people_read_is_indented() -> None:
    text = strict_json.dumps(strict_json.loads(b'{"b":[1.10],"a":"x"}'), is_indented=True)
    assert text == b'{\n  "b": [\n    1.10\n  ],\n  "a": "x"\n}'


# --- what is no JSON ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"  ",
        b"{",
        b"{]",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":0x10}',
        b'{"a":1} x',
        b'{"a":1}{"a":1}',
        b'{"a":"\x01"}',
        b'{"a":"\\x"}',
        b'{"a":"\\u12"}',
        b"{a:1}",
        b"// no\n{}",
        b"\x00",
        b'{"a":nan}',
        b'{"a":infinity}',
    ],
)
def test_what_is_no_json_is_malformed(text: bytes) -> None:
    error = refusal(text)
    assert error.field == "body"
    assert str(error)
    assert "\n" not in str(error)


def test_a_malformed_text_is_pointed_at() -> None:
    assert str(refusal(b'{\n  "a": ?}')).endswith("at line 2, column 8")


@pytest.mark.parametrize(
    ("text", "position"),
    [(b"\xff", 0), (b'{"a":"\xc3("}', 6), (b'{"a":"\xed\xa0\x80"}', 6), (b"\xfe\xff\x00{", 0)],
)
def test_text_that_is_not_utf_8_is_malformed(text: bytes, position: int) -> None:
    error = refusal(text)
    assert (error.field, str(error)) == ("body", f"not UTF-8 at byte {position}")


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_malformed(codec: str) -> None:
    assert refusal('{"a":1}'.encode(codec)).field == "body"


@pytest.mark.parametrize(
    ("text", "path", "literal"),
    [
        (b"NaN", "body", "NaN"),
        (b'{"a":NaN}', "a", "NaN"),
        (b'{"content":{"lines":[{"x":1},{"x":Infinity}]}}', "content.lines[1].x", "Infinity"),
        (b'{"content":{"a":[[1,-Infinity]]}}', "content.a[0][1]", "-Infinity"),
        (b'{"a":NaN,"b":Infinity}', "a", "NaN"),
    ],
)
def test_nan_and_infinity_are_refused_with_their_path(text: bytes, path: str, literal: str) -> None:
    error = refusal(text)
    assert (error.field, str(error)) == (path, f"{literal} is not a JSON value")


def test_nan_is_refused_also_where_a_repeated_key_hides_it() -> None:
    assert "NaN is not a JSON value" in str(refusal(b'{"a":NaN,"a":1}'))


def test_the_words_nan_and_infinity_are_text_like_any_other() -> None:
    assert strict_json.loads(b'{"NaN":"Infinity"}') == {"NaN": "Infinity"}


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b"[", b"")]
)
def test_a_depth_of_a_hundred_thousand_is_malformed(opening: bytes, closing: bytes) -> None:
    error = refusal(opening * 100_000 + b"1" + closing * 100_000)
    assert error.field == "body"
    assert str(error) == "nested deeper than 64 levels"


@given(st.binary(max_size=30) | st.text('[]{}",:\\ue0123456789.-+ NaInfity\n', max_size=30))
@example(b'{"a":"\\ud800"}')
def test_no_input_makes_anything_but_a_tree_or_a_malformed_json(text: bytes | str) -> None:
    with suppress(MalformedJson):
        strict_json.loads(text.encode() if isinstance(text, str) else text)


@given(st.binary(max_size=20))
def test_what_is_read_the_standard_parser_reads_too(text: bytes) -> None:
    try:
        tree = strict_json.loads(text)
    except MalformedJson:
        return
    assert plain(strict_json.dumps(tree)) == plain(text)


# --- repeated keys, surrogates --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b'{"a":1,"a":1}', "a"),
        (b'{"a":1,"\\u0061":2}', "a"),
        (b'{"x":1,"b":2,"a":3,"a":4,"b":5}', "a"),
        (b'{"":1,"":2}', ""),
    ],
)
def test_a_repeated_key_is_noted(text: bytes, key: str) -> None:
    tree = strict_json.loads(text)
    assert isinstance(tree, RepeatedKeys)
    assert tree.key == key


def test_keys_that_differ_in_case_or_in_composition_are_not_repeated() -> None:
    tree = strict_json.loads('{"a":1,"A":2,"é":3,"e\u0301":4}'.encode())
    assert not isinstance(tree, RepeatedKeys)
    assert len(tree) == 4


def test_a_lone_surrogate_is_left_for_the_content_rules() -> None:
    assert strict_json.loads(b'{"a":"\\ud800"}') == {"a": "\ud800"}


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert strict_json.loads(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


# --- walking --------------------------------------------------------------------------------


def test_walking_goes_in_document_order_with_paths_names_and_depths() -> None:
    tree = {"b": [{"x": "1"}, ["2"]], "a": None}
    assert [
        (level.path_of(key), level.name_of(key), level.depth)
        for level, key, _ in strict_json.walk(tree, "content")
    ] == [
        ("content", "content", 1),
        ("content.b", "b", 2),
        ("content.b[0]", "b", 3),
        ("content.b[0].x", "x", 4),
        ("content.b[1]", "b", 3),
        ("content.b[1][0]", "b", 4),
        ("content.a", "a", 2),
    ]


@given(trees())
def test_walking_visits_every_value_once(tree: Any) -> None:
    def count(value: Any) -> int:
        children = value.values() if isinstance(value, dict) else value
        return 1 + sum(map(count, children)) if isinstance(value, dict | list) else 1

    assert sum(1 for _ in strict_json.walk(tree, "")) == count(tree)


def test_walking_below_a_long_key_costs_no_more_than_the_tree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(strict_json.Level, "path_of")  # made for who asks for it
    tree = {"k" * 10_000: [None] * 10_000}
    tracemalloc.start()
    try:
        assert sum(1 for _ in strict_json.walk(tree, "content")) == 10_002
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_walking_does_not_mind_depth() -> None:
    assert max(level.depth for level, *_ in strict_json.walk(nested(2_000), "")) == 2_001


# --- the digest -----------------------------------------------------------------------------


@given(trees(), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_keys_or_on_blanks(
    tree: Any, source: random.Random
) -> None:
    text = written(tree, source.choice(["", " ", "\n"]), source.shuffle)
    assert strict_json.digest(strict_json.loads(text.encode())) == strict_json.digest(tree)


few = st.sampled_from([Number("0"), Number("0.0"), Number("-0"), "0", "", True, False, None])
small_trees = st.dictionaries(
    st.sampled_from("ab"),
    st.recursive(
        few,
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
        ),
        max_leaves=3,
    ),
    max_size=2,
)


@given(small_trees, small_trees)
@example({"a": []}, {"a": {}})
@example({"a": None}, {})
@example({"a": ["0"]}, {"a": "0"})
@example({"a": Number("1.1")}, {"a": Number("1.10")})
@example({"a": Number("1")}, {"a": True})
@example({"a": ["x", "y"]}, {"a": ["y", "x"]})
@example({"a": "\u00e9"}, {"a": "\\u00e9"})
@example({"a": {"b": "0"}}, {"a.b": "0"})
def test_the_digest_depends_on_everything_else(first: Any, second: Any) -> None:
    same = strict_json.digest(first) == strict_json.digest(second)
    assert same == (frozen(first) == frozen(second))


def test_the_digest_is_a_fixed_function() -> None:
    """It is stored: one that changed would turn every replay into a conflict."""
    tree = strict_json.loads('{"b":[1.10,true,null],"a":"é\\n"}'.encode())
    canonical = '{"a":"é\\n","b":[1.10,true,null]}'.encode()
    assert strict_json.digest(tree) == hashlib.sha256(canonical).hexdigest()


def test_escapes_do_not_matter_to_the_digest() -> None:
    first = strict_json.loads('{"a":"é/"}'.encode())
    second = strict_json.loads(b'{"\\u0061":"\\u00e9\\/"}')
    assert strict_json.digest(first) == strict_json.digest(second)
