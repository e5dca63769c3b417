"""The documents by themselves: valid, complete, and without anything that is not for readers."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from local.contract_documents import DOCUMENT_REQUEST_API as GENERATED_FILE
from local.contract_documents import document_request_api
from shared.web.app import PREFIX, create_app
from tests.contracts.documents import (
    DIRECTORY,
    DOCUMENT_REQUEST_API,
    EVENT_SCHEMA,
    OPENAPI_DOCUMENTS,
    REFERENCE_DATA_API,
    THUNDERHEAD_API,
    load,
)
from tests.contracts.openapi import Contract

WRITTEN_BY_HAND = (REFERENCE_DATA_API, THUNDERHEAD_API)
FILES = sorted(path.name for path in DIRECTORY.iterdir() if path.name != DOCUMENT_REQUEST_API)


def test_the_file_is_what_make_docs_writes() -> None:
    assert GENERATED_FILE.read_text(encoding="utf-8") == document_request_api(), (
        "the API has changed: run `make docs`"
    )


def test_the_api_serves_what_is_in_the_file() -> None:
    served = TestClient(create_app(None)).get("/openapi.json")
    assert served.json() == load(DOCUMENT_REQUEST_API)


@pytest.mark.parametrize("name", OPENAPI_DOCUMENTS)
def test_a_document_is_openapi_3_1(name: str) -> None:
    assert load(name)["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(load(name)).iter_errors()] == []


def test_the_event_schema_is_json_schema_2020_12() -> None:
    assert load(EVENT_SCHEMA)["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(load(EVENT_SCHEMA))


@pytest.mark.parametrize("name", OPENAPI_DOCUMENTS)
def test_every_example_fits_its_schema(name: str) -> None:
    contract = Contract(name)
    examples = list(contract.examples())
    assert examples
    faults = [
        f"{place}: {fault}"
        for place, value, schema in examples
        for fault in contract.schema_faults(value, schema)
    ]
    assert faults == []


@pytest.mark.parametrize("name", WRITTEN_BY_HAND)
def test_every_answer_but_the_catch_all_has_an_example(name: str) -> None:
    for operation, status, response in Contract(name).answers():
        if status == "default" or "content" not in response:
            continue
        assert any(content.get("examples") for content in response["content"].values()), (
            f"{operation.operation_id} {status}"
        )


@pytest.mark.parametrize("name", OPENAPI_DOCUMENTS)
def test_every_operation_is_named_and_described(name: str) -> None:
    operations = Contract(name).operations
    names = [operation.operation_id for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+|issueToken", operation.operation_id)
        assert operation.description["summary"]
        assert operation.description["description"]
        assert all(parameter["description"] for parameter in operation.parameters)


@pytest.mark.parametrize("name", [*WRITTEN_BY_HAND, EVENT_SCHEMA])
def test_every_schema_is_described(name: str) -> None:
    document = load(name)
    schemas = document.get("$defs") or document["components"]["schemas"]
    for schema_name, schema in schemas.items():
        assert schema.get("description"), schema_name
        for member, described in schema.get("properties", {}).items():
            fixed = "$ref" in described or "items" in described or "const" in described
            assert described.get("description") or fixed or member == "refDataValue", member


@pytest.mark.parametrize("name", FILES)
def test_nothing_internal_is_told(name: str) -> None:
    text = (DIRECTORY / name).read_text(encoding="utf-8")
    assert not re.search(r"contracts?, section \d|/home/|/tmp/|localhost|127\.0\.0\.1", text)


def test_the_version_in_the_path_is_that_of_the_document() -> None:
    document = load(DOCUMENT_REQUEST_API)
    major = document["info"]["version"].partition(".")[0]
    assert PREFIX.endswith(f"/v{major}")
    assert all(path.startswith((PREFIX, "/health/")) for path in document["paths"])


def test_the_readme_names_every_document() -> None:
    readme = (DIRECTORY / "README.md").read_text(encoding="utf-8")
    for path in DIRECTORY.iterdir():
        assert path.name == "README.md" or f"]({path.name})" in readme
