"""Requests, batches and strategies for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from shared.domain.models import Batch, DocumentRequest
from shared.domain.statuses import BatchState, Priority, RequestStatus
from shared.domain.strict_json import Number

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

A_REQUEST = DocumentRequest(
    request_id=UUID(int=1),
    source_system="ARCADE",
    request_correlation_id="REQ-0001-9749",
    document_type="INVOICE",
    document_name="IVZRECPA",
    language="EN",
    priority=Priority.NORMAL,
    status=RequestStatus.RECEIVED,
    generation=1,
    version=1,
    received_at=NOON,
    updated_at=NOON,
    body_digest="0" * 64,
    traceparent=TRACEPARENT,
    metadata={"POLICY_ID": "14545", "FOOTER_ID": "2"},
)

A_BATCH = Batch(
    batch_id=UUID(int=7),
    state=BatchState.SUBMITTING,
    version=1,
    batch_name="OMS-20260302T120000-00000000",
    batch_config_id="1709524441",
    project_id=None,
    transaction_data_type="application/xml",
    properties=(("SIGNEE_1", "GBMHEN1"),),
    payload_digest="0" * 64,
    document_count=1,
    created_at=NOON,
    last_send_at=NOON,
    lease_owner=UUID(int=8),
    leased_until=NOON,
)


def a_request(**values: Any) -> DocumentRequest:
    return replace(A_REQUEST, **values)


def a_batch(**values: Any) -> Batch:
    return replace(A_BATCH, **values)


def ids(count: int) -> tuple[UUID, ...]:
    return tuple(UUID(int=number) for number in range(1, count + 1))


def nested(levels: int, inner: Any = "x") -> dict[str, Any]:
    """An object with so many levels of objects, itself the first."""
    value = inner
    for _ in range(levels):
        value = {"a": value}
    return value


def plain(text: str | bytes) -> Any:
    """Parse with the standard parser: numbers by their text, objects as lists of pairs."""
    return json.loads(
        text,
        parse_int=lambda number: ("number", number),
        parse_float=lambda number: ("number", number),
        object_pairs_hook=lambda pairs: ("object", pairs),
    )


def written(
    value: Any, blank: str = "", order: Callable[[list[Any]], object] = lambda keys: None
) -> str:
    """Write a tree as JSON text, independently of the code under test."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, list):
        items = [written(item, blank, order) for item in value]
        return f"[{blank}{f'{blank},'.join(items)}{blank}]"
    if isinstance(value, dict):
        keys = list(value)
        order(keys)
        members = [
            f"{json.dumps(key)}{blank}:{blank}{written(value[key], blank, order)}" for key in keys
        ]
        return f"{{{blank}{f'{blank},{blank}'.join(members)}{blank}}}"
    return json.dumps(value)


def frozen(value: Any) -> Any:
    """What two trees must share to mean the same: everything but the order of keys."""
    match value:
        case Number():
            return "number", value.text
        case dict():
            return "object", frozenset((key, frozen(child)) for key, child in value.items())
        case list():
            return "array", tuple(frozen(child) for child in value)
        case _:
            return type(value).__name__, value


number_texts = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,4})?", fullmatch=True
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
names = st.sampled_from(
    ["a", "b", "Line", "_x", "é", "a-1.b", "", " ", "1", '"', "\\", "\x00", "a:b", "日本", "\u2028"]
)


def trees(
    strings: st.SearchStrategy[str] = words, keys: st.SearchStrategy[str] = names
) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects as `strict_json.loads` gives them."""
    leaves = st.none() | st.booleans() | number_texts.map(Number) | strings
    values = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=8,
    )
    return st.dictionaries(keys, values, max_size=3)
