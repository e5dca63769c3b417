"""What the OpenAPI description says beyond the routes: bodies, problems, parameters, security."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.web.answers import ProblemDocument
from shared.web.bodies import DocumentRequestBatchBody, DocumentRequestBody
from shared.web.examples import EXAMPLES, REQUEST_ID
from shared.web.problems import MEDIA_TYPE
from shared.web.response_headers import describe_headers

DESCRIPTION = """\
Accepts requests for documents, has them generated, and tells what became of them.

Every error is a problem document (RFC 9457). A request is identified by its `sourceSystem` and
`requestCorrelationId`: sending the same pair with the same body again is always safe.
"""

_REF = "#/components/schemas/{model}"

OPEN: dict[str, Any] = {"security": []}
"""For `openapi_extra` of a route that everyone may call."""


def answer(model: type[BaseModel], description: str, *headers: str) -> dict[str, Any]:
    """Describe an answer that is no problem."""
    return {"model": model, "description": description, **describe_headers(*headers)}


def links_to(*operations: str) -> dict[str, Any]:
    """Say which operations take the `requestId` of an answer."""
    parameters = {"requestId": "$response.body#/requestId"}
    return {"links": {name: {"operationId": name, "parameters": parameters} for name in operations}}


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Describe a body that the route reads by itself."""
    schema = {"$ref": _REF.format(model=model.__name__)}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def query_parameters(model: type[BaseModel]) -> dict[str, Any]:
    """Describe the query parameters that a model stands for."""
    schema = model.model_json_schema(ref_template=_REF)
    definitions = schema.get("$defs", {})
    # An object stands in a query with each of its properties (OpenAPI's default: form, explode).
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "description": described.pop("description"),
                "schema": _without_null(described, definitions),
            }
            for name, described in schema["properties"].items()
        ]
    }


def _without_null(described: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Drop what a query cannot say: null, and a reference to where nothing is."""
    kept = [option for option in described.get("anyOf", []) if option != {"type": "null"}]
    schema: dict[str, Any] = kept[0] if kept else described
    if reference := schema.get("$ref"):
        schema = definitions[reference.rsplit("/", 1)[1]]
    return schema


def complete(schema: dict[str, Any]) -> None:
    """Add the shapes that routes refer to, and how callers identify themselves."""
    models = (DocumentRequestBody, DocumentRequestBatchBody, ProblemDocument)
    _, shapes = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {}).update(shapes["$defs"])
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    schema["security"] = [{"bearer": []}]
    for path, item in schema["paths"].items():
        for operation in item.values():
            _show_examples(path, operation)


def _show_examples(path: str, operation: dict[str, Any]) -> None:
    """Add the examples of an operation's answers (FastAPI would drop their nulls)."""
    instance = path.replace("{requestId}", REQUEST_ID)
    for status, response in operation["responses"].items():
        for media_type, content in response["content"].items():
            if media_type != MEDIA_TYPE:
                value = EXAMPLES[operation["operationId"], int(status)]
                content["examples"] = {"answer": {"value": value}}
                continue
            for example in content["examples"].values():
                example["value"]["instance"] = instance
