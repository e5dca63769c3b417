"""What a request's values may hold: everything that XML 1.0 can carry, and nothing else.

A violation found here is a 422 for the caller; found later it would be a failed document.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from lxml import etree

from shared.domain import strict_json

# What XML 1.0 (Fifth Edition), production 2, leaves out. (The negation of what is allowed takes ten
# times as long to compile.)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

MAX_XML_BYTES = 6_000_000
"""Size of the generated XML that still fits a Thunderhead call (10 MB) after base64.

Long names in long arrays can make a small JSON body a huge XML document.
"""

MAX_NAME = 1000
"""Characters of a key. XML sets no limit, its parsers do (libxml2: 50,000)."""

MAX_VIOLATIONS = 50
"""More than this many are not listed one by one."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a request: the field's path and what is wrong there."""

    field: str
    message: str


def text_violation(value: str) -> str | None:
    """Say what keeps a text out of XML, or None."""
    found = _NOT_XML.search(value)
    if found is None:
        return None
    character = ord(found.group())
    kind = "a lone surrogate" if 0xD800 <= character <= 0xDFFF else "a character not allowed in XML"
    return f"contains {kind} (U+{character:04X}) at position {found.start()}"


def is_xml_name(key: str) -> bool:
    """Tell whether a key can name an XML element (without a namespace prefix)."""
    return len(key) <= MAX_NAME and _is_xml_name(key)


@lru_cache(maxsize=4096)
def _is_xml_name(key: str) -> bool:
    if "{" in key or "}" in key:  # lxml reads these as a namespace
        return False
    try:
        etree.Element(key)
    except ValueError:
        return False
    return True


def content_violations(content: Mapping[str, Any], path: str = "content") -> list[Violation]:
    """List what keeps a content object from becoming a document, at most `MAX_VIOLATIONS`."""
    found: list[Violation] = []
    size = _tags_size([path])
    for level, key, value in strict_json.walk(content, path):
        if isinstance(value, str):
            size += _xml_size(value)
            if problem := text_violation(value):
                found.append(Violation(_printable(level.path_of(key)), problem))
        elif isinstance(value, strict_json.Number):
            size += len(value.text)
        elif isinstance(value, (dict, list)):
            if level.depth > strict_json.MAX_DEPTH:
                return [Violation(path, f"nested deeper than {strict_json.MAX_DEPTH} levels")]
            if isinstance(value, dict):
                size += _tags_size(value)
                found.extend(_key_violations(value, level, key))
            else:
                size += len(value) * _tags_size([level.name_of(key)])
        if size > MAX_XML_BYTES:
            return [Violation(path, "is too large once written as XML")]
        if len(found) >= MAX_VIOLATIONS:
            break
    return found[:MAX_VIOLATIONS]


def _xml_size(text: str) -> int:
    """Return the bytes of a text in UTF-8, once escaped (`&amp;`, `&lt;`, `&#13;`)."""
    markup = text.count("&") + text.count("<") + text.count(">") + text.count("\r")
    return _utf8_size(text) + 4 * markup


def _tags_size(names: Collection[str]) -> int:
    """Return the bytes of an empty element of each name."""
    return 2 * _utf8_size("".join(names)) + len(names) * len("<></>")


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _key_violations(
    value: dict[str, Any], level: strict_json.Level, key: str | int
) -> Iterator[Violation]:
    bad = list(islice((name for name in value if not is_xml_name(name)), MAX_VIOLATIONS))
    if bad or isinstance(value, strict_json.RepeatedKeys):
        where = _printable(level.path_of(key))
        if isinstance(value, strict_json.RepeatedKeys):
            yield Violation(_printable(f"{where}.{value.key}"), "occurs more than once")
        for name in bad:
            yield Violation(_printable(f"{where}.{name}"), "the key cannot name an XML element")


def _printable(path: str) -> str:
    """Keep a path fit for an answer: keys come from the caller and may hold anything."""
    shown = path if len(path) <= 200 else path[:200] + "…"
    return _NOT_XML.sub("\ufffd", shown)
