"""How well our own API describes itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.documents import DOCUMENT_REQUEST_API, load
from tests.contracts.openapi import Contract

CONTRACT = Contract(DOCUMENT_REQUEST_API)
SCHEMAS = CONTRACT.document["components"]["schemas"]


def texts(node: Any) -> Iterator[str]:
    """Yield every description of the document."""
    if isinstance(node, list):
        for inner in node:
            yield from texts(inner)
    if isinstance(node, dict):
        if isinstance(node.get("description"), str):
            yield node["description"]
        for inner in node.values():
            yield from texts(inner)


def headers_of(operation_id: str, status: str) -> set[str]:
    """Return the headers that an answer describes; none if there is no such answer."""
    return {
        header
        for operation, documented, response in CONTRACT.answers()
        if (operation.operation_id, documented) == (operation_id, status)
        for header in response.get("headers", {})
    }


def test_descriptions_are_for_callers() -> None:
    told = "\n".join(texts(CONTRACT.document))
    assert not re.search(r"event loop|contracts?, section|Successful Response|asking anyone", told)


def test_the_headers_of_answers_are_described() -> None:
    assert "Location" in headers_of("submitDocumentRequest", "202")
    assert {"Location", "Idempotent-Replayed"} <= headers_of("submitDocumentRequest", "200")
    for operation, status, response in CONTRACT.answers():
        if status == "503" and not operation.template.startswith("/health"):
            assert "Retry-After" in response.get("headers", {}), operation.operation_id
        if status == "401":
            assert "WWW-Authenticate" in response.get("headers", {}), operation.operation_id


def test_every_answer_has_an_example() -> None:
    places = [place for place, _, _ in CONTRACT.examples()]
    for operation, status, response in CONTRACT.answers():
        for content in response["content"].values():
            name = content["schema"]["$ref"].rsplit("/", 1)[1]
            has_example = "examples" in content or any(f"/{name}/" in place for place in places)
            assert has_example, f"{operation.operation_id} {status}"


def test_what_is_left_out_is_never_null() -> None:
    for name in ("DocumentRequestAnswer", "BatchItemAnswer"):
        for member, schema in SCHEMAS[name]["properties"].items():
            assert {"type": "null"} not in schema.get("anyOf", []), f"{name}.{member}"


def test_answers_may_grow() -> None:
    for name, schema in SCHEMAS.items():
        if not name.endswith("Body") and "properties" in schema:
            assert schema.get("additionalProperties") is not False, name


def test_an_operation_names_only_the_problems_that_it_has() -> None:
    told = {
        (operation.operation_id, status): response["description"]
        for operation, status, response in CONTRACT.answers()
    }
    assert "NOT_CANCELLABLE" not in told["submitDocumentRequest", "409"]
    assert "CORRELATION_ID_REUSED" not in told["cancelDocumentRequest", "409"]
    assert "REFERENCE_DATA" not in told["getDocumentRequest", "503"]
    assert "FORBIDDEN_SOURCE_SYSTEM" not in told["getDocumentRequest", "403"]


def test_guarded_operations_may_ask_callers_to_wait() -> None:
    for operation in CONTRACT.operations:
        if not operation.template.startswith("/health"):
            assert "Retry-After" in headers_of(operation.operation_id, "429")


@pytest.mark.parametrize("member", ["status", "generation"])
@pytest.mark.parametrize("name", ["DocumentRequestAnswer"])
def test_the_main_members_are_described(name: str, member: str) -> None:
    schema = SCHEMAS[name]["properties"][member]
    assert CONTRACT.resolve(schema).get("description")


def test_only_health_is_open() -> None:
    assert load(DOCUMENT_REQUEST_API)["security"] == [{"bearer": []}]
    for operation in CONTRACT.operations:
        assert (operation.security == ()) == operation.template.startswith("/health")
