"""JSON as callers may send it: nothing rounded, nothing guessed, nothing dropped.

The standard parser rounds large numbers, keeps the last of two equal keys, accepts NaN and
lone surrogates. Here a number keeps its text (`Number`), and what has no single meaning is a
violation with the path of its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

MAX_DEPTH = 64
"""Levels of nesting that a request's content may have; the content object is the first."""

_CONTAINERS = (dict, list)
_NOTHING_ELSE = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""What orjson would write in a form of its own."""


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
        paths = (
            level.path_of(key)
            for level, key, value in walk(tree, "")
            if isinstance(value, _NotANumber)
        )
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


class Level:
    """An object or an array of a tree: where its values are."""

    __slots__ = ("_above", "_key", "depth", "name")

    def __init__(self, above: Level | None, key: str | int) -> None:
        self._above = above
        self._key = key
        self.name: str = above.name_of(key) if above else ""
        """The key that names it, which the items of an array have too."""
        self.depth: int = above.depth + 1 if above else 1
        """Of its values; the root of a tree has 1."""

    def name_of(self, key: str | int) -> str:
        """Return the key that names a value."""
        return self.name if isinstance(key, int) else key

    def path_of(self, key: str | int) -> str:
        """Return the place of a value, such as `content.lines[0]`. Costs as much as it is long."""
        keys = [key]
        level = self
        while level._above:
            keys.append(level._key)
            level = level._above
        root, *below = reversed(keys)
        path = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in below)
        return f"{root}{path}" if root else path.removeprefix(".")


def walk(value: Any, path: str) -> Iterator[tuple[Level, str | int, Any]]:
    """Yield every value of a tree in document order, with its level and its key or index there.

    Iterative: depth is no danger. Lazy, and without paths: one long key above a long array must
    not cost their product.
    """
    level = Level(None, "")
    children: Iterator[tuple[str | int, Any]] = iter(((path, value),))
    outer = []
    while True:
        for key, child in children:
            yield level, key, child
            if isinstance(child, _CONTAINERS):
                outer.append((level, children))
                level = Level(level, key)
                children = iter(child.items() if isinstance(child, dict) else enumerate(child))
                break
        else:
            if not outer:
                return
            level, children = outer.pop()


def dumps(value: Any, *, is_indented: bool = False) -> bytes:
    """Write JSON in UTF-8: compact or for people, the order of keys and numbers as they came.

    Takes what `loads` makes, finite floats and integers; an enum by its value, a UUID by its text.
    Raises TypeError for a value of another type, and ValueError for a lone surrogate, a key that is
    not a `str` itself, an integer beyond 64 bits and more than 254 levels.
    """
    return _write(value, orjson.OPT_INDENT_2 if is_indented else 0)


def digest(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical form: keys sorted, no blanks, numbers as sent, UTF-8.

    Raises as `dumps` does.
    """
    return hashlib.sha256(_write(value, orjson.OPT_SORT_KEYS)).hexdigest()


def _write(value: Any, options: int) -> bytes:
    try:
        return orjson.dumps(value, _as_it_came, options | _NOTHING_ELSE)
    except orjson.JSONEncodeError as error:  # a TypeError, for whatever is wrong
        if error.__cause__:
            raise
        raise ValueError(str(error)) from None


def _as_it_came(value: object) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    raise TypeError(type(value).__name__)
