"""A request as Thunderhead reads it: XML by default, or JSON (contracts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from shared.domain import strict_json
from shared.domain.models import DocumentRequest
from shared.domain.timing import rfc3339

XML = "application/xml"
JSON = "application/json"

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = f"{{{_XSI}}}nil"


def render(request: DocumentRequest, content: Mapping[str, Any], data_type: str) -> bytes:
    """Write a request's transaction data.

    The same request and content give the same bytes, always: a batch may have to be sent
    again, byte for byte. Raises ValueError for content that breaks `content_rules`.
    """
    transaction = {
        "requestId": str(request.request_id),
        "sourceSystem": request.source_system,
        "requestCorrelationId": request.request_correlation_id,
        "documentType": request.document_type,
        "documentName": request.document_name,
        "language": request.language,
        "priority": request.priority.value,
        "receivedAt": rfc3339(request.received_at),
        "metadata": dict(sorted(request.metadata.items())),
        "content": content,
    }
    if data_type == JSON:
        return strict_json.dumps(transaction)
    root = etree.Element("transaction", nsmap={"xsi": _XSI})
    _fill(root, transaction)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _fill(element: etree._Element, value: Any) -> None:
    """Give an element the children or the text of a JSON value."""
    match value:
        case dict():
            for key, child in value.items():
                if isinstance(child, str):  # most are: no need to go any deeper
                    etree.SubElement(element, key).text = child
                else:
                    _append(element, key, child)
        case str():
            element.text = value
        case None:
            element.set(_NIL, "true")
        case bool():
            element.text = "true" if value else "false"
        case strict_json.Number():
            element.text = value.text
        case _:  # an array directly inside an array
            for child in value:
                _fill(etree.SubElement(element, element.tag), child)


def _append(parent: etree._Element, key: str, value: Any) -> None:
    """Add one key: an element, or one per item where the value is an array."""
    for item in value if isinstance(value, list) else (value,):
        _fill(etree.SubElement(parent, key), item)
