from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.web.examples import EXAMPLES


@pytest.fixture
def described(client: TestClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/openapi.json").json()
    return answer


def test_docs(client: TestClient) -> None:
    assert "/openapi.json" in client.get("/docs").text


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    references = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(described)))
    assert "ProblemDocument" in references
    assert references <= set(described["components"]["schemas"])
    assert '"$ref": "#/$defs' not in json.dumps(described)


def test_every_operation_is_described(described: dict[str, Any]) -> None:
    operations = [
        (path, operation)
        for path, operations in described["paths"].items()
        for operation in operations.values()
    ]
    assert len({operation["operationId"] for _, operation in operations}) == len(operations) == 9
    for path, operation in operations:
        assert re.fullmatch(r"[a-z][A-Za-z]+", operation["operationId"])
        assert operation["summary"]
        assert operation["description"]
        assert all(response["description"] for response in operation["responses"].values())
        if path.startswith("/health"):
            assert operation["security"] == []
            continue
        assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            is_problem = "application/problem+json" in response["content"]
            assert is_problem == (int(status) >= 400)


def test_who_calls_is_shown_by_a_bearer_token(described: dict[str, Any]) -> None:
    (required,) = described["security"]
    (name,) = required
    scheme = described["components"]["securitySchemes"][name]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_query_parameter_is_described(described: dict[str, Any]) -> None:
    parameters = described["paths"]["/api/v1/document-requests"]["get"]["parameters"]
    assert {one["name"] for one in parameters} == {
        "sourceSystem",
        "status",
        "documentType",
        "documentName",
        "requestCorrelationId",
        "receivedFrom",
        "receivedTo",
        "updatedFrom",
        "metadata",
        "limit",
        "cursor",
    }
    assert all(one["description"] and "null" not in str(one["schema"]) for one in parameters)


def test_bodies_are_described(described: dict[str, Any]) -> None:
    schema = described["components"]["schemas"]["DocumentRequestBody"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["metadata"]["maxProperties"] == 50
    assert schema["properties"]["content"]["type"] == "object"
    assert set(schema["required"]) == {
        "sourceSystem",
        "requestCorrelationId",
        "documentType",
        "documentName",
        "language",
        "content",
    }


def test_every_example_of_an_answer_is_used(described: dict[str, Any]) -> None:
    answers = {
        (operation["operationId"], int(status))
        for operations in described["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if "application/json" in response["content"]
    }
    assert answers == set(EXAMPLES)


def test_the_description_is_made_once(app: FastAPI) -> None:
    assert app.openapi() is app.openapi()
