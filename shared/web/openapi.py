"""What the OpenAPI description says beyond the routes: bodies, problems, parameters, security."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.web.answers import ProblemDocument
from shared.web.bodies import DocumentRequestBatchBody, DocumentRequestBody
from shared.web.problems import MEDIA_TYPE

DESCRIPTION = """\
Accepts requests for documents, has them generated, and tells what became of them.

Every error is a problem document (RFC 9457). A request is identified by its `sourceSystem` and
`requestCorrelationId`: sending the same pair with the same body again is always safe.
"""

_REF = "#/components/schemas/{model}"
_MEANINGS = {
    400: "The body is not JSON (`MALFORMED_JSON`).",
    401: "No valid proof of who calls.",
    403: "Not allowed, or not for this source system (`FORBIDDEN_SOURCE_SYSTEM`).",
    404: "No such request, or none that the caller may see.",
    409: "It contradicts what is stored (`CORRELATION_ID_REUSED`, `NOT_CANCELLABLE`).",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "The input is not valid; `errors` has one entry per field.",
    500: "Something unexpected; the trace id helps to find it.",
    503: "`DATABASE_UNAVAILABLE` (the outcome may be unknown: send the same again) or "
    "`REFERENCE_DATA_UNAVAILABLE` (nothing was stored).",
}

OPEN: dict[str, Any] = {"security": []}
"""For `openapi_extra` of a route that everyone may call."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problems of a guarded route: those given, and those that all have."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=ProblemDocument.__name__)}}}
    return {
        status: {"description": _MEANINGS[status], "content": content}
        for status in sorted({*statuses, 401, 403, 500, 503})
    }


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
