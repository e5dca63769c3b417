"""Loaded by Schemathesis: gives valid cases what no schema can tell it, the codes there are."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

CODES = {
    "sourceSystem": ("ARCADE", "POLARIS"),
    "documentType": ("INVOICE", "REMINDER"),
    "documentName": ("IVZRECPA", "RMDRPAY1"),
    "language": ("EN", "DE", "EL"),
}
KEYS = ("INVOICE_ID", "POLICY_ID", "FOOTER_ID", "CUSTOMER_ID")


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict) and "items" in case.body:
        case.body = {"items": [_with_codes(item) for item in case.body["items"]]}
    else:
        case.body = _with_codes(case.body)


def _with_codes(body: Any) -> Any:
    if not isinstance(body, dict) or "content" not in body:
        return body
    chosen = {
        name: codes[len(str(body[name])) % len(codes)]
        for name, codes in CODES.items()
        if name in body
    }
    if body.get("metadata"):
        chosen["metadata"] = dict(zip(KEYS, body["metadata"].values(), strict=False))
    return body | chosen


@schemathesis.check
def bad_items_are_refused(_context: Any, response: Any, case: Any) -> None:
    if response.status_code != 207 or case.meta is None:
        return
    body = case.meta.components.get(ParameterLocation.BODY)
    if body is not None and body.mode.is_negative:
        statuses = [item["status"] for item in response.json()["items"]]
        assert any(status >= 400 for status in statuses), f"all accepted: {statuses}"
