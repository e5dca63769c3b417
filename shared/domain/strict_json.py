"""JSON as callers may send it: nothing rounded, nothing guessed, nothing dropped.

The standard parser rounds large numbers, keeps the last of two equal keys, accepts NaN and
lone surrogates. Here a number keeps its text (`Number`), and what has no single meaning is a
violation with the path of its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

MAX_DEPTH = 64
"""Levels of nesting that a request's content may have; the content object is the first."""

_CONTAINERS = (dict, list)
_MAX_PATH = 200
"""Characters of a path that are kept: enough for a reader to find the place."""


class Number:
    """A JSON number by its text; `dumps` writes it as it came."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Number({self.text!r})"


class MalformedJson(ValueError):
    """The text is no JSON (RFC 8259). `field` is where, as far as that is known."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _too_deep() -> MalformedJson:
    return MalformedJson("body", f"nested deeper than {MAX_DEPTH} levels")


def _no_value(field: str, literal: str) -> MalformedJson:
    return MalformedJson(field, f"{literal} is not a JSON value")


def _refuse(literal: str) -> None:
    raise _no_value("body", literal)


_STORED = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_refuse)


class _NotANumber:
    """Marks the place of a NaN or Infinity literal until its path is known."""

    def __init__(self, literal: str) -> None:
        self.literal = literal


class RepeatedKeys(dict[str, Any]):
    """An object in which a key occurred more than once."""

    key = ""


def loads(text: bytes) -> Any:
    """Parse JSON text in UTF-8.

    Objects are dicts, those with a repeated key `RepeatedKeys` (see `violations`). Numbers are
    `Number`. Raises MalformedJson.
    """
    constants: list[_NotANumber] = []

    def constant(literal: str) -> _NotANumber:
        constants.append(_NotANumber(literal))
        return constants[-1]

    try:
        tree = json.loads(
            text.decode("utf-8"),
            parse_int=Number,
            parse_float=Number,
            parse_constant=constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson("body", f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(
            "body", f"{error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if constants:
        # None is left where a repeated key hid it.
        paths = (node.path for node in walk(tree, "") if isinstance(node.value, _NotANumber))
        path = next(paths, "")
        raise _no_value(path or "body", constants[0].literal)
    return tree


def stored(text: str) -> Any:
    """Parse what `dumps` wrote of a tree without violations, in half the time of `loads`.

    Raises ValueError where it is no JSON.
    """
    try:
        return _STORED.decode(text)
    except RecursionError:
        raise _too_deep() from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    repeated = RepeatedKeys(result)
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            repeated.key = key
            break
        seen.add(key)
    return repeated


class Node(NamedTuple):
    """A value of a tree, with its place."""

    path: str
    """Such as `content.lines[0].amount`."""
    name: str
    """The key that names the value; the items of an array have the array's."""
    value: Any
    depth: int


def walk(value: Any, path: str) -> Iterator[Node]:
    """Yield every value of a tree in document order. Iterative: depth is no danger.

    Lazy, and with bounded paths: one long key above a long array must not cost their product.
    """
    pending = [iter((Node(path, path, value, 1),))]
    while pending:
        for node in pending[-1]:
            yield node
            if isinstance(node.value, _CONTAINERS):
                pending.append(_children(node))
                break
        else:
            pending.pop()


def _children(parent: Node) -> Iterator[Node]:
    path, name, value, depth = parent
    if len(path) > _MAX_PATH:
        path = path[:_MAX_PATH] + "…"
    if isinstance(value, dict):
        for key, child in value.items():
            yield Node(f"{path}.{key}" if path else key, key, child, depth + 1)
    else:
        for index, child in enumerate(value):
            yield Node(f"{path}[{index}]", name, child, depth + 1)


def dumps(value: Any, *, is_indented: bool = False) -> str:
    """Write JSON in the order of the tree, numbers as they came; compact, unless for people.

    Raises ValueError for a lone surrogate, and below some 250 levels.
    """
    return _write(value, orjson.OPT_INDENT_2 if is_indented else 0).decode()


def digest(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical form: keys sorted, no blanks, numbers as sent.

    Raises ValueError for a lone surrogate, and below some 250 levels.
    """
    return hashlib.sha256(_write(value, orjson.OPT_SORT_KEYS)).hexdigest()


def _write(value: Any, options: int) -> bytes:
    try:
        return orjson.dumps(value, _as_it_came, options)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _as_it_came(number: Number) -> orjson.Fragment:
    return orjson.Fragment(number.text)
