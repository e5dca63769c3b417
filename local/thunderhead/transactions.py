"""Reads the transaction data of one document, XML or JSON."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

XML = "application/xml"
JSON = "application/json"
ROOT_ELEMENT = "transaction"


class UnreadableTransaction(Exception):
    """The data is not what its type promises."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """The data of one document, ready to be asked which elements it holds."""

    size: int
    root: ElementTree.Element | dict[str, Any]

    def first_missing(self, paths: Iterable[str]) -> str | None:
        """Return the first of the element paths that does not occur, or None."""
        return next((path for path in paths if not self._holds(path)), None)

    def _holds(self, path: str) -> bool:
        if isinstance(self.root, ElementTree.Element):
            return self.root.find(f".//{path}") is not None
        first, *rest = path.split("/")
        return any(_leads_along(rest, found) for found in _values_of_key(first, self.root))


def read_transaction(encoded: str, data_type: str) -> Transaction:
    """Decode and parse transaction data."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise UnreadableTransaction("The transaction data is not base64.") from error
    if data_type == XML:
        return Transaction(len(raw), _parse_xml(raw))
    return Transaction(len(raw), _parse_json(raw))


def _parse_xml(raw: bytes) -> ElementTree.Element:
    try:
        # The only caller is the system under development: no hostile XML to defend against.
        root = ElementTree.fromstring(raw)  # noqa: S314
    except ElementTree.ParseError as error:
        raise UnreadableTransaction(f"The XML is not well-formed: {error}.") from error
    if root.tag != ROOT_ELEMENT:
        raise UnreadableTransaction(f"The root element is not {ROOT_ELEMENT}.")
    return root


def _parse_json(raw: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(raw)
    except ValueError as error:
        raise UnreadableTransaction("The data is not JSON in UTF-8.") from error
    if not isinstance(parsed, dict):
        raise UnreadableTransaction("The data is not a JSON object.")
    return parsed


def _values_of_key(key: str, value: Any) -> Iterator[Any]:
    """Yield whatever stands under a key, at any depth."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for child in value.values():
            yield from _values_of_key(key, child)
    elif isinstance(value, list):
        for child in value:
            yield from _values_of_key(key, child)


def _leads_along(path: list[str], value: Any) -> bool:
    """Tell whether a path of keys can be followed, through any element of a list."""
    if not path:
        return True
    if isinstance(value, list):
        return any(_leads_along(path, child) for child in value)
    return isinstance(value, dict) and path[0] in value and _leads_along(path[1:], value[path[0]])
